//! Requests that the service model does not allow.

use crate::client::{call, post, refusal, send};
use local_ecr::image::Image;
use local_ecr::{LocalEcr, Options};
use serde_json::{Value, json};

#[test]
fn parameters_are_checked_against_the_model() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    let read = json!({"repositoryName": "app", "imageIds": [{"imageTag": "a"}]});
    call(&ecr, "BatchGetImage", &read);
    let ids = |count: usize| json!(vec![json!({"imageTag": "a"}); count]);
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
        let mut request = read.clone();
        request[name] = value;
        let code = refusal(&ecr, "BatchGetImage", &request);
        assert_eq!(code, "InvalidParameterException", "{request}");
    }
    let hundred = json!({"repositoryName": "app", "imageIds": ids(100)});
    assert_eq!(call(&ecr, "BatchGetImage", &hundred)["images"].as_array().unwrap().len(), 100);
    for size in [0, 1001] {
        let request = json!({"repositoryName": "app", "maxResults": size});
        assert_eq!(refusal(&ecr, "ListImages", &request), "InvalidParameterException");
    }
    for (tag, manifest) in [("bad tag/!", "{}"), ("a", ""), ("a", &" ".repeat(4_194_305))] {
        let request = json!({"repositoryName": "app", "imageTag": tag, "imageManifest": manifest});
        assert_eq!(refusal(&ecr, "PutImage", &request), "InvalidParameterException");
    }
}

#[test]
fn what_is_no_request_is_refused() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    assert_eq!(refusal(&ecr, "TeleportImage", &json!({})), "UnknownOperationException");
    for body in ["{", "[]", ""] {
        let answer = post(&ecr, "ListImages", body.as_bytes()).unwrap();
        assert_eq!(answer.json()["__type"], "SerializationException");
    }
    let target = [("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories")];
    let unsigned = send(&ecr.url(), "POST", &target, b"{}").unwrap();
    assert_eq!(unsigned.json()["__type"], "MissingAuthenticationTokenException");
    assert!(!ecr.journal().last().unwrap().authorized);
}
