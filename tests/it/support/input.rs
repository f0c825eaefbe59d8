//! Events and requests as the function receives them.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::primitives::{DateTime, DateTimeFormat};
use serde_json::{Value, json};

use super::function::{ACCOUNT, REGION};

/// The event of a push to the home registry, which has just happened.
pub fn push_event(repository: &str, tag: &str) -> Value {
    push_event_of_age(repository, tag, Duration::ZERO)
}

/// The event of a push that happened so long ago.
pub fn push_event_of_age(repository: &str, tag: &str, age: Duration) -> Value {
    let time = DateTime::from(SystemTime::now() - age).fmt(DateTimeFormat::DateTime).unwrap();
    json!({
        "version": "0", "id": "13cde686-328b-6117-af20-0e5566167482", "detail-type": "ECR Image Action",
        "source": "aws.ecr", "account": ACCOUNT, "time": time, "region": REGION, "resources": [],
        "detail": {"result": "SUCCESS", "repository-name": repository, "image-digest": format!("sha256:{:064}", 0),
                   "action-type": "PUSH", "image-tag": tag},
    })
}

/// A request to assemble a version.
pub fn assemble_request(repository: &str, version: &str) -> Value {
    json!({"action": "assemble", "repository": repository, "version": version})
}

/// An SQS batch of these bodies, whose message ids are `0`, `1` and so on.
pub fn batch(bodies: &[Value]) -> Value {
    batch_of_text(&bodies.iter().map(Value::to_string).collect::<Vec<_>>())
}

/// An SQS batch of bodies that may be any text.
pub fn batch_of_text(bodies: &[String]) -> Value {
    let record = |(index, body): (usize, &String)| {
        json!({
            "messageId": index.to_string(), "receiptHandle": "AQEB", "body": body, "md5OfBody": "",
            "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {}, "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:pushes"), "awsRegion": REGION,
        })
    };
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// A request to yank a release.
pub fn yank_request(repository: &str, version: &str) -> Value {
    json!({"action": "yank", "repository": repository, "version": version})
}

/// A request to take a yank back.
pub fn unyank_request(repository: &str, version: &str) -> Value {
    json!({"action": "unyank", "repository": repository, "version": version})
}

/// A request to sweep, with additional fields.
pub fn sweep_request(fields: &Value) -> Value {
    with_fields(json!({"action": "sweep"}), fields)
}

/// Adds fields to a request.
pub fn with_fields(mut request: Value, fields: &Value) -> Value {
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    request
}
