//! Failures on demand, hooks and the journal.

use crate::client::{Answer, call, post, send};
use local_ecr::image::Image;
use local_ecr::{ANY, BLOB, Fault, FaultKind, LocalEcr, Options, digest_of};
use serde_json::{Value, json};
use std::io;
use std::time::{Duration, Instant};

fn start() -> LocalEcr {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    ecr
}

fn put(ecr: &LocalEcr) -> io::Result<Answer> {
    let (_, manifest) = ecr.home().manifest("app", "a").unwrap();
    let text = String::from_utf8(manifest.to_vec()).unwrap();
    let request = json!({"repositoryName": "app", "imageManifest": text, "imageTag": "b"});
    post(ecr, "PutImage", request.to_string().as_bytes())
}

#[test]
fn a_connection_drops_before_or_after_the_effect() {
    for (kind, takes_effect) in [(FaultKind::ResetBefore, false), (FaultKind::ResetAfter, true)] {
        let ecr = start();
        ecr.faults().add(Fault::on("PutImage", kind).times(1));
        assert!(put(&ecr).is_err());
        assert_eq!(ecr.home().tag("app", "b").is_some(), takes_effect);
        let call = &ecr.journal()[0];
        assert_eq!((call.status, call.took_effect), (None, takes_effect));
        assert!(call.ended.is_some());
        let again = if takes_effect { 400 } else { 200 };
        assert_eq!(put(&ecr).unwrap().status, again);
    }
}

#[test]
fn refusals_have_no_effect_and_strike_as_scripted() {
    let ecr = start();
    ecr.faults().add(Fault::on("PutImage", FaultKind::Throttle).skip(1).times(2));
    ecr.faults().add(Fault::on(ANY, FaultKind::server_error()).repository("other"));
    let codes: Vec<Value> = (0..4).map(|_| put(&ecr).unwrap().json()["__type"].clone()).collect();
    assert_eq!(
        codes,
        [Value::Null, json!("ThrottlingException"), json!("ThrottlingException"), json!("ImageAlreadyExistsException")]
    );
    let effects: Vec<bool> = ecr.journal().iter().map(|call| call.took_effect).collect();
    assert_eq!(effects, [true, false, false, false]);
    ecr.home().create("other");
    let read = json!({"repositoryName": "other", "imageIds": [{"imageTag": "a"}]});
    let answer = post(&ecr, "BatchGetImage", read.to_string().as_bytes()).unwrap();
    assert_eq!((answer.status, answer.json()["__type"].as_str()), (500, Some("ServerException")));
    ecr.faults().clear();
    call(&ecr, "BatchGetImage", &read);
}

#[test]
fn a_hang_is_never_answered() {
    let ecr = start();
    ecr.faults().add(Fault::on("PutImage", FaultKind::Hang));
    let waiting = std::thread::spawn({
        let ecr = ecr.clone();
        move || put(&ecr)
    });
    while ecr.journal().is_empty() {
        std::thread::yield_now();
    }
    std::thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    assert_eq!(ecr.journal()[0].ended, None);
    assert_eq!(ecr.home().tag("app", "b"), None);
    // Other calls are answered meanwhile, and the server's end ends the wait.
    call(&ecr, "DescribeRepositories", &json!({}));
}

#[test]
fn latencies_add_up_and_probability_repeats() {
    let ecr = start();
    ecr.faults().add(Fault::on(ANY, FaultKind::Latency(Duration::from_millis(40))));
    let range = FaultKind::RandomLatency(Duration::from_millis(20), Duration::from_millis(30));
    ecr.faults().add(Fault::on(ANY, range).seed(7));
    let started = Instant::now();
    assert_eq!(put(&ecr).unwrap().status, 200);
    assert!(started.elapsed() >= Duration::from_millis(60));
    let draw = |seed: u64| -> Vec<u16> {
        ecr.faults().clear();
        ecr.faults().add(Fault::on(ANY, FaultKind::server_error()).probability(0.5, seed));
        (0..16).map(|_| put(&ecr).unwrap().status).collect()
    };
    let first = draw(3);
    assert_eq!(first, draw(3));
    assert!(first.contains(&500) && first.contains(&400));
    assert_ne!(first, draw(4));
}

#[test]
fn answers_are_broken_as_scripted() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    let request = json!({"repositoryName": "app", "layerDigest": digest_of(&image.config())});
    let url = call(&ecr, "GetDownloadUrlForLayer", &request)["downloadUrl"].clone();
    let get = |kind: FaultKind| {
        ecr.faults().clear();
        ecr.faults().add(Fault::on(BLOB, kind));
        send(url.as_str().unwrap(), "GET", &[], b"")
    };
    let corrupt = get(FaultKind::Corrupt).unwrap().body;
    assert_eq!(corrupt.len(), image.config().len());
    assert_ne!(corrupt, image.config());
    assert!(get(FaultKind::Truncated).is_err());
    assert_eq!(get(FaultKind::Status(503)).unwrap().status, 503);
    assert!(!ecr.journal().last().unwrap().took_effect);
    let redirect = get(FaultKind::Redirect("file:///etc/passwd".into())).unwrap();
    assert_eq!((redirect.status, redirect.header("location")), (302, Some("file:///etc/passwd")));
    assert!(get(FaultKind::NotJson).unwrap().body.starts_with(b"<html>"));
    ecr.faults().clear();
    assert_eq!(send(url.as_str().unwrap(), "GET", &[], b"").unwrap().body, image.config());
}

#[test]
fn an_endless_answer_does_not_end() {
    use std::io::{Read as _, Write as _};
    let ecr = start();
    ecr.faults().add(Fault::on(ANY, FaultKind::Endless));
    let mut stream = std::net::TcpStream::connect(&ecr.url()[7..]).unwrap();
    stream.write_all(b"GET /blobs/x HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut bytes = vec![0; 4 << 20];
    stream.read_exact(&mut bytes).unwrap();
}

#[test]
fn a_hook_changes_what_the_call_finds() {
    let ecr = start();
    ecr.on_call(|call, ecr| {
        if call.operation == "PutImage" {
            assert_eq!(call.repository.as_deref(), Some("app"));
            ecr.home().push("app", Some("b"), &Image::oci("linux/arm64"));
        }
    });
    ecr.after_call(|call, ecr| {
        if call.operation == "PutImage" {
            ecr.home().untag("app", "a");
        }
    });
    assert_eq!(put(&ecr).unwrap().status, 200);
    assert_eq!(ecr.home().history("app", "b").len(), 2);
    assert_eq!(ecr.home().tag("app", "a"), None);
}

#[test]
fn the_journal_keeps_order_and_can_be_cleared() {
    let ecr = start();
    put(&ecr).unwrap();
    call(&ecr, "DescribeRepositories", &json!({}));
    let operations: Vec<String> = ecr.journal().into_iter().map(|call| call.operation).collect();
    assert_eq!(operations, ["PutImage", "DescribeRepositories"]);
    let call = &ecr.journal()[0];
    assert_eq!(call.request["imageTag"], "b");
    assert_eq!((call.account.as_str(), call.region.as_str()), ("123456789012", "eu-central-1"));
    assert!(call.authorized && call.status == Some(200));
    ecr.clear_journal();
    assert!(ecr.journal().is_empty());
}

#[tokio::test]
async fn a_server_lives_inside_a_runtime_and_ends_with_its_last_handle() {
    let ecr = start();
    let (url, clone) = (ecr.url(), ecr.clone());
    drop(ecr);
    assert_eq!(clone.url(), url);
    let reach = move || send(&url, "GET", &[], b"");
    let reach = tokio::task::spawn_blocking(move || (reach(), reach));
    let (answer, reach) = reach.await.unwrap();
    assert_eq!(answer.unwrap().status, 404);
    drop(clone);
    assert!(tokio::task::spawn_blocking(reach).await.unwrap().is_err());
}
