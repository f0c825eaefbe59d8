//! The compiled function in a process of its own, with its settings, its host and its log.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use local_ecr::LocalEcr;
use serde_json::{Value, json};

use crate::runtime_api::{Invocation, Reply, RuntimeApi};

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "eu-central-1";

/// How long a test waits for an answer before it fails. Lambda's own limit is what the function sees.
const PATIENCE: Duration = Duration::from_mins(1);

/// A function that is about to start.
pub struct Setup {
    environment: BTreeMap<String, String>,
    program: Command,
}

/// A function that runs.
pub struct Function {
    process: Mutex<Process>,
    api: RuntimeApi,
    time_left: Duration,
}

/// Its process, and what that writes.
struct Process {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    log: Arc<Mutex<Vec<String>>>,
}

/// An invocation that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub error_type: String,
    pub message: String,
}

/// A function that gave up while it started.
pub struct Ended {
    pub status: ExitStatus,
    pub log: String,
    pub init_errors: Vec<Value>,
}

impl Setup {
    /// The compiled function, for amd64 and arm64 and with this ECR.
    pub fn with(ecr: &LocalEcr) -> Self {
        Self::of(Command::new(env!("CARGO_BIN_EXE_ecr-multiarch")))
            .set("AWS_ENDPOINT_URL_ECR", &ecr.url())
            .set("PLATFORMS", "linux/amd64,linux/arm64")
    }

    /// Any program that is a Lambda function.
    pub fn of(program: Command) -> Self {
        let setup = Self { environment: BTreeMap::new(), program };
        setup
            .set("AWS_REGION", REGION)
            .set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .set("AWS_SECRET_ACCESS_KEY", "example")
            .set("AWS_LAMBDA_FUNCTION_NAME", "assembler")
            .set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn unset(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    pub fn start(mut self) -> Function {
        let api = RuntimeApi::start();
        let mut child = self
            .program
            .env_clear()
            .envs(&self.environment)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let readers = vec![
            collect(child.stdout.take().unwrap(), Arc::clone(&log)),
            collect(child.stderr.take().unwrap(), Arc::clone(&log)),
        ];
        let process = Mutex::new(Process { child, readers, log });
        Function { process, api, time_left: Duration::from_secs(30) }
    }

    /// Starts a function that is to end by itself.
    pub fn start_and_end(self) -> Ended {
        let function = self.start();
        let status = function.process.lock().unwrap().child.wait().unwrap();
        Ended { status, log: function.log(), init_errors: function.api.init_errors() }
    }
}

fn collect(output: impl std::io::Read + Send + 'static, log: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            log.lock().unwrap().push(line);
        }
    })
}

impl Function {
    /// The function with less time than Lambda's thirty seconds.
    pub fn with_time_left(mut self, time_left: Duration) -> Self {
        self.time_left = time_left;
        self
    }

    /// Invokes it and waits for its answer.
    pub fn invoke(&self, input: &Value) -> Result<Value, Failure> {
        self.invoke_raw(&input.to_string())
    }

    /// Invokes it with any text.
    pub fn invoke_raw(&self, payload: &str) -> Result<Value, Failure> {
        answer(&self.begin(payload))
    }

    /// Invokes it without waiting.
    pub fn begin(&self, payload: &str) -> Receiver<Reply> {
        self.api.invoke(Invocation {
            payload: payload.to_owned(),
            arn: format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:assembler"),
            time_left: self.time_left,
        })
    }

    /// Ends it, and gives everything that it wrote.
    pub fn log(&self) -> String {
        self.process.lock().unwrap().end().join("\n")
    }

    /// Ends it, and gives the lines that it wrote, each of them JSON.
    #[track_caller]
    pub fn log_lines(&self) -> Vec<Value> {
        self.log().lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The id of its process.
    pub fn process_id(&self) -> u32 {
        self.process.lock().unwrap().child.id()
    }
}

impl Process {
    fn end(&mut self) -> Vec<String> {
        // A process that has ended cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for an answer.
pub fn answer(receiver: &Receiver<Reply>) -> Result<Value, Failure> {
    match receiver.recv_timeout(PATIENCE).expect("no answer came") {
        Reply::Response(body) => Ok(serde_json::from_str(&body).unwrap()),
        Reply::Error { error_type, message } => Err(Failure { error_type, message }),
    }
}

/// The event of a push to the home registry.
pub fn push_event(repository: &str, tag: &str) -> Value {
    json!({
        "version": "0", "id": "13cde686-328b-6117-af20-0e5566167482", "detail-type": "ECR Image Action",
        "source": "aws.ecr", "account": ACCOUNT, "time": "2026-11-23T10:00:00Z", "region": REGION, "resources": [],
        "detail": {"result": "SUCCESS", "repository-name": repository, "image-digest": format!("sha256:{:064}", 0),
                   "action-type": "PUSH", "image-tag": tag},
    })
}

/// A request to assemble a version.
pub fn assemble(repository: &str, version: &str) -> Value {
    json!({"action": "assemble", "repository": repository, "version": version})
}
