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

use super::{HUB, PLATFORMS, member, strings, template};

/// The namespace of the calls of AWS services in an account and Region.
const USAGE: &str = "AWS/Usage";
pub const TOPIC: (&str, &str) = ("AlarmTopicArn", "arn:aws:sns:eu-central-1:123456789012:on-call");
pub const ALIASES: (&str, &str) = ("Aliases", "latest");
pub const DASHBOARD: (&str, &str) = ("CreateDashboard", "true");

const QUEUE_AGE: &str = "ApproximateAgeOfOldestMessage";
const QUEUE_VISIBLE: &str = "ApproximateNumberOfMessagesVisible";
const QUEUE_IN_FLIGHT: &str = "ApproximateNumberOfMessagesNotVisible";
const QUEUE_POLLS: &str = "NumberOfEmptyReceives";
/// The dimension of the metrics of state machines.
const STATE_MACHINE: &str = "StateMachineArn";

/// Asserts that a metric exists, as an alarm or a widget names it.
fn assert_metric_exists(namespace: &str, name: &str, dimension: &str, value: &str) {
    let lambda_metrics = ["Duration", "Errors", "Invocations", "Throttles"];
    let queue_metrics = [QUEUE_AGE, QUEUE_VISIBLE, QUEUE_IN_FLIGHT, QUEUE_POLLS];
    let machine_metrics = ["ExecutionsFailed", "ExecutionsTimedOut"];
    match namespace {
        // The state machine writes it: the tests of the sweep compare its definition.
        metrics::NAMESPACE if dimension == STATE_MACHINE => {
            assert_eq!((name, value), (SWEEP_COMPLETE, "SweepMachine"));
        }
        "AWS/States" => assert!(dimension == STATE_MACHINE && machine_metrics.contains(&name), "{name}"),
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

/// The alarms of a stack.
pub fn alarms(parameters: &[(&str, &str)]) -> BTreeMap<String, Value> {
    template().deploy(&[&[PLATFORMS][..], parameters].concat()).resources("AWS::CloudWatch::Alarm")
}

/// All alarms that there can be.
fn all_alarms() -> BTreeMap<String, Value> {
    alarms(&[TOPIC, ALIASES])
}

/// The metrics that an alarm watches, each with `Namespace`, `MetricName` and `Dimensions`.
pub fn watched(alarm: &Value) -> Vec<Value> {
    let Some(queries) = alarm["Metrics"].as_array() else { return vec![alarm.clone()] };
    queries.iter().filter_map(|query| Some(query.get("MetricStat")?["Metric"].clone())).collect()
}

/// The name and value of a metric's only dimension.
fn dimension(metric: &Value) -> (&str, &str) {
    let [dimension] = metric["Dimensions"].as_array().unwrap().as_slice() else { panic!("{metric}") };
    (dimension["Name"].as_str().unwrap(), dimension["Value"].as_str().unwrap())
}

#[test]
fn alarms_use_existing_metrics() {
    let watched = all_alarms().values().flat_map(watched).collect::<Vec<_>>();
    for metric in watched.iter().filter(|metric| metric["Namespace"] != USAGE) {
        let (name, value) = dimension(metric);
        let [namespace, metric] = ["Namespace", "MetricName"].map(|field| metric[field].as_str().unwrap());
        assert_metric_exists(namespace, metric, name, value);
    }
}

#[test]
fn each_alarm_watches_its_metrics() {
    let watched_by = |(name, alarm): (String, Value)| {
        let metric = |metric: &Value| format!("{} {}", metric["MetricName"].as_str().unwrap(), dimension(metric).1);
        (name, watched(&alarm).iter().map(metric).collect::<Vec<_>>().join(", "))
    };
    let on_usage = |alarm: &Value| watched(alarm)[0]["Namespace"] == USAGE;
    let found = all_alarms().into_iter().filter(|(_, alarm)| !on_usage(alarm)).map(watched_by);
    let of_queues = |queues: [&str; 3]| queues.map(|name| format!("{QUEUE_VISIBLE} {name}.QueueName")).join(", ");
    let expected = [
        ("AliasConflictsAlarm", format!("{ALIAS_CONFLICTS} Sweeper")),
        ("DeadLetterAlarm", of_queues(["PushDeadLetterQueue", "UndeliveredQueue", "FailedQueue"])),
        ("PushQueueAgeAlarm", format!("{QUEUE_AGE} PushQueue.QueueName")),
        ("PushRetriesAlarm", format!("{RETURNED} Assembler, Errors Assembler, Throttles Assembler")),
        ("SweepAlarm", format!("{SWEEP_COMPLETE} SweepMachine, {QUEUE_POLLS} PushQueue.QueueName")),
        ("VersionsFailedAlarm", format!("{FAILED_PERMANENTLY} Assembler, {} Sweeper", metrics::name::FAILED)),
        ("VersionsIncompleteAlarm", format!("{INCOMPLETE_VERSIONS} Sweeper")),
    ];
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected.map(|(name, metrics)| (name.to_owned(), metrics)).into());
}

/// An array function skips a metric that has no value, as most of these have none most of the time; an operator of two
/// metrics has a result only where both have a value.
#[test]
fn alarms_on_several_metrics_need_a_value_of_one_only() {
    let expressions = all_alarms().into_iter().filter_map(|(name, alarm)| {
        let expression = alarm["Metrics"].as_array()?.last()?["Expression"].as_str()?.to_owned();
        (watched(&alarm).len() > 1).then_some((name, expression))
    });
    let expected = [
        ("DeadLetterAlarm", "SUM([pushes, undelivered, failed])"),
        ("PushRetriesAlarm", "SUM([returned, errors, throttles])"),
        ("SweepAlarm", "SUM([complete, 0 * polls])"),
        ("VersionsFailedAlarm", "MAX([pushes, swept])"),
    ];
    let expected = expected.map(|(name, expression)| (name.to_owned(), expression.to_owned()));
    assert_eq!(expressions.collect::<BTreeMap<_, _>>(), expected.into());
}

#[test]
fn there_are_at_most_eight_alarms() {
    let names = |parameters: &[(&str, &str)]| alarms(parameters).into_keys().collect::<Vec<_>>();
    let of_state =
        ["DeadLetterAlarm", "PushQueueAgeAlarm", "SweepAlarm", "VersionsFailedAlarm", "VersionsIncompleteAlarm"];
    assert_eq!(names(&[]), of_state);
    assert_eq!(all_alarms().len(), 8, "{:?}", all_alarms().keys());
    for of_aliases in [ALIASES, ("Streams", r#"[{"aliases":"latest"}]"#), ("Rules", "[]")] {
        assert!(names(&[of_aliases]).contains(&"AliasConflictsAlarm".to_owned()), "{of_aliases:?}");
    }
}

/// A new stack has no data, and each alarm begins with what it takes missing data for.
#[test]
fn no_alarm_takes_missing_data_for_a_breach() {
    let (member, hub) = (member(), [HUB]);
    for (name, alarm) in all_alarms().into_iter().chain(member.deploy(&hub).resources("AWS::CloudWatch::Alarm")) {
        let missing = alarm["TreatMissingData"].as_str().unwrap();
        assert!(["ignore", "notBreaching"].contains(&missing), "{name}: {missing}");
    }
}

#[test]
fn alarms_notify_the_topic_on_alarm_and_on_ok() {
    for (name, alarm) in all_alarms() {
        assert_eq!((&alarm["AlarmActions"], &alarm["OKActions"]), (&json!([TOPIC.1]), &json!([TOPIC.1])), "{name}");
    }
}

/// A notification has the description and nothing else that helps. It has at most 1,024 characters.
#[test]
fn alarms_say_what_to_do() {
    for (name, alarm) in all_alarms() {
        let description = alarm["AlarmDescription"].as_str().unwrap();
        assert!(description.contains(". What to do: ") && description.len() <= 1024, "{name}: {description}");
    }
}

#[test]
fn every_dead_letter_queue_has_an_alarm() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    let queues = stack.resources("AWS::SQS::Queue").into_keys().filter(|name| name != "PushQueue");
    let alarm = &alarms(&[])["DeadLetterAlarm"];
    let watched = watched(alarm);
    for queue in queues {
        let name = format!("{queue}.QueueName");
        let is_watched =
            watched.iter().any(|metric| metric["MetricName"] == QUEUE_VISIBLE && dimension(metric).1 == name);
        assert!(is_watched, "no alarm watches {queue}");
    }
    assert_eq!((&alarm["Threshold"], &alarm["EvaluationPeriods"]), (&0.into(), &1.into()));
}

#[test]
fn one_permanent_failure_is_an_alarm() {
    let alarm = &alarms(&[])["VersionsFailedAlarm"];
    assert_eq!((&alarm["Threshold"], &alarm["EvaluationPeriods"]), (&0.into(), &1.into()));
    assert_eq!(alarm["ComparisonOperator"], "GreaterThanThreshold");
    let statistic = |query: &Value| query["MetricStat"]["Stat"].as_str().map(str::to_owned);
    let statistics: Vec<_> = alarm["Metrics"].as_array().unwrap().iter().filter_map(statistic).collect();
    assert_eq!(statistics, ["Sum", "Maximum"]);
}

/// The metric leaves out messages that were received three times. (Amazon SQS developer guide, "Available `CloudWatch`
/// metrics for Amazon SQS".) Until then, an event that fails must not set off the alarm.
#[test]
fn the_age_alarm_is_for_events_that_are_not_received() {
    let template = template();
    let visibility = template.deploy(&[PLATFORMS]).resource("PushQueue")["VisibilityTimeout"].as_u64().unwrap();
    assert!(alarms(&[])["PushQueueAgeAlarm"]["Threshold"].as_u64().unwrap() > 3 * visibility);
}

/// An hour before the stack has no polls: it is missing, and does not count. Each one since has a value: the number of
/// complete sweeps.
#[test]
fn sweep_alarm_fires_after_the_configured_hours() {
    let alarm = &alarms(&[("HoursWithoutSweep", "26")])["SweepAlarm"];
    assert_eq!((&alarm["EvaluationPeriods"], &alarm["Threshold"]), (&"26".into(), &1.into()));
    assert_eq!(alarm["ComparisonOperator"], "LessThanThreshold");
    assert_eq!(alarm["TreatMissingData"], "notBreaching", "an hour before the stack");
    for query in alarm["Metrics"].as_array().unwrap().iter().filter_map(|query| query.get("MetricStat")) {
        assert_eq!((&query["Period"], &query["Stat"]), (&3600.into(), &"Sum".into()), "{query}");
    }
}

/// A schedule of an hour is not aligned to the hours of the clock, one of which may see no start.
#[test]
fn sweep_alarm_takes_more_than_one_hour_and_at_most_a_week() {
    for (hours, expected) in [("1", false), ("2", true), ("168", true), ("169", false)] {
        assert_eq!(template().accepts("HoursWithoutSweep", hours), expected, "{hours}");
    }
}

fn widgets(parameters: &[(&str, &str)]) -> Vec<Value> {
    let template = template();
    let stack = template.deploy(&[&[PLATFORMS, DASHBOARD][..], parameters].concat());
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
    for parameters in [&[][..], &[TOPIC], &[ALIASES], &[TOPIC, ALIASES], &[("SweepState", "DISABLED")]] {
        let widgets = widgets(parameters);
        let shown = widgets.iter().find(|widget| widget["type"] == "alarm").unwrap();
        let shown: BTreeSet<_> = strings(&shown["properties"]["alarms"]).into_iter().map(str::to_owned).collect();
        let all = alarms(parameters).into_keys().map(|name| format!("{name}.Arn"));
        assert_eq!(shown, all.collect(), "{parameters:?}");
    }
}

#[test]
fn dashboard_is_created_only_on_demand() {
    let template = template();
    for (parameters, expected) in [(&[PLATFORMS][..], false), (&[PLATFORMS, DASHBOARD], true)] {
        let stack = template.deploy(parameters);
        assert_eq!(stack.section("Resources").contains_key("Dashboard"), expected);
        assert_eq!(stack.section("Outputs").contains_key("DashboardUrl"), expected);
    }
}

/// Dimensions as Amazon ECR publishes them. (Amazon ECR user guide, "Amazon ECR usage metrics".)
const PUT_IMAGE: [(&str, &str); 4] = [("Type", "API"), ("Resource", "PutImage"), ("Service", "ECR"), ("Class", "None")];

#[test]
fn an_alarm_compares_put_image_with_its_quota() {
    let alarm = &alarms(&[TOPIC, ("PutImagesPerSecond", "50")])["PutImageAlarm"];
    let [calls, used] = alarm["Metrics"].as_array().unwrap().as_slice() else { panic!("{alarm}") };
    let metric = &calls["MetricStat"]["Metric"];
    assert_eq!((&metric["Namespace"], &metric["MetricName"]), (&USAGE.into(), &"CallCount".into()));
    let dimensions = PUT_IMAGE.map(|(name, value)| json!({"Name": name, "Value": value}));
    assert_eq!(metric["Dimensions"], json!(dimensions));
    assert_eq!((&calls["MetricStat"]["Stat"], &calls["MetricStat"]["Period"]), (&"Sum".into(), &60.into()));
    assert_eq!((&calls["Id"], &used["Expression"]), (&"calls".into(), &"calls / 60 / 50 * 100".into()));
}

/// Amazon ECR user guide, "Amazon ECR usage metrics".
#[test]
fn usage_metrics_are_those_that_ecr_documents() {
    let metrics = metric_widgets().flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap().clone());
    let usage: Vec<_> = metrics.filter(|metric| metric[0] == USAGE).map(|metric| metric[1].clone()).collect();
    assert_eq!(usage, ["CallCount"]);
}

#[test]
fn the_guide_describes_every_alarm_output_and_metric() {
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let guide = ["deploy.md", "runbook.md"].map(|name| fs::read_to_string(documents.join(name)).unwrap()).concat();
    let outputs = template().section("Outputs").keys().cloned().collect::<Vec<_>>();
    let names = metrics::name::ALL.map(str::to_owned);
    for name in all_alarms().into_keys().chain(["UnsentAlarm".to_owned()]).chain(outputs).chain(names) {
        assert!(guide.contains(&format!("`{name}`")), "the guides lack {name}");
    }
}
