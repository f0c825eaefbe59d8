//! Programs that no one here wrote.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Runs a program to its end and gives what it wrote.
#[track_caller]
pub fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| missing(command, &error));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    /// What comes behind the words that the server announces its address with.
    pub address: String,
    _stdin: ChildStdin,
}

impl Server {
    /// Starts a server that writes to its standard error where it listens, behind these words.
    pub fn start(command: &mut Command, words: &str) -> Self {
        Self::start_with(command, words, |_| ())
    }

    /// Starts a server that is told something before it listens.
    pub fn start_with(command: &mut Command, words: &str, tell: impl FnOnce(&mut ChildStdin)) -> Self {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| missing(command, &error));
        let mut stdin = child.stdin.take().unwrap();
        tell(&mut stdin);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let address = lines.by_ref().find_map(|line| {
            let address = line.split_once(words).map(|(_, rest)| rest.split([' ', '"']).next().unwrap().to_owned());
            said.push(line);
            address
        });
        let address = address.unwrap_or_else(|| panic!("{command:?} does not listen: {}", said.join("\n")));
        // A server that nobody listens to must not be held up by what it has to say.
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
