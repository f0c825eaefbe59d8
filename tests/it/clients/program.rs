//! Third-party programs, run as processes.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Runs a program until it ends and returns its output.
#[track_caller]
pub fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| missing(command, &error));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    /// What follows `prefix` in the server's log.
    pub address: String,
    _stdin: ChildStdin,
}

impl Server {
    /// Starts a server that writes its address to standard error, after `prefix`.
    pub fn start(command: &mut Command, prefix: &str) -> Self {
        Self::start_with_input(command, prefix, |_| ())
    }

    /// Starts a server that reads input before it listens.
    pub fn start_with_input(command: &mut Command, prefix: &str, write_input: impl FnOnce(&mut ChildStdin)) -> Self {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| missing(command, &error));
        let mut stdin = child.stdin.take().unwrap();
        write_input(&mut stdin);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut log = Vec::new();
        let address = lines.by_ref().find_map(|line| {
            let address = line.split_once(prefix).map(|(_, rest)| rest.split([' ', '"']).next().unwrap().to_owned());
            log.push(line);
            address
        });
        let address = address.unwrap_or_else(|| panic!("{command:?} does not listen: {}", log.join("\n")));
        // Keep reading: a server whose pipe is full would block.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, _stdin: stdin }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn missing(command: &Command, error: &std::io::Error) -> ! {
    panic!("{} cannot be run: {error}; .ci/clients installs it", command.get_program().display())
}
