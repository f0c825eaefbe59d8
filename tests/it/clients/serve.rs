//! `ecr-multiarch serve`: a registry to push to by hand.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::image::Image;
use super::program::run;
use super::skopeo::{inspect, pull, skopeo};

/// The running program.
struct Served {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
    address: String,
}

impl Served {
    /// Starts the program, which `.ci/clients` has built beside this test.
    fn start(arguments: &[&str]) -> Self {
        let deps = std::env::current_exe().unwrap();
        let program: PathBuf = deps.ancestors().nth(2).unwrap().join("ecr-multiarch");
        let mut child =
            Command::new(&program).arg("serve").args(arguments).stdout(Stdio::piped()).spawn().expect("the program");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.by_ref().find_map(|line| Some(line.split_once("http://127.0.0.1:")?.1.to_owned())).unwrap();
        Self { child, lines: Box::new(lines), address: format!("localhost:{port}") }
    }

    /// Waits for a line with this text.
    #[track_caller]
    fn wait_for_line(&mut self, text: &str) -> String {
        self.lines.find(|line| line.contains(text)).expect(text)
    }

    fn push(&self, image: &Image, tag: &str) {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (image.write_to(folder.path()), format!("docker://{}/team/app:{tag}", self.address));
        skopeo(["copy", "--dest-tls-verify=false", &from, &to]);
    }

    /// Sends a signal that ends the program, and asserts that it ends without an error.
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

/// Starts the program with a folder for its data, and pushes both images of version `1`.
fn start_and_push(data: &[&str]) -> (Served, [Image; 2], [String; 2]) {
    let images = [Image::oci("linux/amd64"), Image::oci("linux/arm64")];
    let mut served = Served::start(&[data, &["--tag-template", "{platform}_{version}"]].concat());
    let lines = [("amd64_1", &images[0]), ("arm64_1", &images[1])].map(|(tag, image)| {
        served.push(image, tag);
        served.wait_for_line(&format!("push  team/app:{tag}"))
    });
    (served, images, lines)
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn each_push_is_shown_with_its_outcome() {
    let (served, _, [first, second]) = start_and_push(&[]);
    assert!(first.contains("OCI image") && first.ends_with("waiting for linux/arm64"), "{first}");
    assert!(second.contains("published team/app:1 as "), "{second}");
    served.end("-INT");
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn data_survives_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let data = ["--data", data.path().to_str().unwrap()];
    let (first, images, _) = start_and_push(&data);
    let list = inspect(&format!("{}/team/app:1", first.address));
    first.end("-INT");

    let second = Served::start(&data);
    let reference = format!("{}/team/app:1", second.address);
    assert_eq!(inspect(&reference), list);
    images[1].assert_in(pull(&reference, "linux/arm64").path());
    second.end("-TERM");
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn error_is_shown_with_its_type() {
    let arguments = ["--latency-ms", "1", "--immutable", "--platforms", "linux/amd64,linux/arm64/v8=other"];
    let mut served = Served::start(&arguments);
    served.push(&Image::oci("linux/amd64"), "1-amd64");
    served.push(&Image::oci("linux/amd64"), "1-other");
    let line = served.wait_for_line("push  team/app:1-other");
    assert!(line.contains("PlatformMismatch: team/app:1-other is an image of linux/amd64"), "{line}");
    served.end("-INT");
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn immutable_tag_cannot_be_pushed_again() {
    let mut served = Served::start(&["--immutable"]);
    for (image, tag) in [("linux/amd64", "1-amd64"), ("linux/arm64", "1-arm64")] {
        served.push(&Image::oci(image), tag);
    }
    served.wait_for_line("published");
    let reference = format!("{}/team/app:1-amd64", served.address);
    let before = inspect(&reference);
    let folder = tempfile::tempdir().unwrap();
    let from = Image::docker("linux/amd64").write_to(folder.path());
    let to = format!("docker://{reference}");
    let push =
        Command::new("skopeo").args(["--insecure-policy", "copy", "--dest-tls-verify=false", &from, &to]).output();
    assert!(!push.unwrap().status.success());
    assert_eq!(inspect(&reference), before);
    served.end("-TERM");
}
