//! A minimal host of the Lambda Runtime API, which serves one invocation after the other.
//!
//! AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes".

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// The function's reply to an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Response(String),
    Error { error_type: String, message: String },
}

/// A queued invocation.
pub struct Invocation {
    pub payload: String,
    pub arn: String,
    pub remaining_time: Duration,
}

/// The receivers of the replies, by request id.
type Pending = Arc<Mutex<HashMap<String, Sender<Reply>>>>;

/// The host. Its listener ends with the test process, its connections with the function's process.
pub struct RuntimeApi {
    address: String,
    queue: Sender<(String, Invocation)>,
    pending: Pending,
    init_errors: Arc<Mutex<Vec<Value>>>,
    next_id: Mutex<u64>,
}

impl RuntimeApi {
    /// Starts a host on a free port of the loopback interface.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (queue, invocations) = channel();
        let host = Host {
            invocations: Arc::new(Mutex::new(invocations)),
            pending: Pending::default(),
            init_errors: Arc::default(),
        };
        let (pending, init_errors) = (Arc::clone(&host.pending), Arc::clone(&host.init_errors));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let host = host.clone();
                thread::spawn(move || host.serve(&stream));
            }
        });
        Self { address, queue, pending, init_errors, next_id: Mutex::new(0) }
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Queues an invocation; the receiver gets its reply.
    pub fn invoke(&self, invocation: Invocation) -> Receiver<Reply> {
        let id = {
            let mut next_id = self.next_id.lock().unwrap();
            *next_id += 1;
            format!("00000000-0000-0000-0000-{:012}", *next_id)
        };
        let (sender, receiver) = channel();
        self.pending.lock().unwrap().insert(id.clone(), sender);
        self.queue.send((id, invocation)).unwrap();
        receiver
    }

    /// The initialization errors that were reported so far.
    pub fn init_errors(&self) -> Vec<Value> {
        self.init_errors.lock().unwrap().clone()
    }
}

/// The state that the connections share.
#[derive(Clone)]
struct Host {
    invocations: Arc<Mutex<Receiver<(String, Invocation)>>>,
    pending: Pending,
    init_errors: Arc<Mutex<Vec<Value>>>,
}

impl Host {
    /// Answers the requests of one connection until it ends.
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        while let Some(Request { path, body }) = Request::read(&mut reader) {
            let response = match path.strip_prefix("/2018-06-01/runtime/").unwrap_or_default() {
                "invocation/next" => match self.next(stream) {
                    Some(response) => response,
                    None => return,
                },
                "init/error" => {
                    self.init_errors.lock().unwrap().push(serde_json::from_str(&body).unwrap());
                    accepted()
                }
                path => {
                    self.forward(path, body);
                    accepted()
                }
            };
            if writer.write_all(response.as_bytes()).is_err() {
                return;
            }
        }
    }

    /// Waits for an invocation while the function keeps its connection open.
    fn next(&self, stream: &TcpStream) -> Option<String> {
        loop {
            let taken = self.invocations.lock().unwrap().recv_timeout(Duration::from_millis(50));
            match taken {
                Ok((id, Invocation { payload, arn, remaining_time })) => {
                    let deadline = SystemTime::now() + remaining_time;
                    let deadline_ms = deadline.duration_since(UNIX_EPOCH).unwrap().as_millis();
                    return Some(format!(
                        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {id}\r\n\
                         Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\nLambda-Runtime-Invoked-Function-Arn: {arn}\r\n\
                         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{payload}",
                        payload.len()
                    ));
                }
                Err(RecvTimeoutError::Timeout) if is_open(stream) => {}
                Err(_) => return None,
            }
        }
    }

    /// Forwards a response or an error to the test that waits for it.
    fn forward(&self, path: &str, body: String) {
        let mut parts = path.split('/').skip(1);
        let (id, kind) = (parts.next().unwrap(), parts.next().unwrap());
        let reply = if kind == "response" {
            Reply::Response(body)
        } else {
            let error: Value = serde_json::from_str(&body).unwrap();
            let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
            Reply::Error { error_type: text("errorType"), message: text("errorMessage") }
        };
        if let Some(sender) = self.pending.lock().unwrap().remove(id) {
            // Fails if the test has dropped the receiver.
            let _ = sender.send(reply);
        }
    }
}

fn accepted() -> String {
    "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_owned()
}

fn is_open(stream: &TcpStream) -> bool {
    let _ = stream.set_nonblocking(true);
    let peeked = stream.peek(&mut [0]);
    let _ = stream.set_nonblocking(false);
    !matches!(peeked, Ok(0)) && !peeked.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
}

/// A request of the function.
struct Request {
    path: String,
    body: String,
}

impl Request {
    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let line = read_line(reader)?;
        let path = line.split(' ').nth(1)?.to_owned();
        let (mut length, mut chunked) = (0, false);
        loop {
            let header = read_line(reader)?.to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            chunked |= header.starts_with("transfer-encoding:") && header.contains("chunked");
        }
        let mut body = Vec::new();
        if chunked {
            while let size @ 1.. = usize::from_str_radix(&read_line(reader)?, 16).ok()? {
                read_exactly(reader, size, &mut body)?;
                read_line(reader)?;
            }
            read_line(reader)?;
        } else {
            read_exactly(reader, length, &mut body)?;
        }
        Some(Self { path, body: String::from_utf8(body).ok()? })
    }
}

fn read_line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    let read = reader.read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

fn read_exactly(reader: &mut impl BufRead, size: usize, into: &mut Vec<u8>) -> Option<()> {
    let read = reader.take(size as u64).read_to_end(into).ok()?;
    (read == size).then_some(())
}
