//! Requests that the service model does not allow.

use crate::client::{call, error_code, post, send, start};
use local_ecr::LocalEcr;
use local_ecr::image::Image;
use serde_json::{Value, json};

fn with_image() -> LocalEcr {
    let ecr = start();
    ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    ecr
}

fn ids(count: usize) -> Value {
    json!(vec![json!({"imageTag": "a"}); count])
}

#[test]
fn parameters_outside_the_service_model_are_rejected() {
    let ecr = with_image();
    let request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "a"}]});
    call(&ecr, "BatchGetImage", &request);
    call(&ecr, "BatchGetImage", &json!({"repositoryName": "app", "imageIds": ids(100)}));
    for (name, value) in [
        ("unknown", json!(1)),
        ("repositoryName", json!("App")),
        ("repositoryName", json!("a")),
        ("repositoryName", Value::Null),
        ("repositoryName", json!(7)),
        ("registryId", json!("12345678901")),
        ("registryId", json!(123_456_789_012_u64)),
        ("imageIds", ids(0)),
        ("imageIds", ids(101)),
        ("imageIds", json!([{"imageTag": "t".repeat(301)}])),
        ("imageIds", json!([{"imageTag": "a", "tag": "b"}])),
        ("acceptedMediaTypes", json!([])),
    ] {
        let mut request = request.clone();
        request[name] = value;
        let code = error_code(&ecr, "BatchGetImage", &request);
        assert_eq!(code, "InvalidParameterException", "{request}");
    }
}

#[test]
fn value_outside_its_range_is_rejected() {
    let ecr = with_image();
    let put = |tag: &str, manifest: &str| json!({"repositoryName": "app", "imageTag": tag, "imageManifest": manifest});
    for (operation, request) in [
        ("ListImages", json!({"repositoryName": "app", "maxResults": 0})),
        ("ListImages", json!({"repositoryName": "app", "maxResults": 1001})),
        ("PutImage", put("bad tag/!", "{}")),
        ("PutImage", put("a", "")),
        ("PutImage", put("a", &" ".repeat(4_194_305))),
    ] {
        assert_eq!(error_code(&ecr, operation, &request), "InvalidParameterException");
    }
}

#[test]
fn unknown_operation_is_rejected() {
    assert_eq!(error_code(&start(), "TeleportImage", &json!({})), "UnknownOperationException");
}

#[test]
fn body_that_is_not_a_json_object_is_rejected() {
    let ecr = start();
    for body in ["{", "[]", ""] {
        let response = post(&ecr, "ListImages", body.as_bytes()).unwrap();
        assert_eq!(response.json()["__type"], "SerializationException");
    }
}

#[test]
fn unsigned_request_is_rejected() {
    let ecr = start();
    let target = [("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories")];
    let response = send(&ecr.url(), "POST", &target, b"{}").unwrap();
    assert_eq!(response.json()["__type"], "MissingAuthenticationTokenException");
    assert!(!ecr.journal().last().unwrap().authorized);
}
