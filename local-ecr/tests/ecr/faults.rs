//! Injected faults.

use crate::client::{Response, call, post, send, start};
use local_ecr::image::Image;
use local_ecr::{ANY, BLOB, Fault, FaultKind, LocalEcr, digest_of};
use serde_json::{Value, json};
use std::io;
use std::time::{Duration, Instant};

/// A server with an image under the tag `a`.
fn with_image() -> LocalEcr {
    let ecr = start();
    ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    ecr
}

/// Puts that image under the tag `b`.
fn put(ecr: &LocalEcr) -> io::Result<Response> {
    let (_, manifest) = ecr.home().manifest("app", "a").unwrap();
    let text = String::from_utf8(manifest.to_vec()).unwrap();
    let request = json!({"repositoryName": "app", "imageManifest": text, "imageTag": "b"});
    post(ecr, "PutImage", request.to_string().as_bytes())
}

fn get(ecr: &LocalEcr, repository: &str) -> Response {
    let request = json!({"repositoryName": repository, "imageIds": [{"imageTag": "a"}]});
    post(ecr, "BatchGetImage", request.to_string().as_bytes()).unwrap()
}

#[test]
fn reset_after_a_call_alone_leaves_its_effect() {
    for (kind, takes_effect, next_status) in [(FaultKind::ResetBefore, false, 200), (FaultKind::ResetAfter, true, 400)]
    {
        let ecr = with_image();
        ecr.faults().add(Fault::on("PutImage", kind).times(1));
        assert!(put(&ecr).is_err());
        assert_eq!(ecr.home().tag("app", "b").is_some(), takes_effect);
        let call = &ecr.journal()[0];
        assert_eq!((call.status, call.took_effect), (None, takes_effect));
        assert!(call.ended.is_some());
        assert_eq!(put(&ecr).unwrap().status, next_status);
    }
}

#[test]
fn fault_skips_calls_before_it_rejects_some() {
    let ecr = with_image();
    ecr.faults().add(Fault::on("PutImage", FaultKind::Throttle).skip(1).times(2));
    let codes: Vec<Value> = (0..4).map(|_| put(&ecr).unwrap().json()["__type"].clone()).collect();
    assert_eq!(
        codes,
        [Value::Null, json!("ThrottlingException"), json!("ThrottlingException"), json!("ImageAlreadyExistsException")]
    );
    let effects: Vec<bool> = ecr.journal().iter().map(|call| call.took_effect).collect();
    assert_eq!(effects, [true, false, false, false]);
}

#[test]
fn latencies_add_up() {
    let ecr = with_image();
    ecr.faults().add(Fault::on(ANY, FaultKind::Latency(Duration::from_millis(40))));
    let range = FaultKind::RandomLatency(Duration::from_millis(20), Duration::from_millis(30));
    ecr.faults().add(Fault::on(ANY, range).seed(7));
    let started = Instant::now();
    assert_eq!(put(&ecr).unwrap().status, 200);
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[test]
fn equal_seeds_affect_the_same_calls() {
    let ecr = with_image();
    let draw = |seed: u64| -> Vec<u16> {
        ecr.faults().clear();
        ecr.faults().add(Fault::on(ANY, FaultKind::server_error()).probability(0.5, seed));
        (0..16).map(|_| put(&ecr).unwrap().status).collect()
    };
    put(&ecr).unwrap();
    let first = draw(3);
    assert_eq!(first, draw(3));
    assert!(first.contains(&500) && first.contains(&400));
    assert_ne!(first, draw(4));
}

#[test]
fn fault_spares_the_calls_that_it_is_not_for() {
    let error = |operation| Fault::on(operation, FaultKind::server_error());
    let call = |ecr: &LocalEcr, operation: &str, request: Value| {
        post(ecr, operation, request.to_string().as_bytes()).unwrap().status
    };
    for (fault, operation, affected) in [
        (error(ANY).repository("other"), "ListImages", json!({"repositoryName": "other"})),
        (
            error(ANY).registry("210987654321", "eu-central-1"),
            "DescribeRepositories",
            json!({"registryId": "210987654321"}),
        ),
        (error(ANY).naming("b"), "ListImages", json!({"repositoryName": "app", "imageIds": [{"imageTag": "b"}]})),
    ] {
        let ecr = with_image();
        ecr.faults().add(fault);
        assert_eq!((get(&ecr, "app").status, call(&ecr, operation, affected)), (200, 500));
    }
}

#[test]
fn rate_limit_throttles_calls_beyond_burst_and_rate() {
    let throttled = "ThrottlingException";
    for (per_second, pause, expected) in [
        (0.001, 0, [Value::Null, Value::Null, json!(throttled), json!(throttled)]),
        (200.0, 5, [const { Value::Null }; 4]),
    ] {
        let ecr = with_image();
        ecr.faults().add(Fault::on("BatchGetImage", FaultKind::RateLimit { per_second, burst: 2.0 }));
        let codes = [(); 4].map(|()| {
            std::thread::sleep(Duration::from_millis(pause));
            get(&ecr, "app").json()["__type"].clone()
        });
        assert_eq!(codes, expected);
    }
}

#[test]
fn hanging_call_is_never_answered_unlike_others() {
    let ecr = with_image();
    ecr.faults().add(Fault::on("PutImage", FaultKind::Hang));
    let waiting = std::thread::spawn({
        let ecr = ecr.clone();
        move || put(&ecr)
    });
    while ecr.journal().is_empty() {
        std::thread::yield_now();
    }
    call(&ecr, "DescribeRepositories", &json!({}));
    std::thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    assert_eq!(ecr.journal()[0].ended, None);
    assert_eq!(ecr.home().tag("app", "b"), None);
}

#[test]
fn response_is_broken_as_the_fault_says() {
    let broken = |kind| download(&with_image(), kind);
    let corrupt = broken(FaultKind::Corrupt).unwrap().body;
    assert_eq!(corrupt.len(), config().len());
    assert_eq!(corrupt.iter().zip(config()).filter(|(found, right)| *found != right).count(), 1);
    assert!(broken(FaultKind::Truncated).is_err());
    assert!(broken(FaultKind::NotJson).unwrap().body.starts_with(b"<html>"));
    let redirect = broken(FaultKind::Redirect("file:///etc/passwd".into())).unwrap();
    assert_eq!((redirect.status, redirect.header("location")), (302, Some("file:///etc/passwd")));
    let ecr = with_image();
    assert_eq!(download(&ecr, FaultKind::Status(503)).unwrap().status, 503);
    assert!(!ecr.journal().last().unwrap().took_effect);
}

/// Downloads the config of an image while there is such a fault.
fn download(ecr: &LocalEcr, kind: FaultKind) -> io::Result<Response> {
    let request = json!({"repositoryName": "app", "layerDigest": digest_of(&config())});
    let url = call(ecr, "GetDownloadUrlForLayer", &request)["downloadUrl"].clone();
    ecr.faults().add(Fault::on(BLOB, kind));
    send(url.as_str().unwrap(), "GET", &[], b"")
}

fn config() -> Vec<u8> {
    Image::oci("linux/amd64").config().to_vec()
}

#[test]
fn endless_response_does_not_end() {
    use std::io::{Read as _, Write as _};
    let ecr = start();
    ecr.faults().add(Fault::on(ANY, FaultKind::Endless));
    let mut stream = std::net::TcpStream::connect(&ecr.url()[7..]).unwrap();
    stream.write_all(b"GET /blobs/x HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut bytes = vec![0; 4 << 20];
    stream.read_exact(&mut bytes).unwrap();
}
