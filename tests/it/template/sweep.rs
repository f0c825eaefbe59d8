//! The schedule and the state machines of the sweep, compared with the rest of the template and with the function.

use std::fs;
use std::path::Path;

use ecr_multiarch::metrics;
use ecr_multiarch_core::answer::sweep::MAX_UNFINISHED;
use ecr_multiarch_core::{ErrorType, Input};
use regex_lite::Regex;
use serde_json::{Value, json};

use super::monitoring::watched;
use super::stack::{ACCOUNT, REGION};
use super::{PLATFORMS, function_property, strings, template};
use crate::support::input::with_fields;

const MACHINES: [&str; 2] = ["SweepMachine", "RegistrySweepMachine"];

pub fn definition(name: &str) -> Value {
    let file = template().deploy(&[PLATFORMS]).resource(name)["DefinitionUri"].as_str().unwrap().to_owned();
    serde_json::from_slice(&fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()).unwrap()
}

/// All states of a definition, those within others included, by name.
fn states(definition: &Value) -> Vec<(&str, &Value)> {
    let states = definition["States"].as_object().unwrap().iter();
    let with_inner = states.flat_map(|(name, state)| {
        let inner = state.get("ItemProcessor").map(self::states).unwrap_or_default();
        [vec![(name.as_str(), state)], inner].concat()
    });
    with_inner.collect()
}

/// A state of a definition, by name.
pub fn state(definition: &Value, name: &str) -> Value {
    let states = states(definition);
    let (_, state) = states.iter().find(|(other, _)| *other == name).unwrap_or_else(|| panic!("missing state {name}"));
    (*state).clone()
}

/// The states of a definition that invoke the function.
fn invocations(definition: &Value) -> Vec<Value> {
    let is_invocation = |state: &Value| state["Resource"] == "arn:${Partition}:states:::lambda:invoke";
    states(definition).into_iter().map(|(_, state)| state.clone()).filter(is_invocation).collect()
}

/// A new AWS account runs 10 invocations at a time, of which the assembler has two.
#[test]
fn four_registries_are_swept_at_a_time() {
    let map = state(&definition("SweepMachine"), "SweepRegistries");
    assert_eq!(map["MaxConcurrency"], 4);
    assert_eq!(map["ItemProcessor"]["ProcessorConfig"]["Mode"], "INLINE");
}

const ROUNDS: u64 = 50;

#[test]
fn a_registry_is_swept_in_at_most_fifty_rounds() {
    let definition = definition("RegistrySweepMachine");
    let choices =
        states(&definition).into_iter().flat_map(|(_, state)| state["Choices"].as_array().cloned().unwrap_or_default());
    let loops: Vec<_> = choices.filter(|choice| choice["Next"] == "Sweep").collect();
    assert_eq!(loops.len(), 3, "the next names, the unfinished ones, and another pass");
    assert!(loops.iter().all(|choice| choice["Condition"].as_str().unwrap().contains("$rounds < $max_rounds")));
    let assigned = &state(&definition, "Begin")["Assign"];
    assert_eq!((&assigned["rounds"], &assigned["max_rounds"]), (&0.into(), &ROUNDS.into()));
    assert_eq!(state(&definition, "Sweep")["Assign"]["rounds"], "{% $rounds + 1 %}");
}

/// The names of the fields of an object in a `JSONata` expression.
fn fields(expression: &Value) -> Vec<String> {
    let name = Regex::new(r"'(\w+)':").unwrap();
    name.captures_iter(expression.as_str().unwrap()).map(|field| field[1].to_owned()).collect()
}

#[test]
fn a_round_is_a_request_that_the_function_accepts() {
    let definition = definition("RegistrySweepMachine");
    assert_eq!(
        fields(&state(&definition, "Begin")["Assign"]["request"]),
        ["action", "account", "region", "deep", "max_age"]
    );
    let scopes = state(&definition, "WhatIsLeft")["Choices"].take();
    let scopes = scopes.as_array().unwrap().iter().filter(|choice| choice["Next"] == "Sweep");
    let scopes: Vec<_> = scopes.flat_map(|choice| fields(&choice["Assign"]["scope"])).collect();
    assert_eq!(scopes, ["from", "repositories", "from"]);
    for scope in [json!({}), json!({"from": "team-b"}), json!({"repositories": ["team-b/app"]})] {
        let request = json!({"action": "sweep", "account": ACCOUNT, "region": REGION, "deep": false, "max_age": "30d"});
        let request = with_fields(request, &scope);
        assert!(matches!(Input::from_request(request), Ok(Input::Sweep(_))), "{scope}");
    }
}

#[test]
fn tasks_outlast_the_function_and_machines_their_tasks() {
    let timeout = |value: &Value| value["TimeoutSeconds"].as_u64().unwrap();
    let function = function_property("Sweeper", "Timeout").as_u64().unwrap();
    let [all, one] = MACHINES.map(definition);
    for task in [invocations(&all), invocations(&one)].concat() {
        assert!(timeout(&task) > function, "{task}");
    }
    assert!(timeout(&one) > ROUNDS * function);
    assert!(timeout(&all) > timeout(&one));
}

/// As many as an answer names, so that it names all that remain of those that were sent again.
#[test]
fn as_many_repositories_are_sent_again_as_an_answer_names() {
    let definition = definition("RegistrySweepMachine");
    let again = state(&definition, "WhatIsLeft")["Choices"][2]["Assign"].take();
    let last = MAX_UNFINISHED - 1;
    assert_eq!(again["scope"], format!("{{% {{'repositories': [$unfinished[[0..{last}]]]}} %}}"));
    assert!(again["unfinished"].as_str().unwrap().contains(&format!("[[{MAX_UNFINISHED}..")));
    let is_cut = state(&definition, "Sweep")["Assign"]["is_cut"].take();
    assert!(is_cut.as_str().unwrap().contains(&format!("unfinished_total > {MAX_UNFINISHED} ")));
}

/// A new AWS account runs 10 invocations at a time, of which the assembler has two.
#[test]
fn executions_that_overlap_sweep_eight_registries_at_a_time() {
    let definition = definition("SweepMachine");
    let choices = state(&definition, "MayBegin")["Choices"].take();
    let next: Vec<_> = choices.as_array().unwrap().iter().map(|choice| &choice["Next"]).collect();
    assert_eq!(next, ["Skipped", "WaitForRoom", "Skipped"]);
    for choice in [&choices[1], &choices[2]] {
        assert!(choice["Condition"].as_str().unwrap().contains("$count($running) >= 8"), "{choice}");
    }
    assert_eq!(state(&definition, "ListRunning")["Arguments"]["StateMachineArn"], "${RegistrySweepArn}");
}

#[test]
fn registry_is_swept_where_the_running_ones_are_unknown() {
    let catch = state(&definition("SweepMachine"), "ListRunning")["Catch"].take();
    assert_eq!((&catch[0]["ErrorEquals"], &catch[0]["Next"]), (&json!(["States.ALL"]), &"SweepRegistry".into()));
}

/// By this name, other executions see that a registry is being swept.
#[test]
fn execution_of_a_registry_is_named_after_it() {
    let definition = definition("SweepMachine");
    let prefix = "$states.input.account & '-' & $states.input.region & '-'";
    assert_eq!(state(&definition, "ListRunning")["Assign"]["prefix"], format!("{{% {prefix} %}}"));
    let name = state(&definition, "SweepRegistry")["Arguments"]["Name"].take();
    assert_eq!(name, format!("{{% {prefix} & $uuid() %}}"));
}

/// AWS Step Functions developer guide, "Handle transient Lambda service exceptions"; and those of a function that
/// Lambda makes ready.
#[test]
fn errors_of_lambda_are_retried_with_backoff_and_jitter() {
    let errors = [
        "AWSLambda",
        "ClientExecutionTimeout",
        "ResourceConflict",
        "ResourceNotReady",
        "SdkClient",
        "Service",
        "TooManyRequests",
    ];
    let errors = errors.map(|name| format!("Lambda.{name}Exception"));
    for (name, count) in [("SweepMachine", 1), ("RegistrySweepMachine", 1)] {
        let invocations = invocations(&definition(name));
        assert_eq!(invocations.len(), count, "{name}");
        for invocation in invocations {
            let retry = &invocation["Retry"][0];
            assert_eq!(strings(&retry["ErrorEquals"]), errors, "{name}");
            assert_eq!((&retry["BackoffRate"], &retry["JitterStrategy"]), (&2.into(), &"FULL".into()), "{name}");
        }
    }
}

/// The error types of the function have no dot; those of AWS have one.
#[test]
fn of_the_errors_of_the_function_those_that_can_end_are_retried() {
    let sweep = state(&definition("RegistrySweepMachine"), "Sweep");
    let retried: Vec<_> =
        sweep["Retry"].as_array().unwrap().iter().flat_map(|retry| strings(&retry["ErrorEquals"])).collect();
    let own: Vec<_> = retried.into_iter().filter(|error| !error.contains('.')).collect();
    assert_eq!(own, [ErrorType::RegistryUnavailable.to_string()]);
}

#[test]
fn every_error_of_a_registry_is_caught() {
    let definition = definition("SweepMachine");
    let catch = state(&definition, "SweepRegistry")["Catch"].clone();
    assert_eq!((&catch[0]["ErrorEquals"], &catch[0]["Next"]), (&json!(["States.ALL"]), &"NotSwept".into()));
    assert_eq!(state(&definition, "NotSwept")["End"], true);
}

#[test]
fn the_sweep_alarm_watches_what_the_state_machine_writes() {
    let arguments = &state(&definition("SweepMachine"), "WriteMetric")["Arguments"];
    let [written] = arguments["MetricData"].as_array().unwrap().as_slice() else { panic!("{arguments}") };
    let alarm = &watched(&template().deploy(&[PLATFORMS]).resource("SweepAlarm"))[0];
    assert_eq!((&alarm["Namespace"], &alarm["MetricName"]), (&arguments["Namespace"], &written["MetricName"]));
    assert_eq!(written["MetricName"], metrics::name::SWEEP_COMPLETE);
    assert_eq!(
        (&written["Dimensions"], &alarm["Dimensions"]),
        (
            &json!([{"Name": "StateMachineArn", "Value": "{% $states.context.StateMachine.Id %}"}]),
            &json!([{"Name": "StateMachineArn", "Value": "SweepMachine"}])
        )
    );
}

/// An execution whose input names no accounts sweeps all of them, and writes the metric of the alarm.
#[test]
fn the_schedule_starts_a_sweep_of_all_accounts_each_hour() {
    let schedule = &template().deploy(&[PLATFORMS]).resource("SweepMachine")["Events"]["Schedule"]["Properties"];
    assert_eq!(
        (&schedule["Input"], &schedule["ScheduleExpression"]),
        (&r#"{"max_age":"30d"}"#.into(), &"rate(1 hour)".into())
    );
    assert_eq!(schedule["DeadLetterConfig"]["Arn"], "UndeliveredQueue.Arn");
}

#[test]
fn sweep_alarm_exists_only_with_a_schedule() {
    let template = template();
    for (state, expected) in [("ENABLED", true), ("DISABLED", false)] {
        let alarms = template.deploy(&[PLATFORMS, ("SweepState", state)]).resources("AWS::CloudWatch::Alarm");
        assert_eq!(alarms.contains_key("SweepAlarm"), expected, "{state}");
    }
}

#[test]
fn the_schedule_accepts_only_rate_and_cron_expressions() {
    let template = template();
    for (schedule, expected) in [("rate(1 day)", true), ("cron(15 3 * * ? *)", true), ("hourly", false), ("", false)] {
        assert_eq!(template.accepts("SweepSchedule", schedule), expected, "{schedule}");
    }
}
