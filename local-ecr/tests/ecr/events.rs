//! The events for `EventBridge`.

use crate::client::{call, start};
use local_ecr::image::{Entry, Image, Index};
use local_ecr::media_type::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::mpsc::UnboundedReceiver;

fn drain(events: &mut UnboundedReceiver<Value>) -> Vec<Value> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

#[test]
fn push_event_has_the_form_of_ecrs() {
    let ecr = start();
    let registry = ecr.registry("999999999999", "us-west-2");
    let mut events = ecr.events();
    ecr.clock().set(UNIX_EPOCH + Duration::from_secs(1_573_869_274));
    let digest = registry.push("app", Some("1.2.3-amd64"), &Image::oci("linux/amd64"));
    let event = drain(&mut events).remove(0);
    assert_eq!(event["id"].as_str().unwrap().len(), 36);
    assert_eq!(
        event,
        json!({
            "version": "0", "id": event["id"], "detail-type": "ECR Image Action",
            "source": "aws.ecr", "account": "999999999999", "time": "2019-11-16T01:54:34Z",
            "region": "us-west-2", "resources": [],
            "detail": {
                "result": "SUCCESS", "repository-name": "app", "image-digest": digest,
                "action-type": "PUSH", "image-tag": "1.2.3-amd64",
                "manifest-media-type": OCI_MANIFEST, "artifact-media-type": OCI_CONFIG,
            },
        })
    );
}

#[test]
fn deletion_has_an_event() {
    let ecr = start();
    ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    let mut events = ecr.events();
    let request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "a"}]});
    call(&ecr, "BatchDeleteImage", &request);
    let event = drain(&mut events).remove(0);
    assert_eq!(event["detail"]["action-type"], "DELETE");
    assert_eq!(event["detail"]["image-tag"], "a");
}

#[test]
fn untagged_pushes_alternate_between_two_forms() {
    let ecr = start();
    let mut events = ecr.events();
    let list = Index::oci([Entry::new(&Image::oci("linux/amd64")), Entry::new(&Image::oci("linux/arm64"))]);
    ecr.home().push("app", Some("1"), &list);
    let details: Vec<Value> = drain(&mut events).iter().map(|event| event["detail"].clone()).collect();
    let tags: Vec<Option<&Value>> = details.iter().map(|detail| detail.get("image-tag")).collect();
    assert_eq!(tags, [Some(&json!("")), None, Some(&json!("1"))]);
    assert_eq!(details[2]["manifest-media-type"], OCI_INDEX);
    assert_eq!(details[2].get("artifact-media-type"), None);
}
