//! The compiled function in a separate process, with its settings, its host of the Runtime API and its log.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use local_ecr::LocalEcr;
use serde_json::Value;

use super::runtime_api::{Invocation, Reply, RuntimeApi};

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "eu-central-1";
/// The ARN by which the function is invoked, without a qualifier.
const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:assembler";

/// How long a test waits for a response before it fails: longer than any deadline that tests set.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(3);

/// Configures a function before it starts.
pub struct FunctionBuilder {
    environment: BTreeMap<String, String>,
    program: Command,
}

/// A running function.
pub struct Function {
    process: Mutex<Process>,
    api: RuntimeApi,
    remaining_time: Duration,
}

/// The process of a function, and its output.
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

/// The end of a function that failed to start.
pub struct Exit {
    pub status: ExitStatus,
    pub log: String,
    pub init_errors: Vec<Value>,
}

impl FunctionBuilder {
    /// The compiled function, for amd64 and arm64, on this ECR. `.ci/memory` names the program of a release instead, and
    /// one that runs it with the memory of its size.
    pub fn new(ecr: &LocalEcr) -> Self {
        let program = std::env::var("FUNCTION_PROGRAM");
        let program = program.as_deref().unwrap_or(env!("CARGO_BIN_EXE_bootstrap"));
        let command = match std::env::var("FUNCTION_RUNNER") {
            Ok(runner) => {
                let mut command = Command::new(runner);
                command.arg(program);
                command
            }
            Err(_) => Command::new(program),
        };
        Self::for_program(command).env("AWS_ENDPOINT_URL_ECR", &ecr.url()).env("PLATFORMS", "linux/amd64,linux/arm64")
    }

    /// Any program that is a Lambda function.
    pub fn for_program(program: Command) -> Self {
        let builder = Self { environment: BTreeMap::new(), program };
        builder
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "example")
            .env("AWS_LAMBDA_FUNCTION_NAME", "assembler")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Removes an environment variable.
    pub fn env_remove(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// Starts the function in a new process, without the environment of the test.
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
        Function { process, api, remaining_time: Duration::from_secs(30) }
    }

    /// Starts a function that fails to initialize, and waits until it has ended.
    pub fn run_to_exit(self) -> Exit {
        let function = self.start();
        let status = function.process.lock().unwrap().child.wait().unwrap();
        Exit { status, log: function.final_log(), init_errors: function.api.init_errors() }
    }
}

/// Appends all lines of the output to the log, in a thread.
fn collect(output: impl std::io::Read + Send + 'static, log: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            log.lock().unwrap().push(line);
        }
    })
}

impl Function {
    /// Sets the time from an invocation to its deadline; it is thirty seconds by default.
    pub fn with_remaining_time(mut self, remaining_time: Duration) -> Self {
        self.remaining_time = remaining_time;
        self
    }

    /// Invokes the function and waits for its response.
    pub fn invoke(&self, input: &Value) -> Result<Value, Failure> {
        self.invoke_text(&input.to_string())
    }

    /// Invokes the function with any text and waits for its response.
    pub fn invoke_text(&self, payload: &str) -> Result<Value, Failure> {
        wait_for_response(&self.invoke_in_background(payload))
    }

    /// Invokes an alias or a version of the function, and waits for its response.
    pub fn invoke_by(&self, qualifier: &str, input: &Value) -> Result<Value, Failure> {
        wait_for_response(&self.queue(&input.to_string(), format!("{ARN}:{qualifier}")))
    }

    /// Invokes the function without waiting.
    pub fn invoke_in_background(&self, payload: &str) -> Receiver<Reply> {
        self.queue(payload, ARN.to_owned())
    }

    fn queue(&self, payload: &str, arn: String) -> Receiver<Reply> {
        let payload = payload.to_owned();
        self.api.invoke(Invocation { payload, arn, remaining_time: self.remaining_time })
    }

    /// Ends the process and returns its whole output.
    pub fn final_log(&self) -> String {
        self.process.lock().unwrap().end().join("\n")
    }

    /// Ends the process and returns the lines that it wrote, each parsed as JSON.
    #[track_caller]
    pub fn final_log_lines(&self) -> Vec<Value> {
        self.final_log().lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The id of the process.
    pub fn process_id(&self) -> u32 {
        self.process.lock().unwrap().child.id()
    }

    /// The most bytes of memory that its process had so far.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process_id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }
}

impl Process {
    fn end(&mut self) -> Vec<String> {
        // Fails if the process has ended by itself.
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

/// Waits for the response to an invocation.
pub fn wait_for_response(receiver: &Receiver<Reply>) -> Result<Value, Failure> {
    match receiver.recv_timeout(RESPONSE_TIMEOUT).expect("no response in time") {
        Reply::Response(body) => Ok(serde_json::from_str(&body).unwrap()),
        Reply::Error { error_type, message } => Err(Failure { error_type, message }),
    }
}
