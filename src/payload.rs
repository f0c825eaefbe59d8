//! Parses the payload of an invocation: EventBridge's envelope, a request, or an SQS batch of them, each record by itself,
//! so that none does harm to another.
//!
//! AWS Lambda developer guide, "Using Lambda with Amazon SQS".

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sqs::SqsMessage;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use ecr_multiarch_core::batch::ReceivedMessage;
use ecr_multiarch_core::input::{ImageAction, invalid_event, invalid_request, not_for_a_queue};
use ecr_multiarch_core::{Error, Input, RegistryId};
use serde_json::Value;

/// The fields of the envelope that are parsed. The others may have any form: a push is not dropped because its time has
/// another format.
const ENVELOPE_FIELDS: [&str; 5] = ["detail-type", "source", "account", "region", "detail"];

/// Parses a payload.
///
/// # Errors
/// [`Error::InvalidRequest`], if it is neither an event nor a request.
pub fn parse(payload: Value) -> Result<Input, Error> {
    if payload.get("action").is_some() {
        return Input::from_request(payload);
    }
    match (payload.get("source").and_then(Value::as_str), payload.get("detail-type").and_then(Value::as_str)) {
        (Some("aws.ecr"), Some("ECR Image Action")) => parse_image_action(payload),
        (Some(source), Some(detail_type)) => Ok(Input::Ignored {
            reason: format!("the event is {detail_type:?} of {source}, not \"ECR Image Action\" of aws.ecr"),
            registry: if source == "aws.ecr" { registry(&payload) } else { None },
            repository: None,
        }),
        _ => Err(invalid_request("the input is neither an event nor a request")),
    }
}

/// The registry of an event, if it names a valid one.
fn registry(payload: &Value) -> Option<RegistryId> {
    let field = |name: &str| payload.get(name).and_then(Value::as_str);
    Some(RegistryId { account: Some(field("account")?.parse().ok()?), region: field("region")?.parse().ok()? })
}

fn parse_image_action(mut payload: Value) -> Result<Input, Error> {
    let time = payload.get("time").and_then(Value::as_str);
    let time = time.and_then(|time| DateTime::from_str(time, Format::DateTime).ok());
    if let Some(fields) = payload.as_object_mut() {
        fields.retain(|name, _| ENVELOPE_FIELDS.contains(&name.as_str()));
    }
    let event: EventBridgeEvent<ImageAction> = serde_json::from_value(payload).map_err(invalid_event)?;
    let time = time.and_then(|time| SystemTime::try_from(time).ok());
    Input::from_image_action(event.account, event.region, time, event.detail)
}

/// The fields of a record that are parsed. The others may have any form.
const RECORD_FIELDS: [&str; 2] = ["messageId", "body"];
/// The attribute with the number of times that a message was received. (Amazon SQS API reference, `ReceiveMessage`.)
const RECEIVE_COUNT: &str = "/attributes/ApproximateReceiveCount";
/// The attribute with the time at which a message was sent, in milliseconds since 1970. (Amazon SQS API reference,
/// `ReceiveMessage`.)
const SENT_TIMESTAMP: &str = "/attributes/SentTimestamp";

/// A record of a batch.
#[derive(Debug)]
pub struct Record {
    /// The message by which the record goes back to the queue.
    pub message: Option<ReceivedMessage>,
    /// What its body asks for.
    pub input: Result<Input, Error>,
}

/// The records of an SQS batch. `None`, if the payload is something else.
pub fn take_records(payload: &mut Value) -> Option<Vec<Record>> {
    if payload.get("action").is_some() {
        return None;
    }
    let records = payload.get_mut("Records")?.as_array_mut()?;
    let is_of_queue = |record: &Value| record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs");
    records.iter().all(is_of_queue).then(|| std::mem::take(records).into_iter().map(Record::parse).collect())
}

impl Record {
    fn parse(mut record: Value) -> Self {
        let id = record.get("messageId").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
        let receives = record.pointer(RECEIVE_COUNT).and_then(|count| count.as_str()?.parse().ok()).unwrap_or(1);
        let sent_at = record.pointer(SENT_TIMESTAMP).and_then(|timestamp| timestamp.as_str()?.parse().ok());
        let sent_at = sent_at.and_then(|sent_at| UNIX_EPOCH.checked_add(Duration::from_millis(sent_at)));
        let message = id.map(|id| ReceivedMessage { id, receives, sent_at });
        if let Some(fields) = record.as_object_mut() {
            fields.retain(|name, _| RECORD_FIELDS.contains(&name.as_str()));
        }
        let record: Result<SqsMessage, _> = serde_json::from_value(record);
        let input = match record {
            Ok(SqsMessage { body: Some(body), .. }) => parse_body(&body),
            Ok(_) => Err(invalid_request("the record has no body")),
            Err(error) => Err(invalid_request(format_args!("invalid record of an SQS batch: {error}"))),
        };
        Self { message, input }
    }
}

/// Parses a body, which is an event or an `assemble` request. The other requests are made by hand or by schedule, and
/// whoever makes them waits for the answer.
fn parse_body(body: &str) -> Result<Input, Error> {
    let payload: Value = serde_json::from_str(body)
        .map_err(|error| invalid_request(format_args!("the body of the record is not valid JSON: {error}")))?;
    match parse(payload)? {
        input @ (Input::Push(_) | Input::Assemble(_) | Input::Ignored { .. }) => Ok(input),
        Input::Sweep(_) | Input::Yank(..) | Input::Registries(_) => Err(not_for_a_queue()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn push() -> Value {
        json!({"version":"0","id":"1","detail-type":"ECR Image Action","source":"aws.ecr","account":"123456789012",
               "time":"2026-11-23T10:00:00Z","region":"eu-central-1","resources":[],
               "detail":{"result":"SUCCESS","repository-name":"app","action-type":"PUSH","image-tag":"1-amd64"}})
    }

    fn reason(payload: Value) -> String {
        match parse(payload) {
            Ok(Input::Ignored { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn push_event_has_registry_and_time() {
        let Ok(Input::Push(push)) = parse(push()) else { panic!() };
        assert_eq!((push.account.as_str(), push.region.as_str()), ("123456789012", "eu-central-1"));
        assert!(push.time.is_some());
    }

    #[test]
    fn unused_fields_of_the_envelope_may_have_any_form() {
        for (field, value) in
            [("time", json!("yesterday")), ("time", json!(7)), ("resources", json!({})), ("id", json!(1))]
        {
            let mut event = push();
            event[field] = value;
            let Ok(Input::Push(push)) = parse(event.clone()) else { panic!("{event}") };
            assert_eq!(push.time.is_some(), field != "time");
        }
    }

    #[test]
    fn other_detail_types_are_ignored() {
        let scan = json!({"source":"aws.ecr","detail-type":"ECR Image Scan","detail":{}});
        assert!(reason(scan).contains("ECR Image Scan"));
    }

    #[test]
    fn ignored_event_of_ecr_names_its_registry() {
        let mut scan = push();
        scan["detail-type"] = json!("ECR Image Scan");
        let Ok(Input::Ignored { registry: Some(registry), .. }) = parse(scan) else { panic!() };
        assert_eq!(registry.region.as_str(), "eu-central-1");
    }

    #[test]
    fn other_sources_are_ignored() {
        let other = json!({"source":"my.app","detail-type":"ECR Image Action","detail":{}});
        assert!(reason(other).contains("my.app"));
    }

    #[test]
    fn image_action_without_a_valid_envelope_is_invalid() {
        for (field, value) in [
            ("detail", json!(null)),
            ("detail", json!("text")),
            ("detail", json!([])),
            ("detail", json!({"action-type":"PUSH","image-tag":7})),
            ("account", json!(null)),
            ("region", json!(null)),
        ] {
            let mut event = push();
            event[field] = value;
            assert!(matches!(parse(event.clone()), Err(Error::InvalidRequest(_))), "{event}");
        }
        for field in ["detail", "account", "region"] {
            let mut event = push();
            event.as_object_mut().unwrap().remove(field);
            assert!(matches!(parse(event.clone()), Err(Error::InvalidRequest(_))), "{event}");
        }
    }

    #[test]
    fn other_json_is_invalid() {
        for payload in [json!(null), json!([]), json!("text"), json!(7), json!({}), json!({"source":"aws.ecr"})] {
            match parse(payload.clone()) {
                Err(Error::InvalidRequest(message)) => assert!(message.contains("ECR Image Action"), "{message}"),
                other => panic!("{payload}: {other:?}"),
            }
        }
    }

    const ASSEMBLE: &str = r#"{"action":"assemble","repository":"app","version":"1"}"#;

    fn record(fields: &Value) -> Record {
        let mut record = json!({"messageId": "1", "body": ASSEMBLE, "eventSource": "aws:sqs"});
        record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        take_records(&mut json!({"Records": [record]})).unwrap().remove(0)
    }

    fn message(record: &Record) -> String {
        record.input.as_ref().unwrap_err().to_string()
    }

    #[test]
    fn record_has_message_id_and_input() {
        let record = record(&json!({}));
        assert_eq!(record.message.unwrap(), ReceivedMessage { id: "1".to_owned(), receives: 1, sent_at: None });
        assert!(matches!(record.input, Ok(Input::Assemble(_))));
    }

    #[test]
    fn receives_are_counted_where_the_record_says_so() {
        for (attributes, receives) in
            [(json!({"ApproximateReceiveCount": "6"}), 6), (json!({"ApproximateReceiveCount": "x"}), 1), (json!(7), 1)]
        {
            assert_eq!(record(&json!({"attributes": attributes})).message.unwrap().receives, receives);
        }
    }

    #[test]
    fn time_of_sending_is_kept_where_the_record_says_so() {
        let millisecond = UNIX_EPOCH + Duration::from_millis(1);
        for (attributes, sent_at) in [
            (json!({"SentTimestamp": "1"}), Some(millisecond)),
            (json!({"SentTimestamp": "-1"}), None),
            (json!({"SentTimestamp": u64::MAX.to_string()}), UNIX_EPOCH.checked_add(Duration::from_millis(u64::MAX))),
            (json!(7), None),
        ] {
            assert_eq!(record(&json!({"attributes": attributes})).message.unwrap().sent_at, sent_at, "{attributes}");
        }
    }

    #[test]
    fn unused_fields_of_a_record_may_have_any_form() {
        let fields = json!({"attributes": 7, "messageAttributes": [], "md5OfBody": {}, "receiptHandle": null});
        assert!(record(&fields).input.is_ok());
    }

    #[test]
    fn body_other_than_event_or_assemble_request_is_invalid() {
        for (body, expected) in [
            (json!("text"), "not valid JSON"),
            (json!("{} {}"), "not valid JSON"),
            (json!(""), "not valid JSON"),
            (json!("7"), "neither an event nor a request"),
            (json!(null), "no body"),
            (json!({"action": "sweep"}), "invalid record"),
            (json!(r#"{"action":"sweep"}"#), "assemble request"),
            (json!(r#"{"action":"registries"}"#), "assemble request"),
            (json!(r#"{"action":"yank","repository":"app","version":"1.2.3"}"#), "assemble request"),
            (json!(r#"{"Records":[]}"#), "neither an event nor a request"),
        ] {
            let record = record(&json!({"body": body}));
            assert!(message(&record).contains(expected), "{body}: {}", message(&record));
            assert_eq!(record.message.unwrap(), ReceivedMessage { id: "1".to_owned(), receives: 1, sent_at: None });
        }
    }

    #[test]
    fn record_without_a_message_id_cannot_go_back() {
        for id in [json!(null), json!(""), json!(7)] {
            assert_eq!(record(&json!({"messageId": id})).message, None);
        }
    }

    #[test]
    fn records_of_other_sources_are_no_batch() {
        for records in [
            json!({"Records": [{"eventSource": "aws:s3"}]}),
            json!({"Records": [{"eventSource": "aws:sqs"}, {}]}),
            json!({"Records": {}}),
            json!({"action": "sweep"}),
        ] {
            assert!(take_records(&mut records.clone()).is_none(), "{records}");
        }
    }

    #[test]
    fn empty_batch_has_no_records() {
        assert!(take_records(&mut json!({"Records": []})).unwrap().is_empty());
    }
}
