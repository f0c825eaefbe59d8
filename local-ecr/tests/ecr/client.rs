//! A client that sends each request byte for byte, on a separate connection.

use local_ecr::{LocalEcr, Options};
use serde_json::Value;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A response as received.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-central-1/ecr/aws4_request, SignedHeaders=host, Signature=00";

/// A server with the default options.
pub(crate) fn start() -> LocalEcr {
    LocalEcr::start(Options::default()).unwrap()
}

/// Calls an operation and expects it to succeed.
pub(crate) fn call(ecr: &LocalEcr, operation: &str, request: &Value) -> Value {
    let response = post(ecr, operation, request.to_string().as_bytes()).unwrap();
    assert_eq!(response.status, 200, "{}", response.json());
    response.json()
}

/// Calls an operation, expects it to fail, and returns the exception.
pub(crate) fn error_code(ecr: &LocalEcr, operation: &str, request: &Value) -> String {
    let response = post(ecr, operation, request.to_string().as_bytes()).unwrap();
    let code = response.json()["__type"].as_str().unwrap().to_owned();
    assert_eq!(response.status, 400);
    assert_eq!(response.header("x-amzn-errortype"), Some(code.as_str()));
    code
}

/// Posts a body to an operation.
pub(crate) fn post(ecr: &LocalEcr, operation: &str, body: &[u8]) -> io::Result<Response> {
    let target = format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
    let headers =
        [("x-amz-target", target.as_str()), ("authorization", SIGNED), ("content-type", "application/x-amz-json-1.1")];
    send(&ecr.url(), "POST", &headers, body)
}

/// Sends one request and reads its response to the end.
pub(crate) fn send(url: &str, method: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Response> {
    let rest = url.trim_start_matches("http://");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    )?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes, method).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn parse(bytes: &[u8], method: &str) -> Option<Response> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let (status, headers) = head.split_once("\r\n")?;
    let response = Response {
        status: status.split(' ').nth(1)?.parse().ok()?,
        headers: headers.to_owned(),
        body: bytes[end + 4..].to_vec(),
    };
    let length: usize = response.header("content-length").unwrap_or("0").parse().ok()?;
    (method == "HEAD" || response.body.len() == length).then_some(response)
}

/// Calls an operation until the last page, and returns the rows of each page.
pub(crate) fn pages(ecr: &LocalEcr, operation: &str, rows: &str, mut request: Value) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    loop {
        let response = call(ecr, operation, &request);
        pages.push(response[rows].as_array().unwrap().clone());
        match response.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => return pages,
        }
    }
}
