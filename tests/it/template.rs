//! The templates, held to the code that they deploy.

mod delivery;
mod event_pattern;
mod permissions;
mod stack;
mod watching;

use std::collections::{BTreeMap, BTreeSet};

use ecr_multiarch::settings::{Settings, variable};
use serde_json::{Value, json};

use stack::{Stack, Template};

const PLATFORMS: (&str, &str) = ("Platforms", "linux/amd64,linux/arm64");
const HUB: (&str, &str) = ("HubEventBusArn", "arn:aws:events:eu-central-1:999999999999:event-bus/default");
const FUNCTION: &str = "AWS::Serverless::Function";

fn template() -> Template {
    Template::read("template.yaml")
}

fn member() -> Template {
    Template::read("member.yaml")
}

/// What both functions get as their environment.
fn environment(stack: &Stack<'_>) -> BTreeMap<String, String> {
    let globals = stack.section("Globals");
    let variables = globals["Function"]["Environment"]["Variables"].as_object().unwrap();
    variables.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn settings(environment: &BTreeMap<String, String>) -> Result<String, String> {
    let settings = Settings::read(|name| environment.get(name).cloned());
    settings.map(|settings| format!("{settings:?}")).map_err(|error| error.to_string())
}

/// The parameter of a setting: `TagTemplate` for `TAG_TEMPLATE`.
fn parameter_of(variable: &str) -> String {
    let capitalized = |word: &str| format!("{}{}", &word[..1], word[1..].to_lowercase());
    variable.split('_').map(capitalized).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().map(|value| value.as_str().unwrap()).collect(),
        value => vec![value.as_str().unwrap()],
    }
}

#[test]
fn both_functions_get_exactly_the_settings_that_are_read() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    let passed: BTreeSet<_> = environment(&stack).into_keys().collect();
    assert_eq!(passed, variable::ALL.map(str::to_owned).into());
    let functions = stack.resources(FUNCTION);
    assert_eq!(functions.keys().collect::<Vec<_>>(), ["Assembler", "Sweeper"]);
    assert!(functions.values().all(|function| function.get("Environment").is_none()), "one has settings of its own");
}

#[test]
fn a_stack_that_is_given_platforms_alone_runs_with_the_defaults_of_the_contract() {
    let template = template();
    let passed = environment(&template.deploy(&[PLATFORMS]));
    let contract = [
        (variable::PLATFORMS, "linux/amd64,linux/arm64"),
        (variable::TAG_TEMPLATE, "{version}-{platform}"),
        (variable::REPOSITORIES, "*"),
        (variable::VERSION_PATTERN, ""),
        (variable::REVISIONS, "same"),
        (variable::ATTESTATIONS, "keep"),
        (variable::ACCOUNTS, ""),
        (variable::RULES, ""),
        (variable::SWEEP_PUTS_PER_SECOND, "2"),
        (variable::INCOMPLETE_AFTER, "1h"),
        (variable::INCOMPLETE_UNTIL, "7d"),
    ];
    assert_eq!(passed, contract.map(|(name, value)| (name.to_owned(), value.to_owned())).into());

    let unset = BTreeMap::from([(variable::PLATFORMS.to_owned(), PLATFORMS.1.to_owned())]);
    assert_eq!(settings(&passed), settings(&unset), "the code has other defaults");
    assert!(template.section("Parameters")["Platforms"].get("Default").is_none(), "nothing is guessed");
}

#[test]
fn each_setting_has_a_parameter_that_changes_it_and_nothing_else() {
    let template = template();
    let before = environment(&template.deploy(&[PLATFORMS]));
    for (variable, value) in [
        (variable::PLATFORMS, "linux/arm64=aarch64"),
        (variable::TAG_TEMPLATE, "{platform}_{version}"),
        (variable::REPOSITORIES, "team-a/*,base"),
        (variable::VERSION_PATTERN, r"\d+\.\d+"),
        (variable::REVISIONS, "any"),
        (variable::ATTESTATIONS, "drop"),
        (variable::ACCOUNTS, "111122223333,444455556666"),
        (variable::RULES, r#"[{"repositories":["base"],"platforms":"linux/amd64"}]"#),
        (variable::SWEEP_PUTS_PER_SECOND, "0.5"),
        (variable::INCOMPLETE_AFTER, "90m"),
        (variable::INCOMPLETE_UNTIL, "2d"),
    ] {
        let parameter = parameter_of(variable);
        let given: Vec<_> = [PLATFORMS].into_iter().filter(|(name, _)| *name != parameter).collect();
        let after = environment(&template.deploy(&[given, vec![(&parameter, value)]].concat()));
        let mut expected = before.clone();
        expected.insert(variable.to_owned(), value.to_owned());
        assert_eq!(after, expected);
        assert!(settings(&after).is_ok(), "{:?}", settings(&after));
    }
}

#[test]
fn a_parameter_takes_what_its_setting_takes_and_refuses_what_that_refuses() {
    let template = template();
    for (variable, taken, refused) in [
        (
            variable::PLATFORMS,
            &[
                "linux/amd64",
                "linux/amd64, linux/arm64",
                "linux/arm64=aarch64,linux/arm/v7",
                "windows(10.0.20348)/amd64=ltsc2022",
                "linux/amd64=x86_64",
                "linux/ppc64le,linux/s390x,linux/386",
            ][..],
            &[
                "",
                "amd64",
                "linux/amd64,",
                "linux/amd64;linux/arm64",
                "Linux/amd64",
                "linux/amd64=a/b",
                "windows(/amd64",
            ][..],
        ),
        (
            variable::TAG_TEMPLATE,
            &["{version}-{platform}", "{platform}-{version}", "v{version}_{platform}", "{version}.{platform}-build"],
            &["", "{version}", "{version}-{platform}-{platform}", "{version}/{platform}", "-{version}-{platform}", "x"],
        ),
        (
            variable::REPOSITORIES,
            &["*", "app", "team-a/*,base", "team-a/*, base", "*/app", "a*b*c", "a_b.c-d/e"],
            &["", "Team", "team a", "app:1", "app,", "a?"],
        ),
        (variable::VERSION_PATTERN, &["", r"\d+\.\d+\.\d+", "v[0-9]+|main"], &[]),
        (variable::REVISIONS, &["same", "any"], &["", "Same", "none"]),
        (variable::ATTESTATIONS, &["keep", "drop"], &["", "Keep", "yes"]),
        (variable::ACCOUNTS, &["", "111122223333", "111122223333,444455556666"], &["123", "1111222233334", "a"]),
        (
            variable::RULES,
            &["", "[]", r#"[{"repositories":["team-a/*"],"platforms":"linux/amd64","revisions":"any"}]"#],
            &["{", r#"{"repositories":["a*"]}"#, "none"],
        ),
        (variable::SWEEP_PUTS_PER_SECOND, &["2", "0.5", "1000"], &["", "0", "-1", "1001", "NaN", "inf", "two"]),
        (variable::INCOMPLETE_AFTER, &["0s", "90m", "1h", "6d"], &["", "1", "h", "1w", "+1h", "1.5h", "1 h"]),
        (variable::INCOMPLETE_UNTIL, &["2h", "7d", "30d"], &["", "7", "d", "1w", "-1d"]),
    ] {
        let parameter = parameter_of(variable);
        let mut environment = environment(&template.deploy(&[PLATFORMS]));
        for (values, expected) in [(taken, true), (refused, false)] {
            for value in values {
                assert_eq!(template.takes(&parameter, value), expected, "{parameter} and {value:?}");
                environment.insert(variable.to_owned(), (*value).to_owned());
                assert_eq!(
                    settings(&environment).is_ok(),
                    expected,
                    "{variable}={value:?}: {:?}",
                    settings(&environment)
                );
            }
        }
    }
}

#[test]
fn a_glob_that_the_event_bus_would_refuse_is_refused_before() {
    for template in [template(), member()] {
        for glob in ["**", "a**", "a**b"] {
            assert!(!template.takes("Repositories", glob), "{glob}");
        }
    }
}

#[test]
fn every_parameter_is_described_limited_grouped_and_labelled() {
    for (template, labelled) in [(template(), true), (member(), false)] {
        let interface = &template.section("Metadata")["AWS::CloudFormation::Interface"];
        let groups = interface["ParameterGroups"].as_array().unwrap().iter();
        let grouped: Vec<_> = groups.flat_map(|group| texts(&group["Parameters"])).collect();
        let parameters = template.section("Parameters");
        assert_eq!(grouped.len(), parameters.len(), "{grouped:?}");
        for (name, parameter) in parameters {
            assert!(grouped.contains(&name.as_str()), "{name} is in no group");
            assert!(!labelled || interface["ParameterLabels"][name]["default"].is_string(), "{name} has no label");
            assert!(parameter["Description"].is_string(), "{name} is not described");
            let limits = ["AllowedPattern", "AllowedValues", "MaxValue"];
            assert!(limits.iter().any(|limit| parameter.get(*limit).is_some()), "{name} takes anything");
        }
    }
}

#[test]
fn the_assembler_is_small_and_quick_and_the_sweeper_runs_for_long_and_alone() {
    let template = template();
    let shape = |parameters: &[(&str, &str)], name: &str| {
        let function = template.deploy(&[&[PLATFORMS][..], parameters].concat()).resource(name);
        let [memory, timeout, concurrency] =
            ["MemorySize", "Timeout", "ReservedConcurrentExecutions"].map(|name| function[name].clone());
        (memory, timeout, concurrency)
    };
    assert_eq!(shape(&[], "Assembler"), (json!(128), json!(30), Value::Null));
    assert_eq!(shape(&[("AssemblerReservedConcurrency", "20")], "Assembler").2, "20");
    assert_eq!(shape(&[], "Sweeper"), (json!(512), json!(900), json!(1)));
    assert_eq!(shape(&[("SweepOneAtATime", "false")], "Sweeper").2, Value::Null);
}

#[test]
fn both_functions_are_built_alike_log_json_and_are_traced() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS, ("LogLevel", "WARN"), ("LogRetentionDays", "90")]);
    let globals = stack.section("Globals");
    let common = &globals["Function"];
    assert_eq!((&common["Runtime"], &common["Handler"]), (&"provided.al2023".into(), &"bootstrap".into()));
    assert_eq!((&common["CodeUri"], &common["Tracing"]), (&".".into(), &"Active".into()));
    assert_eq!(common["Architectures"], json!(["arm64"]));
    for name in ["Assembler", "Sweeper"] {
        let function = &stack.section("Resources")[name];
        let build = json!({"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": "ecr-multiarch"}});
        assert_eq!(function["Metadata"], build, "two builds that differ would compile twice");
        let log = format!("{name}Log");
        let expected = json!({"LogGroup": log, "LogFormat": "JSON", "ApplicationLogLevel": "WARN"});
        assert_eq!(function["Properties"]["LoggingConfig"], expected);
        assert_eq!(stack.resource(&log)["RetentionInDays"], "90");
    }
}

#[test]
fn two_stacks_live_side_by_side_since_nothing_has_a_fixed_name() {
    let names = [
        "AlarmName",
        "DashboardName",
        "FunctionName",
        "GroupName",
        "LogGroupName",
        "ManagedPolicyName",
        "Name",
        "QueueName",
        "RoleName",
    ];
    for (template, given) in [(template(), PLATFORMS), (member(), HUB)] {
        let stack = template.deploy(&[given, ("Repositories", "app")]);
        for (name, resource) in stack.section("Resources") {
            let referring = resource["Type"] == "AWS::Lambda::Permission";
            for fixed in names.into_iter().filter(|_| !referring) {
                assert!(resource["Properties"].get(fixed).is_none(), "{name} has a fixed {fixed}");
            }
            let events = resource["Properties"]["Events"].as_object().into_iter().flatten();
            for (event, properties) in events {
                assert_eq!(
                    properties["Properties"]["OmitName"], true,
                    "SAM names {event} after its place in the template"
                );
                assert!(properties["Properties"].get("Name").is_none(), "{event}");
            }
        }
        assert!(stack.section("Outputs").values().all(|output| output.get("Export").is_none()), "an export has a name");
    }
}
