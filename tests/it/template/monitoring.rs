//! Alarms and the dashboard, compared with the metrics of the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ecr_multiarch::metrics::name::{
    ALIAS_CONFLICTS, FAILED_PERMANENTLY, INCOMPLETE_VERSIONS, RETURNED, SWEEP_COMPLETE,
};
use ecr_multiarch::metrics::{self, failed_of_type};
use ecr_multiarch_core::ErrorType;
use serde_json::{Map, Value, json};

use super::{PLATFORMS, strings, template};

/// The namespace of the calls of AWS services in an account and Region.
const USAGE: &str = "AWS/Usage";
/// Percent of the quota. (`CloudWatch` user guide, "Visualizing your service quotas and setting alarms".)
const USED: &str = "calls / SERVICE_QUOTA(calls) * 100";

const QUEUE_AGE: &str = "ApproximateAgeOfOldestMessage";
const QUEUE_VISIBLE: &str = "ApproximateNumberOfMessagesVisible";
const QUEUE_IN_FLIGHT: &str = "ApproximateNumberOfMessagesNotVisible";
/// The dimension of the metrics of state machines.
const STATE_MACHINE: &str = "StateMachineArn";

/// Asserts that a metric exists, as an alarm or a widget names it.
fn assert_metric_exists(namespace: &str, name: &str, dimension: &str, value: &str) {
    let lambda_metrics = ["Duration", "Errors", "Invocations", "Throttles"];
    let queue_metrics = [QUEUE_AGE, QUEUE_VISIBLE, QUEUE_IN_FLIGHT];
    match namespace {
        // The state machine writes it: the tests of the sweep compare its definition.
        metrics::NAMESPACE if dimension == STATE_MACHINE => {
            assert_eq!((name, value), (SWEEP_COMPLETE, "SweepMachine"));
        }
        "AWS/States" => assert!(dimension == STATE_MACHINE && name == "ExecutionsFailed", "{name}"),
        metrics::NAMESPACE => {
            let by_type: Vec<_> = ErrorType::ALL.iter().copied().map(failed_of_type).collect();
            let emitted = metrics::name::ALL.contains(&name) || by_type.iter().any(|by_type| by_type == name);
            assert!(emitted, "the function does not emit the metric {name}");
            assert_eq!(dimension, metrics::DIMENSION, "{name}");
            assert!(["Assembler", "Sweeper"].contains(&value), "{name} of {value}");
        }
        "AWS/Lambda" => assert!(dimension == "FunctionName" && lambda_metrics.contains(&name), "{name}"),
        "AWS/SQS" => assert!(dimension == "QueueName" && queue_metrics.contains(&name), "{name}"),
        other => panic!("{other}"),
    }
}

fn alarms(parameters: &[(&str, &str)]) -> BTreeMap<String, Value> {
    template().deploy(&[&[PLATFORMS][..], parameters].concat()).resources("AWS::CloudWatch::Alarm")
}

/// The alarms on a metric of one function or queue.
fn alarms_on_one_metric() -> BTreeMap<String, Value> {
    alarms(&[]).into_iter().filter(|(_, alarm)| alarm.get("Metrics").is_none()).collect()
}

/// The name and value of an alarm's only dimension.
fn dimension(alarm: &Value) -> (&str, &str) {
    let [dimension] = alarm["Dimensions"].as_array().unwrap().as_slice() else { panic!("{alarm}") };
    (dimension["Name"].as_str().unwrap(), dimension["Value"].as_str().unwrap())
}

#[test]
fn alarms_use_existing_metrics() {
    for alarm in alarms_on_one_metric().values() {
        let (name, value) = dimension(alarm);
        let [namespace, metric] = ["Namespace", "MetricName"].map(|field| alarm[field].as_str().unwrap());
        assert_metric_exists(namespace, metric, name, value);
    }
}

#[test]
fn each_alarm_watches_its_metric() {
    let alarms = alarms_on_one_metric();
    let watched =
        alarms.iter().map(|(name, alarm)| (name.as_str(), (alarm["MetricName"].as_str().unwrap(), dimension(alarm).1)));
    let expected = [
        ("AliasConflictsAlarm", (ALIAS_CONFLICTS, "Sweeper")),
        ("AssemblerErrorsAlarm", ("Errors", "Assembler")),
        ("FailedAlarm", (QUEUE_VISIBLE, "FailedQueue.QueueName")),
        ("FailedPermanentlyAlarm", (FAILED_PERMANENTLY, "Assembler")),
        ("PushDeadLetterAlarm", (QUEUE_VISIBLE, "PushDeadLetterQueue.QueueName")),
        ("PushQueueAgeAlarm", (QUEUE_AGE, "PushQueue.QueueName")),
        ("PushRetriesAlarm", (RETURNED, "Assembler")),
        ("SweepAlarm", (SWEEP_COMPLETE, "SweepMachine")),
        ("SweepFailedAlarm", ("ExecutionsFailed", "SweepMachine")),
        ("ThrottlesAlarm", ("Throttles", "Assembler")),
        ("UndeliveredAlarm", (QUEUE_VISIBLE, "UndeliveredQueue.QueueName")),
        ("VersionsFailedAlarm", (metrics::name::FAILED, "Sweeper")),
        ("VersionsIncompleteAlarm", (INCOMPLETE_VERSIONS, "Sweeper")),
    ];
    assert_eq!(watched.collect::<BTreeMap<_, _>>(), expected.into());
}

#[test]
fn alarms_notify_the_topic_on_alarm_and_on_ok() {
    let topic = "arn:aws:sns:eu-central-1:123456789012:on-call";
    for (name, alarm) in alarms(&[("AlarmTopicArn", topic)]) {
        assert_eq!((&alarm["AlarmActions"], &alarm["OKActions"]), (&json!([topic]), &json!([topic])), "{name}");
    }
}

#[test]
fn every_dead_letter_queue_has_an_alarm() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    let queues = stack.resources("AWS::SQS::Queue").into_keys().filter(|name| name != "PushQueue");
    let alarms = alarms_on_one_metric();
    for queue in queues {
        let name = format!("{queue}.QueueName");
        let alarm = alarms.values().find(|alarm| alarm["MetricName"] == QUEUE_VISIBLE && dimension(alarm).1 == name);
        let alarm = alarm.unwrap_or_else(|| panic!("no alarm watches {queue}"));
        assert_eq!((&alarm["Statistic"], &alarm["Threshold"]), (&"Maximum".into(), &0.into()), "{queue}");
    }
}

#[test]
fn one_permanent_failure_or_failed_sweep_is_an_alarm() {
    for name in ["FailedPermanentlyAlarm", "SweepFailedAlarm"] {
        let alarm = &alarms(&[])[name];
        assert_eq!((&alarm["Statistic"], &alarm["Threshold"]), (&"Sum".into(), &0.into()), "{name}");
        assert_eq!(alarm["EvaluationPeriods"], 1, "{name}");
        assert_eq!(alarm["ComparisonOperator"], "GreaterThanThreshold", "{name}");
    }
}

/// The metric leaves out messages that were received three times. (Amazon SQS developer guide, "Available `CloudWatch`
/// metrics for Amazon SQS".) Until then, an event that fails must not set off the alarm.
#[test]
fn the_age_alarm_is_for_events_that_are_not_received() {
    let template = template();
    let visibility = template.deploy(&[PLATFORMS]).resource("PushQueue")["VisibilityTimeout"].as_u64().unwrap();
    assert!(alarms(&[])["PushQueueAgeAlarm"]["Threshold"].as_u64().unwrap() > 3 * visibility);
}

#[test]
fn sweep_alarm_fires_after_the_configured_hours() {
    let alarm = &alarms(&[("HoursWithoutSweep", "26")])["SweepAlarm"];
    assert_eq!((&alarm["EvaluationPeriods"], &alarm["Period"]), (&"26".into(), &3600.into()));
    assert_eq!((&alarm["Statistic"], &alarm["Threshold"]), (&"Sum".into(), &1.into()));
    assert_eq!(alarm["ComparisonOperator"], "LessThanThreshold");
    assert_eq!(alarm["TreatMissingData"], "breaching", "no sweep writes nothing");
}

fn widgets(parameters: &[(&str, &str)]) -> Vec<Value> {
    let template = template();
    let stack = template.deploy(&[&[PLATFORMS][..], parameters].concat());
    let body = stack.resource("Dashboard")["DashboardBody"].as_str().unwrap().to_owned();
    let mut body: Map<String, Value> = serde_json::from_str(&body).unwrap();
    body["widgets"].as_array_mut().unwrap().drain(..).collect()
}

fn metric_widgets() -> impl Iterator<Item = Value> {
    widgets(&[]).into_iter().filter(|widget| widget["type"] == "metric")
}

/// The metrics of functions and queues on the dashboard: namespace, name, dimension and its value.
fn dashboard_metrics() -> Vec<[String; 4]> {
    let metrics = metric_widgets().flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap().clone());
    let metrics = metrics.filter(|metric| metric[0] != USAGE && metric[0].get("expression").is_none());
    let parts = |metric: Value| {
        let [namespace, name, dimension, value, _label] = metric.as_array().unwrap().as_slice() else {
            panic!("{metric}")
        };
        [namespace, name, dimension, value].map(|part| part.as_str().unwrap().to_owned())
    };
    metrics.map(parts).collect()
}

#[test]
fn the_dashboard_uses_existing_metrics() {
    for [namespace, name, dimension, value] in dashboard_metrics() {
        assert_metric_exists(&namespace, &name, &dimension, &value);
    }
}

#[test]
fn the_dashboard_shows_every_error_type() {
    let metrics = dashboard_metrics();
    for &error_type in ErrorType::ALL {
        for function in ["Assembler", "Sweeper"] {
            let metric = failed_of_type(error_type);
            let is_shown = metrics.iter().any(|[_, name, _, of]| *name == metric && of == function);
            assert!(is_shown, "{metric} of {function}");
        }
    }
}

#[test]
fn the_dashboard_shows_every_alarm() {
    for state in ["ENABLED", "DISABLED"] {
        let widgets = widgets(&[("SweepState", state)]);
        let shown = widgets.iter().find(|widget| widget["type"] == "alarm").unwrap();
        let shown: BTreeSet<_> = strings(&shown["properties"]["alarms"]).into_iter().map(str::to_owned).collect();
        let all = alarms(&[("SweepState", state)]).into_keys().map(|name| format!("{name}.Arn"));
        assert_eq!(shown, all.collect(), "{state}");
    }
}

/// Dimensions as Amazon ECR publishes them. (Amazon ECR user guide, "Amazon ECR usage metrics".)
const PUT_IMAGE: [(&str, &str); 4] = [("Type", "API"), ("Resource", "PutImage"), ("Service", "ECR"), ("Class", "None")];

#[test]
fn an_alarm_compares_put_image_with_its_quota() {
    let alarm = &alarms(&[])["PutImageAlarm"];
    let [calls, used] = alarm["Metrics"].as_array().unwrap().as_slice() else { panic!("{alarm}") };
    let metric = &calls["MetricStat"]["Metric"];
    assert_eq!((&metric["Namespace"], &metric["MetricName"]), (&USAGE.into(), &"CallCount".into()));
    let dimensions = PUT_IMAGE.map(|(name, value)| json!({"Name": name, "Value": value}));
    assert_eq!(metric["Dimensions"], json!(dimensions));
    assert_eq!((&calls["MetricStat"]["Stat"], &calls["MetricStat"]["Period"]), (&"Sum".into(), &60.into()));
    assert_eq!((&calls["Id"], &used["Expression"]), (&"calls".into(), &USED.into()));
}

#[test]
fn the_guide_describes_every_alarm_and_output() {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("OPERATIONS.md")).unwrap();
    let outputs = template().section("Outputs").keys().cloned().collect::<Vec<_>>();
    for name in alarms(&[]).into_keys().chain(["UnsentAlarm".to_owned()]).chain(outputs) {
        assert!(guide.contains(&format!("`{name}`")), "OPERATIONS.md lacks {name}");
    }
}
