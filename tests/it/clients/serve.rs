//! `cargo run --example local -- --serve`, which people push to by hand.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::image::Image;
use super::program::run;
use super::skopeo::{copy_out, inspect, skopeo};

struct Served {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
    address: String,
}

impl Served {
    /// Starts the example, which cargo has built beside this test.
    fn start(arguments: &[&str]) -> Self {
        let deps = std::env::current_exe().unwrap();
        let example: PathBuf = deps.ancestors().nth(2).unwrap().join("examples/local");
        let mut child =
            Command::new(&example).arg("--serve").args(arguments).stdout(Stdio::piped()).spawn().expect("the example");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.by_ref().find_map(|line| Some(line.split_once("http://127.0.0.1:")?.1.to_owned())).unwrap();
        Self { child, lines: Box::new(lines), address: format!("localhost:{port}") }
    }

    /// The next line with these words.
    #[track_caller]
    fn line_with(&mut self, words: &str) -> String {
        self.lines.find(|line| line.contains(words)).expect(words)
    }

    fn push(&self, image: &Image, tag: &str) {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (image.lay_out(folder.path()), format!("docker://{}/team/app:{tag}", self.address));
        skopeo(["copy", "--dest-tls-verify=false", &from, &to]);
    }

    /// Asks it to end and waits until it has.
    #[track_caller]
    fn end(mut self, signal: &str) {
        run(Command::new("kill").args([signal, &self.child.id().to_string()]));
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn pushes_are_decided_on_shown_and_kept() {
    let data = tempfile::tempdir().unwrap();
    let data = ["--data", data.path().to_str().unwrap()];
    let images = [Image::oci("linux/amd64"), Image::oci("linux/arm64")];

    let mut first = Served::start(&[&data[..], &["--tag-template", "{platform}_{version}"]].concat());
    first.push(&images[0], "amd64_1");
    let line = first.line_with("push  team/app:amd64_1");
    assert!(line.contains("OCI image") && line.ends_with("waiting for linux/arm64"), "{line}");
    first.push(&images[1], "arm64_1");
    assert!(first.line_with("push  team/app:arm64_1").contains("published team/app:1 as "));
    let list = inspect(&format!("{}/team/app:1", first.address));
    first.end("-INT");

    let second = Served::start(&data);
    let name = format!("{}/team/app:1", second.address);
    assert_eq!(inspect(&name), list);
    images[1].assert_is_in(copy_out(&name, "linux/arm64").path());
    second.end("-TERM");
}

#[test]
fn an_error_is_shown_with_its_type() {
    let mut served =
        Served::start(&["--latency-ms", "1", "--immutable", "--platforms", "linux/amd64,linux/arm64/v8=other"]);
    served.push(&Image::oci("linux/amd64"), "1-amd64");
    served.push(&Image::oci("linux/amd64"), "1-other");
    let line = served.line_with("push  team/app:1-other");
    assert!(line.contains("PlatformMismatch: team/app:1-other holds an image of linux/amd64"), "{line}");
    served.end("-INT");
}

#[test]
fn an_immutable_tag_does_not_move() {
    let mut served = Served::start(&["--immutable"]);
    for (image, tag) in [("linux/amd64", "1-amd64"), ("linux/arm64", "1-arm64")] {
        served.push(&Image::oci(image), tag);
    }
    served.line_with("published");
    let before = inspect(&format!("{}/team/app:1-amd64", served.address));
    let folder = tempfile::tempdir().unwrap();
    let from = Image::docker("linux/amd64").lay_out(folder.path());
    let to = format!("docker://{}/team/app:1-amd64", served.address);
    let refused =
        Command::new("skopeo").args(["--insecure-policy", "copy", "--dest-tls-verify=false", &from, &to]).output();
    assert!(!refused.unwrap().status.success());
    assert_eq!(inspect(&format!("{}/team/app:1-amd64", served.address)), before);
    served.end("-TERM");
}
