//! The templates, compared with the code that they deploy.

mod delivery;
mod monitoring;
mod network_and_encryption;
mod permissions;
mod price;
mod stack;
mod sweep;

use std::collections::BTreeMap;

use ecr_multiarch_core::Settings;
use ecr_multiarch_core::settings::variable::Variable;
use serde_json::{Value, json};

use crate::support::invalid_settings::{INVALID_TOGETHER, REJECTED_BY_THE_TEMPLATE};
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

/// A string or an array of strings, as a list.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().map(|value| value.as_str().unwrap()).collect(),
        value => vec![value.as_str().unwrap()],
    }
}

#[test]
fn functions_receive_the_defaults_of_all_settings() {
    let template = template();
    let defaults = Variable::ALL.iter().map(|variable| (variable.to_string(), variable.default()));
    let expected = defaults.map(|(name, default)| (name, default.unwrap_or(PLATFORMS.1).to_owned())).collect();
    assert_eq!(environment(&template.deploy(&[PLATFORMS])), expected);
    assert!(template.section("Parameters")["Platforms"].get("Default").is_none());
}

#[test]
fn endpoints_of_the_sdk_are_set_on_demand() {
    let template = template();
    for (parameter, variable) in
        [("UseFipsEndpoints", "AWS_USE_FIPS_ENDPOINT"), ("UseDualStackEndpoints", "AWS_USE_DUALSTACK_ENDPOINT")]
    {
        let default = environment(&template.deploy(&[PLATFORMS]));
        let chosen = environment(&template.deploy(&[PLATFORMS, (parameter, "true")]));
        let added: Vec<_> = chosen.iter().filter(|(name, _)| !default.contains_key(*name)).collect();
        assert_eq!(added, [(&variable.to_owned(), &"true".to_owned())]);
    }
}

#[test]
fn both_functions_share_one_environment() {
    let template = template();
    let functions = template.deploy(&[PLATFORMS]).resources(FUNCTION);
    assert_eq!(functions.keys().collect::<Vec<_>>(), ["Assembler", "Sweeper"]);
    assert!(functions.values().all(|function| function.get("Environment").is_none()), "one has its own settings");
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
/// One that is accepted reaches this variable, and no other.
#[track_caller]
fn check_values(values: &[(Variable, &[&str])], accepted: bool) {
    let template = template();
    for &(variable, values) in values {
        let parameter = variable.parameter();
        let mut expected = environment(&template.deploy(&[PLATFORMS]));
        for value in values {
            assert_eq!(template.accepts(&parameter, value), accepted, "parameter {parameter}: {value:?}");
            // CloudFormation trims the entries of a list.
            let is_list = template.section("Parameters")[&parameter]["Type"] == "CommaDelimitedList";
            let passed = if is_list { value.replace(", ", ",") } else { (*value).to_owned() };
            expected.insert(variable.to_string(), passed);
            let settings = settings(&expected);
            assert_eq!(settings.is_ok(), accepted, "setting {variable}: {value:?}: {settings:?}");
            if accepted {
                let required = [PLATFORMS].into_iter().filter(|(name, _)| *name != parameter);
                let parameters: Vec<_> = required.chain([(parameter.as_str(), *value)]).collect();
                assert_eq!(environment(&template.deploy(&parameters)), expected, "{parameter}");
                assert_eq!(variables_by_parameters(&parameters), expected, "{parameter}");
            }
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
            (
                Variable::Streams,
                &[
                    "",
                    "[]",
                    r#"[{"aliases":"latest"}, {"releases":"main-(?<build>\\d+)-[0-9a-f]{7,40}","aliases":"main"}]"#,
                ],
            ),
            (Variable::ImageTags, &["", "{version}_{platform}", "i_{version}_{platform}"]),
            (
                Variable::Annotations,
                &[
                    "",
                    "org.opencontainers.image.source",
                    "a, b=c,d/e_f-g.h=",
                    r"a=Example\, Inc., b=x=y",
                    r"a=\n\\,,b=\,",
                    "a = b",
                ],
            ),
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
    check_values(&REJECTED_BY_THE_TEMPLATE, false);
}

#[test]
fn rules_reject_settings_that_contradict_each_other() {
    let template = template();
    for (settings, _) in INVALID_TOGETHER {
        let parameters = settings.map(|(variable, value)| (variable.parameter(), value));
        let [one, other] = parameters.each_ref().map(|(name, value)| (name.as_str(), *value));
        assert_eq!(template.deploy(&[PLATFORMS, one, other]).violations().len(), 1, "{one:?} {other:?}");
        for alone in [one, other] {
            assert_eq!(template.deploy(&[PLATFORMS, alone]).violations().len(), 0, "{alone:?}");
        }
    }
}

/// What `ecr-multiarch settings check` takes for the variables of a stack with these parameters.
fn variables_by_parameters(parameters: &[(&str, &str)]) -> BTreeMap<String, String> {
    let given = |name: &str| parameters.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
    let value = |variable: &Variable| variable.value_from(given).or_else(|| variable.default().map(str::to_owned));
    Variable::ALL.iter().map(|variable| (variable.to_string(), value(variable).unwrap())).collect()
}

#[test]
fn the_terminal_program_knows_which_parameter_sets_what() {
    let template = template();
    let accounts = ("Accounts", "111122223333, 444455556666");
    let sets: [&[(&str, &str)]; 4] =
        [&[accounts], &[ORGANIZATION], &[ORGANIZATION, accounts], &[("OrganizationId", "")]];
    for set in sets {
        let parameters = [&[PLATFORMS], set].concat();
        assert_eq!(variables_by_parameters(&parameters), environment(&template.deploy(&parameters)), "{set:?}");
    }
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

/// A property of a function.
fn function_property(function: &str, property: &str) -> Value {
    template().deploy(&[PLATFORMS]).resource(function)[property].clone()
}

#[test]
fn functions_have_the_memory_and_time_of_the_contract() {
    let size = |function| ["MemorySize", "Timeout"].map(|property| function_property(function, property));
    assert_eq!(size("Assembler"), [json!(128), json!(30)]);
    assert_eq!(size("Sweeper"), [json!(512), json!(900)]);
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
fn logs_are_retained_for_the_configured_days() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS, ("LogRetentionDays", "90")]);
    for log in ["AssemblerLog", "SweeperLog"] {
        assert_eq!(stack.resource(log)["RetentionInDays"], "90");
    }
}
