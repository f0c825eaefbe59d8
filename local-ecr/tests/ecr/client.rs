//! A client that sends exactly what it is told: one request a connection.

use local_ecr::LocalEcr;
use serde_json::Value;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
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

/// Calls an operation and expects it to succeed.
pub(crate) fn call(ecr: &LocalEcr, operation: &str, request: &Value) -> Value {
    let answer = post(ecr, operation, request.to_string().as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

/// Calls an operation and gives the exception it is refused with.
pub(crate) fn refusal(ecr: &LocalEcr, operation: &str, request: &Value) -> String {
    let answer = post(ecr, operation, request.to_string().as_bytes()).unwrap();
    let code = answer.json()["__type"].as_str().unwrap().to_owned();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("x-amzn-errortype"), Some(code.as_str()));
    code
}

/// Posts a body to an operation.
pub(crate) fn post(ecr: &LocalEcr, operation: &str, body: &[u8]) -> io::Result<Answer> {
    let target = format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
    let headers =
        [("x-amz-target", target.as_str()), ("authorization", SIGNED), ("content-type", "application/x-amz-json-1.1")];
    send(&ecr.url(), "POST", &headers, body)
}

/// Sends one request and reads its answer to the end.
pub(crate) fn send(url: &str, method: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
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

fn parse(bytes: &[u8], method: &str) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let (status, headers) = head.split_once("\r\n")?;
    let answer = Answer {
        status: status.split(' ').nth(1)?.parse().ok()?,
        headers: headers.to_owned(),
        body: bytes[end + 4..].to_vec(),
    };
    let length: usize = answer.header("content-length").unwrap_or("0").parse().ok()?;
    (method == "HEAD" || answer.body.len() == length).then_some(answer)
}
