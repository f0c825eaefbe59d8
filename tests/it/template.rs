//! The templates, compared with the code that they deploy.

mod delivery;
mod event_pattern;
mod gitops;
mod monitoring;
mod permissions;
mod stack;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};

use ecr_multiarch_core::Settings;
use ecr_multiarch_core::settings::variable::Variable;
use serde_json::{Value, json};

use stack::{Stack, Template};

const PLATFORMS: (&str, &str) = ("Platforms", "linux/amd64,linux/arm64");
const HUB: (&str, &str) = ("HubAccountId", "999999999999");
const ORGANIZATION: (&str, &str) = ("OrganizationId", "o-a1b2c3d4e5");
const FUNCTION: &str = "AWS::Serverless::Function";

fn template() -> Template {
    Template::load("template.yaml")
}

fn member() -> Template {
    Template::load("member.yaml")
}

/// Both templates, each with its required parameter.
fn both() -> [(Template, (&'static str, &'static str)); 2] {
    [(template(), PLATFORMS), (member(), HUB)]
}

/// The environment variables that both functions have in common.
fn environment(stack: &Stack<'_>) -> BTreeMap<String, String> {
    let globals = stack.section("Globals");
    let variables = globals["Function"]["Environment"]["Variables"].as_object().unwrap();
    variables.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// The settings of an environment, in a form that can be compared.
fn settings(environment: &BTreeMap<String, String>) -> Result<String, String> {
    let settings = Settings::from_lookup(|name| environment.get(name).cloned());
    settings.map(|settings| format!("{settings:?}")).map_err(|error| error.to_string())
}

/// The parameter of a variable, such as `TagTemplate` of `TAG_TEMPLATE`.
fn parameter_name(variable: Variable) -> String {
    if variable == Variable::Regions {
        // The name that the parameter had before the variable existed.
        return "FurtherRegions".to_owned();
    }
    let capitalized = |word: &str| format!("{}{}", &word[..1], word[1..].to_lowercase());
    variable.name().split('_').map(capitalized).collect()
}

/// A string or an array of strings, as a list.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().map(|value| value.as_str().unwrap()).collect(),
        value => vec![value.as_str().unwrap()],
    }
}

#[test]
fn functions_receive_exactly_the_known_settings() {
    let template = template();
    let passed: BTreeSet<_> = environment(&template.deploy(&[PLATFORMS])).into_keys().collect();
    assert_eq!(passed, Variable::ALL.iter().map(ToString::to_string).collect());
}

#[test]
fn both_functions_share_one_environment() {
    let template = template();
    let functions = template.deploy(&[PLATFORMS]).resources(FUNCTION);
    assert_eq!(functions.keys().collect::<Vec<_>>(), ["Assembler", "Sweeper"]);
    assert!(functions.values().all(|function| function.get("Environment").is_none()), "one has its own settings");
}

#[test]
fn parameter_defaults_are_those_of_the_contract() {
    let template = template();
    let contract = [
        (Variable::Platforms, "linux/amd64,linux/arm64"),
        (Variable::TagTemplate, "{version}-{platform}"),
        (Variable::Repositories, "*"),
        (Variable::VersionPattern, ""),
        (Variable::Revisions, "same"),
        (Variable::Attestations, "keep"),
        (Variable::Aliases, ""),
        (Variable::Accounts, ""),
        (Variable::Regions, ""),
        (Variable::Rules, ""),
        (Variable::SweepPutsPerSecond, "2"),
        (Variable::SettledAfter, "3h"),
        (Variable::IncompleteAfter, "1h"),
        (Variable::IncompleteUntil, "7d"),
    ];
    let expected = contract.map(|(name, value)| (name.to_string(), value.to_owned())).into();
    assert_eq!(environment(&template.deploy(&[PLATFORMS])), expected);
}

#[test]
fn parameter_defaults_are_those_of_the_code() {
    let template = template();
    let unset = BTreeMap::from([(Variable::Platforms.to_string(), PLATFORMS.1.to_owned())]);
    assert_eq!(settings(&environment(&template.deploy(&[PLATFORMS]))), settings(&unset));
}

#[test]
fn platforms_has_no_default() {
    assert!(template().section("Parameters")["Platforms"].get("Default").is_none());
}

#[test]
fn each_parameter_changes_exactly_one_setting() {
    let template = template();
    let before = environment(&template.deploy(&[PLATFORMS]));
    for (variable, value) in [
        (Variable::Platforms, "linux/arm64=aarch64"),
        (Variable::TagTemplate, "{platform}_{version}"),
        (Variable::Repositories, "team-a/*,base"),
        (Variable::VersionPattern, r"\d+\.\d+"),
        (Variable::Revisions, "any"),
        (Variable::Attestations, "drop"),
        (Variable::Aliases, "{major}.{minor},{major},latest"),
        (Variable::Accounts, "111122223333,444455556666"),
        (Variable::Regions, "eu-west-1,us-east-1"),
        (Variable::Rules, r#"[{"repositories":["base"],"platforms":"linux/amd64"}]"#),
        (Variable::SweepPutsPerSecond, "0.5"),
        (Variable::SettledAfter, "12h"),
        (Variable::IncompleteAfter, "90m"),
        (Variable::IncompleteUntil, "2d"),
    ] {
        let parameter = parameter_name(variable);
        let required: Vec<_> = [PLATFORMS].into_iter().filter(|(name, _)| *name != parameter).collect();
        let after = environment(&template.deploy(&[required, vec![(&parameter, value)]].concat()));
        let mut expected = before.clone();
        expected.insert(variable.to_string(), value.to_owned());
        assert_eq!(after, expected);
        assert!(settings(&after).is_ok(), "{:?}", settings(&after));
    }
}

#[test]
fn an_organization_serves_any_account_whose_events_arrive() {
    let template = template();
    for accounts in ["", "111122223333"] {
        let environment = environment(&template.deploy(&[PLATFORMS, ORGANIZATION, ("Accounts", accounts)]));
        assert_eq!(environment["ACCOUNTS"], "*");
        assert!(settings(&environment).is_ok(), "{:?}", settings(&environment));
    }
}

#[test]
fn swept_accounts_are_a_list_or_all() {
    let template = template();
    for value in ["", "*", "111122223333", "111122223333,444455556666"] {
        assert!(template.accepts("SweptAccounts", value), "{value}");
    }
    for value in ["*,111122223333", "111122223333,", "111122223333, 444455556666", "1111222233334", "all"] {
        assert!(!template.accepts("SweptAccounts", value), "{value}");
    }
}

#[test]
fn swept_accounts_need_an_organization() {
    let template = template();
    let swept = ("SweptAccounts", "111122223333");
    assert_eq!(template.deploy(&[PLATFORMS]).violations(), Vec::<String>::new());
    assert_eq!(template.deploy(&[PLATFORMS, ORGANIZATION, swept]).violations(), Vec::<String>::new());
    assert_eq!(template.deploy(&[PLATFORMS, swept]).violations().len(), 1);
}

#[test]
fn an_organization_id_is_one_of_aws_organizations() {
    for (value, expected) in [("", true), ("o-a1b2c3d4e5", true), ("o-A1B2C3D4E5", false), ("*", false), ("o-", false)]
    {
        assert_eq!(template().accepts("OrganizationId", value), expected, "{value}");
    }
}

/// Compares the parameter of each variable with the settings of the code: both must accept, or both reject, each value.
#[track_caller]
fn check_values(values: &[(Variable, &[&str])], accepted: bool) {
    let template = template();
    for &(variable, values) in values {
        let parameter = parameter_name(variable);
        let mut environment = environment(&template.deploy(&[PLATFORMS]));
        for value in values {
            assert_eq!(template.accepts(&parameter, value), accepted, "parameter {parameter}: {value:?}");
            environment.insert(variable.to_string(), (*value).to_owned());
            let settings = settings(&environment);
            assert_eq!(settings.is_ok(), accepted, "setting {variable}: {value:?}: {settings:?}");
        }
    }
}

#[test]
fn parameters_accept_the_values_that_settings_accept() {
    check_values(
        &[
            (
                Variable::Platforms,
                &[
                    "linux/amd64",
                    "linux/amd64, linux/arm64",
                    "linux/arm64=aarch64,linux/arm/v7",
                    "windows(10.0.20348)/amd64=ltsc2022",
                    "linux/amd64=x86_64",
                    "linux/ppc64le,linux/s390x,linux/386",
                ],
            ),
            (
                Variable::TagTemplate,
                &[
                    "{version}-{platform}",
                    "{platform}-{version}",
                    "v{version}_{platform}",
                    "{version}.{platform}-build",
                ],
            ),
            (Variable::Repositories, &["*", "app", "team-a/*,base", "team-a/*, base", "*/app", "a*b*c", "a_b.c-d/e"]),
            (Variable::VersionPattern, &["", r"\d+\.\d+\.\d+", "v[0-9]+|main"]),
            (Variable::Revisions, &["same", "any"]),
            (Variable::Attestations, &["keep", "drop"]),
            (Variable::Aliases, &["", "latest", "{major}.{minor},{major},latest", "v{major}, stable_{minor}"]),
            (Variable::Accounts, &["", "111122223333", "111122223333,444455556666"]),
            (Variable::Regions, &["", "eu-west-1", "us-gov-west-1,ap-southeast-2"]),
            (
                Variable::Rules,
                &["", "[]", r#"[{"repositories":["team-a/*"],"platforms":"linux/amd64","revisions":"any"}]"#],
            ),
            (Variable::SweepPutsPerSecond, &["2", "0.5", "1000"]),
            (Variable::SettledAfter, &["0s", "3h", "2d"]),
            (Variable::IncompleteAfter, &["0s", "90m", "1h", "6d"]),
            (Variable::IncompleteUntil, &["2h", "7d", "30d"]),
        ],
        true,
    );
}

#[test]
fn parameters_reject_the_values_that_settings_reject() {
    check_values(
        &[
            (
                Variable::Platforms,
                &[
                    "",
                    "amd64",
                    "linux/amd64,",
                    "linux/amd64;linux/arm64",
                    "Linux/amd64",
                    "linux/amd64=a/b",
                    "windows(/amd64",
                ],
            ),
            (
                Variable::TagTemplate,
                &[
                    "",
                    "{version}",
                    "{version}-{platform}-{platform}",
                    "{version}/{platform}",
                    "-{version}-{platform}",
                    "x",
                ],
            ),
            (Variable::Repositories, &["", "Team", "team a", "app:1", "app,", "a?"]),
            (Variable::Revisions, &["", "Same", "none"]),
            (Variable::Attestations, &["", "Keep", "yes"]),
            (Variable::Aliases, &["latest,", "a/b", "latest;1", "{major} {minor}"]),
            (Variable::Accounts, &["123", "1111222233334", "a"]),
            (Variable::Regions, &["eu", "EU-west-1", "eu-west-1/x"]),
            (Variable::Rules, &["{", r#"{"repositories":["a*"]}"#, "none"]),
            (Variable::SweepPutsPerSecond, &["", "0", "-1", "1001", "NaN", "inf", "two"]),
            (Variable::SettledAfter, &["", "3", "3 h"]),
            (Variable::IncompleteAfter, &["", "1", "h", "1w", "+1h", "1.5h", "1 h"]),
            (Variable::IncompleteUntil, &["", "7", "d", "1w", "-1d"]),
        ],
        false,
    );
}

#[test]
fn globs_that_eventbridge_rejects_are_rejected() {
    for (template, _) in both() {
        for glob in ["**", "a**", "a**b"] {
            assert!(!template.accepts("Repositories", glob), "{glob}");
        }
    }
}

#[test]
fn guides_name_the_oldest_supported_rust() {
    let read =
        |file: &str| std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    for guide in ["README.md", "OPERATIONS.md"] {
        assert!(read(guide).contains(concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"), " or later")), "{guide}");
    }
}

#[test]
fn every_parameter_has_a_description() {
    for (template, _) in both() {
        for (name, parameter) in template.section("Parameters") {
            assert!(parameter["Description"].is_string(), "{name}");
        }
    }
}

#[test]
fn every_parameter_restricts_its_values() {
    for (template, _) in both() {
        for (name, parameter) in template.section("Parameters") {
            let restrictions = ["AllowedPattern", "AllowedValues", "MaxValue"];
            assert!(restrictions.iter().any(|restriction| parameter.get(*restriction).is_some()), "{name}");
        }
    }
}

#[test]
fn every_parameter_is_in_exactly_one_group() {
    for (template, _) in both() {
        let interface = &template.section("Metadata")["AWS::CloudFormation::Interface"];
        let groups = interface["ParameterGroups"].as_array().unwrap().iter();
        let mut grouped: Vec<_> = groups.flat_map(|group| strings(&group["Parameters"])).collect();
        grouped.sort_unstable();
        let mut parameters: Vec<_> = template.section("Parameters").keys().collect();
        parameters.sort_unstable();
        assert_eq!(grouped, parameters);
    }
}

#[test]
fn every_parameter_of_the_stack_has_a_label() {
    let template = template();
    let labels = &template.section("Metadata")["AWS::CloudFormation::Interface"]["ParameterLabels"];
    for name in template.section("Parameters").keys() {
        assert!(labels[name]["default"].is_string(), "{name}");
    }
}

/// A property of a function in a stack with these parameters.
fn function_property(parameters: &[(&str, &str)], function: &str, property: &str) -> Value {
    template().deploy(&[&[PLATFORMS][..], parameters].concat()).resource(function)[property].clone()
}

#[test]
fn assembler_has_128_mb_and_30_seconds() {
    let size = ["MemorySize", "Timeout"].map(|property| function_property(&[], "Assembler", property));
    assert_eq!(size, [json!(128), json!(30)]);
}

#[test]
fn sweeper_has_512_mb_and_900_seconds() {
    let size = ["MemorySize", "Timeout"].map(|property| function_property(&[], "Sweeper", property));
    assert_eq!(size, [json!(512), json!(900)]);
}

/// A new account may run 10 functions at the same time, and may reserve none of them.
#[test]
fn nothing_is_reserved() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    let globals = &stack.section("Globals")["Function"];
    for function in stack.resources(FUNCTION).values().chain([globals]) {
        for reservation in ["ReservedConcurrentExecutions", "ProvisionedConcurrencyConfig"] {
            assert!(function.get(reservation).is_none(), "{function}");
        }
    }
}

#[test]
fn functions_share_runtime_architecture_and_tracing() {
    let template = template();
    let globals = template.deploy(&[PLATFORMS]).section("Globals");
    let common = &globals["Function"];
    assert_eq!((&common["Runtime"], &common["Handler"]), (&"provided.al2023".into(), &"bootstrap".into()));
    assert_eq!((&common["CodeUri"], &common["Tracing"]), (&".".into(), &"Active".into()));
    assert_eq!(common["Architectures"], json!(["arm64"]));
}

#[test]
fn functions_are_built_from_one_binary() {
    let template = template();
    let resources = template.deploy(&[PLATFORMS]).section("Resources");
    let build = json!({"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": "bootstrap"}});
    for name in ["Assembler", "Sweeper"] {
        assert_eq!(resources[name]["Metadata"], build, "two different builds would compile twice");
    }
}

#[test]
fn functions_log_json_at_the_configured_level() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS, ("LogLevel", "WARN")]);
    for name in ["Assembler", "Sweeper"] {
        let expected = json!({"LogGroup": format!("{name}Log"), "LogFormat": "JSON", "ApplicationLogLevel": "WARN"});
        assert_eq!(stack.resource(name)["LoggingConfig"], expected);
    }
}

#[test]
fn logs_are_retained_for_the_configured_days() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS, ("LogRetentionDays", "90")]);
    for log in ["AssemblerLog", "SweeperLog"] {
        assert_eq!(stack.resource(log)["RetentionInDays"], "90");
    }
}

#[test]
fn no_resource_has_a_fixed_name() {
    let name_properties = [
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
    for (template, required) in both() {
        for (name, resource) in template.deploy(&[required, ("Repositories", "app")]).section("Resources") {
            let names: &[_] = match resource["Type"].as_str().unwrap() {
                // A mapping refers to its function by name.
                "AWS::Lambda::EventSourceMapping" => &["FunctionName"],
                // So does an alias, whose own name is part of that of its function.
                "AWS::Lambda::Alias" => &["FunctionName", "Name"],
                _ => &[],
            };
            for fixed in name_properties.iter().filter(|property| !names.contains(property)) {
                assert!(resource["Properties"].get(*fixed).is_none(), "{name} has a fixed {fixed}");
            }
        }
    }
}

#[test]
fn no_schedule_has_a_fixed_name() {
    for (template, required) in both() {
        for resource in template.deploy(&[required]).section("Resources").values() {
            for (event, schedule) in resource["Properties"]["Events"].as_object().into_iter().flatten() {
                let properties = &schedule["Properties"];
                assert_eq!(properties["OmitName"], true, "SAM names {event} after its logical ID");
                assert!(properties.get("Name").is_none(), "{event}");
            }
        }
    }
}

#[test]
fn no_output_is_exported() {
    for (template, required) in both() {
        let outputs = template.deploy(&[required]).section("Outputs");
        assert!(outputs.values().all(|output| output.get("Export").is_none()), "an export has a fixed name");
    }
}
