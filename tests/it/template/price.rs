//! What a stack costs while nothing is pushed: the figures of `docs/cost.md`, computed from the template.

use std::fs;
use std::path::Path;

use ecr_multiarch::metrics::name::OF_EVERY_SWEEP;
use regex_lite::Regex;

use super::monitoring::{ALIASES, DASHBOARD, TOPIC, alarms, watched};
use super::stack::Stack;
use super::sweep::{definition, state};
use super::{PLATFORMS, template};

/// List prices in USD of us-east-1, 2026-05, without free tiers. (Pricing pages of Amazon `CloudWatch`, AWS Step
/// Functions, Amazon `EventBridge` and Amazon SQS.)
const ALARM_METRIC_PRICE: f64 = 0.10;
const CUSTOM_METRIC_PRICE: f64 = 0.30;
const DASHBOARD_PRICE: f64 = 3.00;
const STATE_TRANSITION_PRICE: f64 = 0.000_025;
const INVOCATION_PRICE: f64 = 0.000_001;
const SQS_REQUEST_PRICE: f64 = 0.000_000_4;

/// The days of the month whose price is stated.
const DAYS: u32 = 30;

/// The requests that wait for a message: five pollers, each with 20 seconds at a time. (AWS Lambda developer guide,
/// "Configuring scaling behavior for SQS event source mappings".)
const POLLS: u32 = 5 * DAYS * 24 * 3600 / 20;

/// The accounts and Regions of the hub that the guide has as its example.
const REGISTRIES: u32 = 120;

fn guide() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cost.md")).unwrap()
}

/// How often the schedule starts the sweep in a month.
fn sweeps(stack: &Stack<'_>) -> u32 {
    let schedule = &stack.resource("SweepMachine")["Events"]["Schedule"]["Properties"]["ScheduleExpression"];
    let rate = Regex::new(r"^rate\(([0-9]+) (minute|hour|day)s?\)$").unwrap();
    let (_, [number, unit]) = rate.captures(schedule.as_str().unwrap()).unwrap().extract();
    let minutes = match unit {
        "minute" => 1,
        "hour" => 60,
        _ => 24 * 60,
    };
    DAYS * 24 * 60 / (number.parse::<u32>().unwrap() * minutes)
}

/// The state transitions of a sweep, and those that each registry adds, as the guide states them: `tests/machines` counts
/// them.
fn transitions() -> [u32; 2] {
    let stated = Regex::new(r"720 × \(([0-9]+) \+ ([0-9]+) for each registry\)").unwrap();
    let guide = guide();
    let (_, numbers) = stated.captures(&guide).unwrap().extract();
    numbers.map(|number| number.parse().unwrap())
}

/// What is billed: its name, its number as the guide states it, and its price in USD a month.
fn items(parameters: &[(&str, &str)]) -> Vec<(&'static str, String, f64)> {
    let template = template();
    let stack = template.deploy(&[&[PLATFORMS][..], parameters].concat());
    let alarms = alarms(parameters);
    let alarm_metrics = u32::try_from(alarms.values().flat_map(watched).count()).unwrap();
    let of_machine = state(&definition("SweepMachine"), "WriteMetric")["Arguments"]["MetricData"].take();
    let custom_metrics = u32::try_from(OF_EVERY_SWEEP.len() + of_machine.as_array().unwrap().len()).unwrap();
    let dashboards = u32::try_from(stack.resources("AWS::CloudWatch::Dashboard").len()).unwrap();
    let sweeps = sweeps(&stack);
    let transitions = sweeps * transitions().iter().sum::<u32>();
    let item = |name, number: u32, price| (name, with_commas(number), f64::from(number) * price);
    vec![
        (
            "alarms, billed by the metrics that they watch",
            format!("{} alarms, {alarm_metrics} metrics", alarms.len()),
            f64::from(alarm_metrics) * ALARM_METRIC_PRICE,
        ),
        item("custom metrics that an idle sweep writes", custom_metrics, CUSTOM_METRIC_PRICE),
        item("dashboards", dashboards, DASHBOARD_PRICE),
        item("state transitions of the scheduled sweep of one registry", transitions, STATE_TRANSITION_PRICE),
        item("invocations by the schedule", sweeps, INVOCATION_PRICE),
        item("requests that poll the queue", POLLS, SQS_REQUEST_PRICE),
    ]
}

fn total(parameters: &[(&str, &str)]) -> f64 {
    items(parameters).iter().map(|(_, _, price)| price).sum()
}

fn with_commas(number: u32) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", with_commas(number / 1000), number % 1000) }
}

#[test]
fn price_of_an_idle_stack_is_the_one_of_the_guide() {
    let rows = items(&[]).into_iter().map(|(name, number, price)| format!("| {name} | {number} | {price:.2} |\n"));
    let table = rows.chain([format!("| all | | {:.2} |\n", total(&[]))]).collect::<String>();
    assert!(guide().contains(&table), "docs/cost.md lacks\n{table}");
}

#[test]
fn idle_stack_costs_less_than_three_dollars() {
    for parameters in [&[][..], &[TOPIC]] {
        assert!(total(parameters) < 3.0, "{parameters:?} {:?}", items(parameters));
    }
}

#[test]
fn prices_of_options_are_those_of_the_guide() {
    let added = |parameter| total(&[parameter]) - total(&[]);
    let topic = added(TOPIC);
    // Sweeps write one more metric where aliases are configured.
    let aliases = added(ALIASES) + CUSTOM_METRIC_PRICE;
    let dashboard = added(DASHBOARD);
    let stated = format!(
        "A topic adds {topic:.2} USD for two alarms, aliases {aliases:.2} for an alarm and a metric, \
        `CreateDashboard=true` {dashboard:.2}."
    );
    assert!(guide().contains(&stated), "docs/cost.md lacks: {stated}");
}

#[test]
fn price_of_a_hub_is_the_one_of_the_guide() {
    let template = template();
    let [_, of_registry] = transitions();
    let registry = f64::from(of_registry * sweeps(&template.deploy(&[PLATFORMS]))) * STATE_TRANSITION_PRICE;
    let hub = total(&[]) + f64::from(REGISTRIES - 1) * (ALARM_METRIC_PRICE + registry);
    let stacks = f64::from(REGISTRIES) * total(&[]);
    let guide = guide().split_whitespace().collect::<Vec<_>>().join(" ");
    for stated in [
        format!("Each further registry adds {of_registry} state transitions per sweep, {registry:.2} USD a month."),
        format!("a hub for 40 accounts in three Regions costs some {hub:.0} USD a month while nothing is pushed"),
        format!("a stack in each of the {REGISTRIES} places some {stacks:.0} USD"),
    ] {
        assert!(guide.contains(&stated), "docs/cost.md lacks: {stated}");
    }
}
