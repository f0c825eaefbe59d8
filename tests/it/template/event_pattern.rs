//! `EventBridge` event patterns, as far as the templates use them.

use serde_json::Value;

/// Whether a pattern matches an event.
///
/// Amazon `EventBridge` user guide, "Event pattern syntax": every field of the pattern must be present, unless the
/// pattern requires it to be absent, and one of its matchers must match one of the field's values.
pub fn is_match(pattern: &Value, event: &Value) -> bool {
    pattern.as_object().unwrap().iter().all(|(name, expected)| match (expected, event.get(name)) {
        (Value::Object(_), Some(part)) => part.is_object() && is_match(expected, part),
        (Value::Object(_), None) => is_match(expected, &Value::Object(serde_json::Map::new())),
        (Value::Array(matchers), Some(Value::Array(values))) => {
            matchers.iter().any(|matcher| values.iter().any(|value| matches(matcher, Some(value))))
        }
        (Value::Array(matchers), value) => matchers.iter().any(|matcher| matches(matcher, value)),
        _ => panic!("{expected} is not valid in a pattern"),
    })
}

fn matches(matcher: &Value, value: Option<&Value>) -> bool {
    let Some((operator, argument)) = matcher.as_object().and_then(|matcher| matcher.iter().next()) else {
        return value == Some(matcher);
    };
    let text = value.and_then(Value::as_str);
    let operand = || argument.as_str().unwrap();
    match operator.as_str() {
        "exists" => argument.as_bool().unwrap() == value.is_some(),
        "prefix" => text.is_some_and(|text| text.starts_with(operand())),
        "suffix" => text.is_some_and(|text| text.ends_with(operand())),
        "wildcard" => text.is_some_and(|text| is_wildcard_match(operand(), text)),
        "anything-but" => match argument {
            Value::Array(excluded) => value.is_some_and(|value| !excluded.contains(value)),
            Value::Object(operator) => {
                let suffixes = operator["suffix"].as_array().unwrap().iter();
                let mut suffixes = suffixes.map(|suffix| suffix.as_str().unwrap());
                text.is_some_and(|text| !suffixes.any(|suffix| text.ends_with(suffix)))
            }
            excluded => value.is_some_and(|value| value != excluded),
        },
        other => panic!("unsupported operator {other}"),
    }
}

/// Whether a wildcard matches a text. `EventBridge` rejects two consecutive asterisks.
fn is_wildcard_match(wildcard: &str, text: &str) -> bool {
    assert!(!wildcard.contains("**"), "{wildcard}");
    match wildcard.split_once('*') {
        None => wildcard == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices().map(|(index, _)| &rest[index..]).chain([""]).any(|rest| is_wildcard_match(after, rest))
        }),
    }
}

#[test]
fn a_pattern_matches_if_each_of_its_fields_matches() {
    let event =
        serde_json::json!({"source": "aws.ecr", "detail": {"tag": "1-amd64", "empty": "", "name": "team-a/x/app"}});
    for (pattern, expected) in [
        (r#"{"source": ["aws.ecr"]}"#, true),
        (r#"{"source": ["aws.ec2", "aws.ecr"], "detail": {"tag": ["1-amd64"]}}"#, true),
        (r#"{"source": ["aws.ecr"], "detail": {"tag": ["1"]}}"#, false),
        (r#"{"detail": {"tag": [{"prefix": "1-"}], "name": [{"suffix": "/app"}]}}"#, true),
        (r#"{"detail": {"tag": [{"prefix": "2-"}]}}"#, false),
        (r#"{"detail": {"tag": [{"suffix": "arm64"}]}}"#, false),
        (r#"{"detail": {"name": [{"wildcard": "team-a/*"}]}}"#, true),
        (r#"{"detail": {"name": [{"wildcard": "*/x/*p"}]}}"#, true),
        (r#"{"detail": {"name": [{"wildcard": "*"}]}}"#, true),
        (r#"{"detail": {"name": [{"wildcard": "app"}, {"wildcard": "team-*/y"}]}}"#, false),
        (r#"{"detail": {"empty": [{"anything-but": ""}]}}"#, false),
        (r#"{"detail": {"tag": [{"anything-but": ""}]}}"#, true),
        (r#"{"detail": {"tag": [{"anything-but": ["1-amd64", ""]}]}}"#, false),
        (r#"{"detail": {"absent": [{"anything-but": ""}]}}"#, false),
        (r#"{"detail": {"tag": [{"anything-but": {"suffix": ["-arm64", "-s390x"]}}]}}"#, true),
        (r#"{"detail": {"tag": [{"anything-but": {"suffix": ["-arm64", "-amd64"]}}]}}"#, false),
        (r#"{"detail": {"absent": [{"anything-but": {"suffix": ["-amd64"]}}]}}"#, false),
        (r#"{"detail": {"absent": [{"exists": false}], "tag": [{"exists": true}]}}"#, true),
        (r#"{"detail": {"absent": [{"exists": true}]}}"#, false),
        (r#"{"absent": {"tag": ["1-amd64"]}}"#, false),
    ] {
        assert_eq!(is_match(&serde_json::from_str(pattern).unwrap(), &event), expected, "{pattern}");
    }
}
