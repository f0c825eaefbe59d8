//! The server around the calls: hooks, journal, start and end.

use crate::client::{call, send, start};
use local_ecr::LocalEcr;
use local_ecr::image::Image;
use serde_json::json;

/// Has the server create a repository, as a call with a parameter and an effect.
fn create(ecr: &LocalEcr) {
    call(ecr, "CreateRepository", &json!({"repositoryName": "app"}));
}

#[test]
fn hook_before_a_call_changes_what_it_finds() {
    let ecr = start();
    ecr.on_call(|call, ecr| {
        assert_eq!((call.operation.as_str(), call.repository.as_deref()), ("BatchGetImage", Some("app")));
        ecr.home().push("app", Some("b"), &Image::oci("linux/arm64"));
    });
    let request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "b"}]});
    let found = call(&ecr, "BatchGetImage", &request);
    assert_eq!(found["images"][0]["imageId"]["imageTag"], "b");
}

#[test]
fn hook_after_a_call_finds_its_effect() {
    let ecr = start();
    ecr.after_call(|_, ecr| {
        assert_eq!(ecr.home().repositories(), ["app"]);
        ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    });
    create(&ecr);
    assert_eq!(ecr.home().tags("app"), ["a"]);
}

#[test]
fn cleared_hooks_do_not_run() {
    let ecr = start();
    ecr.on_call(|_, ecr| ecr.home().create("before"));
    ecr.after_call(|_, ecr| ecr.home().create("after"));
    ecr.clear_hooks();
    create(&ecr);
    assert_eq!(ecr.home().repositories(), ["app"]);
}

#[test]
fn journal_records_request_with_result() {
    let ecr = start();
    create(&ecr);
    let call = &ecr.journal()[0];
    assert_eq!(call.request["repositoryName"], "app");
    assert_eq!((call.account.as_str(), call.region.as_str()), ("123456789012", "eu-central-1"));
    assert!(call.authorized && call.took_effect && call.status == Some(200));
}

#[test]
fn server_ends_with_its_last_handle() {
    let ecr = start();
    ecr.on_call(|_, _| ());
    let (url, clone, registry) = (ecr.url(), ecr.clone(), ecr.home());
    drop(ecr);
    assert_eq!(clone.url(), url);
    drop(clone);
    assert_eq!(send(&url, "GET", &[], b"").unwrap().status, 404);
    drop(registry);
    assert!(send(&url, "GET", &[], b"").is_err());
}
