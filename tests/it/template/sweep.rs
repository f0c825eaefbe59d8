//! The schedule and the state machines of the sweep, compared with the rest of the template and with the function.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ecr_multiarch::metrics;
use ecr_multiarch_core::{ErrorType, Input};
use regex_lite::Regex;
use serde_json::{Value, json};

use super::permissions::allowed;
use super::stack::{ACCOUNT, REGION, Stack};
use super::{PLATFORMS, function_property, strings, template};

const MACHINES: [&str; 2] = ["SweepMachine", "RegistrySweepMachine"];

/// A state machine of a stack with these parameters.
fn machine(parameters: &[(&str, &str)], name: &str) -> Value {
    template().deploy(&[&[PLATFORMS][..], parameters].concat()).resource(name)
}

/// The text of the definition of a state machine.
fn definition_text(name: &str) -> String {
    let file = machine(&[], name)["DefinitionUri"].as_str().unwrap().to_owned();
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

fn definition(name: &str) -> Value {
    serde_json::from_str(&definition_text(name)).unwrap()
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
fn state(definition: &Value, name: &str) -> Value {
    let states = states(definition);
    let (_, state) = states.iter().find(|(other, _)| *other == name).unwrap_or_else(|| panic!("missing state {name}"));
    (*state).clone()
}

/// The states of a definition that invoke the function.
fn invocations(definition: &Value) -> Vec<Value> {
    let is_invocation = |state: &Value| state["Resource"] == "arn:${Partition}:states:::lambda:invoke";
    states(definition).into_iter().map(|(_, state)| state.clone()).filter(is_invocation).collect()
}

/// What a state machine needs to be allowed, as its definition says: pairs of an action and a resource.
fn needed(stack: &Stack<'_>, name: &str) -> BTreeSet<(String, String)> {
    let substitutions = &stack.resource(name)["DefinitionSubstitutions"];
    let substituted = |value: &Value| {
        let variable = value.as_str().unwrap().trim_start_matches("${").trim_end_matches('}').to_owned();
        substitutions[variable].as_str().unwrap().to_owned()
    };
    let definition = definition(name);
    let tasks = states(&definition).into_iter().filter(|(_, state)| state["Type"] == "Task");
    let needed = tasks.flat_map(|(_, task)| {
        let arguments = &task["Arguments"];
        let service = task["Resource"].as_str().unwrap().strip_prefix("arn:${Partition}:states:::").unwrap();
        match service {
            "lambda:invoke" => vec![("lambda:InvokeFunction", substituted(&arguments["FunctionName"]))],
            // AWS Step Functions developer guide, "Start a new AWS Step Functions state machine from a running
            // execution": it waits by a managed rule, polls, and stops what it waits for when it is stopped itself.
            "states:startExecution.sync:2" => {
                let machine = substituted(&arguments["StateMachineArn"]);
                let executions = format!("arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}.Name:*");
                let rule = "StepFunctionsGetEventsForStepFunctionsExecutionRule";
                let rule = format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}");
                vec![
                    ("states:StartExecution", machine),
                    ("states:DescribeExecution", executions.clone()),
                    ("states:StopExecution", executions),
                    ("events:DescribeRule", rule.clone()),
                    ("events:PutRule", rule.clone()),
                    ("events:PutTargets", rule),
                ]
            }
            "aws-sdk:sfn:listExecutions" => {
                assert_eq!(arguments["StateMachineArn"], "{% $states.context.StateMachine.Id %}");
                vec![("states:ListExecutions", name.to_owned())]
            }
            "aws-sdk:cloudwatch:putMetricData" => vec![("cloudwatch:PutMetricData", "*".to_owned())],
            "aws-sdk:organizations:listAccounts" => vec![("organizations:ListAccounts", "*".to_owned())],
            other => panic!("{other}: which permissions does it need?"),
        }
    });
    needed.map(|(action, resource)| (action.to_owned(), resource)).collect()
}

#[test]
fn state_machines_are_allowed_exactly_what_their_definitions_call() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS, ("OrganizationId", "o-a1b2c3d4e5"), ("SweptAccounts", "*")]);
    for name in MACHINES {
        let role = format!("{name}Role");
        assert_eq!(stack.resource(name)["Role"], format!("{role}.Arn"));
        let policies = stack.resources("AWS::IAM::Policy").into_values();
        let policies = policies.filter(|policy| strings(&policy["Roles"]).contains(&role.as_str()));
        let all = policies.chain([stack.resource(&role)]).flat_map(|holder| allowed(&holder));
        let all = all.flat_map(|(action, statement)| {
            let resources = strings(&statement["Resource"]).into_iter();
            resources.map(|resource| (action.clone(), resource.to_owned())).collect::<Vec<_>>()
        });
        assert_eq!(all.collect::<BTreeSet<_>>(), needed(&stack, name), "{name}");
    }
}

#[test]
fn accounts_of_an_organization_may_be_listed_only_where_all_are_swept() {
    for (accounts, expected) in [("", false), ("111122223333", false), ("*", true)] {
        let parameters = [PLATFORMS, ("OrganizationId", "o-a1b2c3d4e5"), ("SweptAccounts", accounts)];
        let role = template().deploy(&parameters).resource("SweepMachineRole");
        let may_list = allowed(&role).into_iter().any(|(action, _)| action == "organizations:ListAccounts");
        assert_eq!(may_list, expected, "{accounts}");
    }
}

#[test]
fn metrics_may_be_written_only_to_the_namespace_of_the_function() {
    let role = template().deploy(&[PLATFORMS]).resource("SweepMachineRole");
    let (_, statement) = allowed(&role).into_iter().find(|(action, _)| action == "cloudwatch:PutMetricData").unwrap();
    assert_eq!(statement["Condition"], json!({"StringEquals": {"cloudwatch:namespace": metrics::NAMESPACE}}));
}

#[test]
fn only_step_functions_of_the_own_account_may_assume_the_roles() {
    for name in MACHINES {
        let role = template().deploy(&[PLATFORMS]).resource(&format!("{name}Role"));
        let statement = &role["AssumeRolePolicyDocument"]["Statement"][0];
        assert_eq!(statement["Principal"], json!({"Service": "states.amazonaws.com"}));
        assert_eq!(statement["Condition"], json!({"StringEquals": {"aws:SourceAccount": ACCOUNT}}));
    }
}

/// All strings of a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Within a `JSONata` expression, a substitution would be part of the expression.
#[test]
fn definitions_use_exactly_their_substitutions_as_whole_values_or_partitions() {
    let form = Regex::new(r"^(?:\$\{(\w+)\}|arn:\$\{(Partition)\}:states:::[a-zA-Z0-9:.-]+)$").unwrap();
    for name in MACHINES {
        let definition = definition(name);
        let used = texts(&definition).into_iter().filter(|text| text.contains("${"));
        let used = used.map(|text| {
            let captures = form.captures(text).unwrap_or_else(|| panic!("{name}: {text}"));
            captures.get(1).or(captures.get(2)).unwrap().as_str().to_owned()
        });
        let given = machine(&[], name)["DefinitionSubstitutions"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(used.collect::<BTreeSet<_>>(), given, "{name}");
    }
}

#[test]
fn definitions_are_in_jsonata() {
    for name in MACHINES {
        assert_eq!(definition(name)["QueryLanguage"], "JSONata");
    }
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
    let loops: Vec<_> = states(&definition)
        .into_iter()
        .flat_map(|(_, state)| state["Choices"].as_array().cloned().unwrap_or_default())
        .filter(|choice| choice["Next"] == "Sweep")
        .map(|choice| choice["Condition"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(loops, [format!("{{% $states.input.complete = false and $rounds < {ROUNDS} %}}")]);
    assert_eq!(state(&definition, "Begin")["Assign"]["rounds"], 0);
    assert_eq!(state(&definition, "Sweep")["Assign"]["rounds"], "{% $rounds + 1 %}");
}

/// The names of the fields of an object in a `JSONata` expression.
fn fields(expression: &Value) -> Vec<String> {
    let name = Regex::new(r"'(\w+)':").unwrap();
    name.captures_iter(expression.as_str().unwrap()).map(|field| field[1].to_owned()).collect()
}

#[test]
fn a_round_is_a_request_that_the_function_accepts() {
    let assigned = state(&definition("RegistrySweepMachine"), "Begin")["Assign"]["request"].take();
    assert_eq!(fields(&assigned), ["action", "account", "region", "from", "deep"]);
    let request = json!({"action": "sweep", "account": ACCOUNT, "region": REGION, "from": "team-b", "deep": false});
    assert!(matches!(Input::from_request(request), Ok(Input::Sweep(_))));
}

#[test]
fn only_what_the_loop_and_its_result_need_is_kept_of_an_answer() {
    let output = state(&definition("RegistrySweepMachine"), "Sweep")["Output"].take();
    assert_eq!(fields(&output), ["account", "region", "complete", "failed_total", "next"]);
}

#[test]
fn a_task_lasts_longer_than_the_function_and_a_machine_longer_than_its_tasks() {
    let timeout = |value: &Value| value["TimeoutSeconds"].as_u64().unwrap();
    let function = function_property(&[], "Sweeper", "Timeout").as_u64().unwrap();
    let [all, one] = MACHINES.map(definition);
    for task in [invocations(&all), invocations(&one)].concat() {
        assert!(timeout(&task) > function, "{task}");
    }
    assert!(timeout(&one) > ROUNDS * function);
    assert!(timeout(&all) > timeout(&one));
}

/// AWS Step Functions developer guide, "Handle transient Lambda service exceptions".
#[test]
fn errors_of_lambda_are_retried_with_backoff_and_jitter() {
    let errors = ["AWSLambda", "ClientExecutionTimeout", "SdkClient", "Service", "TooManyRequests"];
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
fn the_sweep_alarm_watches_the_metric_that_the_state_machine_writes() {
    let arguments = &state(&definition("SweepMachine"), "WriteMetric")["Arguments"];
    let [written] = arguments["MetricData"].as_array().unwrap().as_slice() else { panic!("{arguments}") };
    let alarm = template().deploy(&[PLATFORMS]).resource("SweepAlarm");
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

/// The schedule of the sweep, which starts the state machine that it belongs to.
fn schedule(parameters: &[(&str, &str)]) -> Value {
    let events = &machine(parameters, "SweepMachine")["Events"];
    assert_eq!(events["Schedule"]["Type"], "ScheduleV2");
    events["Schedule"]["Properties"].clone()
}

#[test]
fn only_the_schedule_starts_something() {
    let template = template();
    let resources = template.deploy(&[PLATFORMS]).section("Resources");
    let sources = resources.iter().filter(|(_, resource)| resource["Properties"].get("Events").is_some());
    assert_eq!(sources.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["SweepMachine"]);
}

/// An execution whose input names no accounts sweeps all of them, and writes the metric of the alarm.
#[test]
fn the_schedule_starts_a_sweep_of_all_accounts() {
    assert_eq!(schedule(&[])["Input"], "{}");
}

#[test]
fn the_schedule_is_hourly_by_default() {
    assert_eq!(schedule(&[])["ScheduleExpression"], "rate(1 hour)");
}

#[test]
fn the_schedule_can_be_disabled() {
    for state in ["ENABLED", "DISABLED"] {
        assert_eq!(schedule(&[("SweepState", state)])["State"], state);
    }
}

#[test]
fn the_schedule_has_its_own_role() {
    assert_eq!(schedule(&[])["RoleArn"], "SweepScheduleRole.Arn");
}

#[test]
fn undelivered_sweeps_go_to_a_dead_letter_queue() {
    assert_eq!(schedule(&[])["DeadLetterConfig"]["Arn"], "UndeliveredQueue.Arn");
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
