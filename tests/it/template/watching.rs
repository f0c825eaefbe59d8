//! Alarms and the dashboard, held to the metrics that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ecr_multiarch::error::ErrorType;
use ecr_multiarch::metrics::name::{INCOMPLETE_VERSIONS, PUBLISHED, PUSH_TO_PUBLISHED, SWEEP_COMPLETE, WAITING};
use ecr_multiarch::metrics::{self, failed_of_type};
use serde_json::{Map, Value, json};

use super::stack::REGION;
use super::{PLATFORMS, template, texts};

/// A metric as an alarm or a widget names it.
fn check_metric(namespace: &str, name: &str, dimension: &str, value: &str) {
    let of_lambda = ["Duration", "Errors", "Invocations", "Throttles"];
    match namespace {
        metrics::NAMESPACE => {
            let by_type: Vec<_> = ErrorType::ALL.into_iter().map(failed_of_type).collect();
            let emitted = metrics::name::ALL.contains(&name) || by_type.iter().any(|by_type| by_type == name);
            assert!(emitted, "the function emits no metric {name}");
            assert_eq!(dimension, metrics::DIMENSION, "{name}");
            assert!(["Assembler", "Sweeper"].contains(&value), "{name} of {value}");
        }
        "AWS/Lambda" => assert!(dimension == "FunctionName" && of_lambda.contains(&name), "{name}"),
        "AWS/SQS" => assert_eq!((dimension, name), ("QueueName", "ApproximateNumberOfMessagesVisible")),
        other => panic!("{other}"),
    }
}

fn alarms(parameters: &[(&str, &str)]) -> BTreeMap<String, Value> {
    template().deploy(&[&[PLATFORMS][..], parameters].concat()).resources("AWS::CloudWatch::Alarm")
}

#[test]
fn alarms_watch_metrics_that_there_are() {
    let watched = alarms(&[]).into_iter().map(|(name, alarm)| {
        let [dimension] = alarm["Dimensions"].as_array().unwrap().as_slice() else { panic!("{name}: {alarm}") };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (namespace, metric) = (text(&alarm["Namespace"]), text(&alarm["MetricName"]));
        let (dimension, value) = (text(&dimension["Name"]), text(&dimension["Value"]));
        check_metric(&namespace, &metric, &dimension, &value);
        (name, (metric, value))
    });
    let expected = [
        ("AssemblerErrorsAlarm", ("Errors", "Assembler")),
        ("FailedAlarm", ("ApproximateNumberOfMessagesVisible", "FailedQueue.QueueName")),
        ("SweepAlarm", (SWEEP_COMPLETE, "Sweeper")),
        ("SweeperErrorsAlarm", ("Errors", "Sweeper")),
        ("ThrottlesAlarm", ("Throttles", "Assembler")),
        ("UndeliveredAlarm", ("ApproximateNumberOfMessagesVisible", "UndeliveredQueue.QueueName")),
        ("VersionsFailedAlarm", (metrics::name::FAILED, "Sweeper")),
        ("VersionsIncompleteAlarm", (INCOMPLETE_VERSIONS, "Sweeper")),
    ];
    let expected = expected.map(|(name, (metric, value))| (name.to_owned(), (metric.to_owned(), value.to_owned())));
    assert_eq!(watched.collect::<BTreeMap<_, _>>(), expected.into());
}

#[test]
fn alarms_tell_the_topic_where_there_is_one_when_they_begin_and_when_they_end() {
    let topic = "arn:aws:sns:eu-central-1:123456789012:on-call";
    for (name, alarm) in alarms(&[("AlarmTopicArn", topic)]) {
        assert_eq!((&alarm["AlarmActions"], &alarm["OKActions"]), (&json!([topic]), &json!([topic])), "{name}");
    }
    for (name, alarm) in alarms(&[]) {
        assert!(alarm.get("AlarmActions").is_none() && alarm.get("OKActions").is_none(), "{name}");
    }
}

#[test]
fn a_sweep_that_never_comes_to_its_end_is_noticed_after_the_given_hours() {
    let alarm = &alarms(&[("HoursWithoutSweep", "26")])["SweepAlarm"];
    assert_eq!((&alarm["EvaluationPeriods"], &alarm["Period"]), (&"26".into(), &3600.into()));
    assert_eq!((&alarm["Statistic"], &alarm["Threshold"]), (&"Sum".into(), &1.into()));
    assert_eq!(alarm["ComparisonOperator"], "LessThanThreshold");
    assert_eq!(alarm["TreatMissingData"], "breaching", "a sweep that does not run says nothing");
}

fn dashboard(parameters: &[(&str, &str)]) -> Vec<Value> {
    let template = template();
    let stack = template.deploy(&[&[PLATFORMS][..], parameters].concat());
    let body = stack.resource("Dashboard")["DashboardBody"].as_str().unwrap().to_owned();
    let mut body: Map<String, Value> = serde_json::from_str(&body).unwrap();
    body["widgets"].as_array_mut().unwrap().drain(..).collect()
}

#[test]
fn the_dashboard_shows_metrics_that_there_are_every_kind_of_failure_among_them() {
    let mut shown = BTreeSet::new();
    for widget in dashboard(&[]).iter().filter(|widget| widget["type"] == "metric") {
        assert_eq!(widget["properties"]["region"], REGION);
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            let [namespace, name, dimension, value, _label] = metric.as_array().unwrap().as_slice() else {
                panic!("{metric}")
            };
            let [namespace, name, dimension, value] = [namespace, name, dimension, value].map(|v| v.as_str().unwrap());
            check_metric(namespace, name, dimension, value);
            shown.insert((name.to_owned(), value.to_owned()));
        }
    }
    for error_type in ErrorType::ALL {
        for function in ["Assembler", "Sweeper"] {
            assert!(shown.contains(&(failed_of_type(error_type), function.to_owned())), "{error_type} of {function}");
        }
    }
    for (name, function) in [
        (PUBLISHED, "Assembler"),
        (PUSH_TO_PUBLISHED, "Assembler"),
        (WAITING, "Assembler"),
        (PUBLISHED, "Sweeper"),
        (INCOMPLETE_VERSIONS, "Sweeper"),
        (SWEEP_COMPLETE, "Sweeper"),
    ] {
        assert!(shown.contains(&(name.to_owned(), function.to_owned())), "{name} of {function}");
    }
}

#[test]
fn the_dashboard_shows_every_alarm_that_there_is() {
    for state in ["ENABLED", "DISABLED"] {
        let widgets = dashboard(&[("SweepState", state)]);
        let shown = widgets.iter().find(|widget| widget["type"] == "alarm").unwrap();
        let shown: BTreeSet<_> = texts(&shown["properties"]["alarms"]).into_iter().map(str::to_owned).collect();
        let all = alarms(&[("SweepState", state)]).into_keys().map(|name| format!("{name}.Arn"));
        assert_eq!(shown, all.collect(), "{state}");
    }
}

#[test]
fn the_widgets_of_the_dashboard_do_not_overlap() {
    let widgets = dashboard(&[]);
    let place = |widget: &Value| ["x", "y", "width", "height"].map(|name| widget[name].as_u64().unwrap());
    let mut taken = BTreeSet::new();
    for [x, y, width, height] in widgets.iter().map(place) {
        assert!(x + width <= 24);
        let cells = (x..x + width).flat_map(|column| (y..y + height).map(move |row| (column, row)));
        for cell in cells {
            assert!(taken.insert(cell), "two widgets at {cell:?}");
        }
    }
}

#[test]
fn the_guide_tells_of_every_alarm_and_every_output() {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("OPERATIONS.md")).unwrap();
    let template = template();
    let outputs = template.section("Outputs").keys().cloned();
    for name in alarms(&[]).into_keys().chain(["UnsentAlarm".to_owned()]).chain(outputs) {
        assert!(guide.contains(&format!("`{name}`")), "OPERATIONS.md says nothing of {name}");
    }
}
