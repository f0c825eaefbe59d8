//! Parses an SQS batch: each record by itself, so that none does harm to another.
//!
//! AWS Lambda developer guide, "Using Lambda with Amazon SQS".

use aws_lambda_events::event::sqs::SqsMessage;
use ecr_multiarch_core::input::{invalid_request, not_for_a_queue};
use ecr_multiarch_core::{Error, Input};
use serde_json::Value;

use super::event;

/// The fields of a record that are parsed. The others may have any form.
const FIELDS: [&str; 2] = ["messageId", "body"];

/// A record of a batch.
#[derive(Debug)]
pub(super) struct Record {
    /// The id by which the record goes back to the queue.
    pub(super) message_id: Option<String>,
    /// What its body asks for.
    pub(super) input: Result<Input, Error>,
}

/// The records of an SQS batch. `None`, if the payload is something else.
pub(super) fn take_records(payload: &mut Value) -> Option<Vec<Record>> {
    if payload.get("action").is_some() {
        return None;
    }
    let records = payload.get_mut("Records")?.as_array_mut()?;
    let is_of_queue = |record: &Value| record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs");
    records.iter().all(is_of_queue).then(|| std::mem::take(records).into_iter().map(Record::parse).collect())
}

impl Record {
    fn parse(mut record: Value) -> Self {
        let message_id = record.get("messageId").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
        if let Some(fields) = record.as_object_mut() {
            fields.retain(|name, _| FIELDS.contains(&name.as_str()));
        }
        let message: Result<SqsMessage, _> = serde_json::from_value(record);
        let input = match message {
            Ok(SqsMessage { body: Some(body), .. }) => parse_body(&body),
            Ok(_) => Err(invalid_request("the record has no body")),
            Err(error) => Err(invalid_request(format_args!("invalid record of an SQS batch: {error}"))),
        };
        Self { message_id, input }
    }
}

/// Parses a body, which is an event or an `assemble` request. The other requests are made by hand or by schedule, and
/// whoever makes them waits for the answer.
fn parse_body(body: &str) -> Result<Input, Error> {
    let payload: Value = serde_json::from_str(body)
        .map_err(|error| invalid_request(format_args!("the body of the record is not valid JSON: {error}")))?;
    match event::parse(payload)? {
        input @ (Input::Push(_) | Input::Assemble(_) | Input::Ignored { .. }) => Ok(input),
        Input::Sweep(_) | Input::Yank(..) | Input::Registries(_) => Err(not_for_a_queue()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
        assert_eq!(record.message_id.as_deref(), Some("1"));
        assert!(matches!(record.input, Ok(Input::Assemble(_))));
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
            assert_eq!(record.message_id.as_deref(), Some("1"));
        }
    }

    #[test]
    fn record_without_a_message_id_cannot_go_back() {
        for id in [json!(null), json!(""), json!(7)] {
            assert_eq!(record(&json!({"messageId": id})).message_id, None);
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
