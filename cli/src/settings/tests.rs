//! What `settings check` finds, and what it prints of valid settings.

#[path = "../../../tests/it/support/invalid_settings.rs"]
mod invalid_settings;

use std::path::Path;

use clap::Parser as _;
use ecr_multiarch_core::Settings;
use ecr_multiarch_core::settings::variable::Variable;

use super::{Options, Parameters, SettingsCommand, check};
use crate::exit::Exit;
use crate::{Cli, Command};
use invalid_settings::{
    INVALID_ENDPOINTS, INVALID_SETTINGS, INVALID_STREAMS, INVALID_TOGETHER, REJECTED_BY_THE_TEMPLATE,
};

const PLATFORMS: (&str, &str) = ("PLATFORMS", "linux/amd64,linux/arm64");

fn parse(arguments: &[&str]) -> Options {
    match Cli::parse_from(["ecr-multiarch", "settings", "check"].iter().chain(arguments)).command {
        Command::Settings(SettingsCommand::Check(options)) => options,
        other => panic!("{other:?}"),
    }
}

/// A lookup in variables, of which the first of a name counts.
fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

fn checked(arguments: &[&str]) -> Result<String, String> {
    check(&parse(arguments), None, |name| panic!("{name} is read from the environment"))
}

/// An override in the form of `sam deploy`, with a value in single quotes.
fn quoted(variable: Variable, value: &str) -> String {
    format!("{}='{value}'", variable.parameter())
}

/// All invalid settings of the function's own tests, as variables.
fn invalid_settings() -> Vec<Vec<(&'static str, &'static str)>> {
    let singles = INVALID_SETTINGS.into_iter().map(|(name, value, _)| (name, value));
    let streams = INVALID_STREAMS.into_iter().map(|(value, _)| (Variable::Streams.name(), value));
    let rejected = REJECTED_BY_THE_TEMPLATE.into_iter();
    let rejected = rejected.flat_map(|(variable, values)| values.iter().map(move |value| (variable.name(), *value)));
    let singles = singles.chain(streams).chain(rejected).map(|setting| vec![setting, PLATFORMS]);
    let together = INVALID_TOGETHER.into_iter().map(|(settings, _)| {
        let named = settings.map(|(variable, value)| (variable.name(), value));
        named.into_iter().chain([PLATFORMS]).collect()
    });
    singles.chain(together).chain([vec![]]).collect()
}

/// What the function says at its start.
fn message(variables: &[(&str, &str)]) -> String {
    Settings::from_lookup(lookup(variables)).unwrap_err().to_string()
}

#[test]
fn invalid_variables_have_the_message_of_the_function() {
    for variables in invalid_settings() {
        assert_eq!(check(&parse(&[]), None, lookup(&variables)), Err(message(&variables)));
    }
}

#[test]
fn invalid_parameters_are_named_before_that_message() {
    let variable = |name: &str| *Variable::ALL.iter().find(|variable| variable.name() == name).unwrap();
    for variables in invalid_settings() {
        let mut settings = variables.clone();
        settings.dedup_by_key(|(name, _)| *name);
        let overrides: Vec<_> = settings.iter().map(|(name, value)| quoted(variable(name), value)).collect();
        let given = if overrides.is_empty() { vec![quoted(Variable::Aliases, "latest")] } else { overrides };
        let message = message(&variables);
        let named = variable(message.split([' ', '[']).next().unwrap()).parameter();
        let arguments: Vec<_> = std::iter::once("--parameters").chain(given.iter().map(String::as_str)).collect();
        assert_eq!(checked(&arguments), Err(format!("Parameter {named}: {message}")));
    }
}

#[test]
fn endpoints_of_the_environment_are_checked() {
    for (name, values, expected) in INVALID_ENDPOINTS {
        for value in values {
            let message = check(&parse(&[]), None, lookup(&[PLATFORMS, (name, value)])).unwrap_err();
            assert!(message.starts_with(&format!("{name} is \"{value}\"")) && message.contains(expected), "{message}");
        }
    }
}

#[test]
fn a_repository_gets_what_its_rule_says() {
    let rules =
        r#"[{"repositories":["base"],"platforms":"linux/s390x"},{"repositories":["x","team-a/*"],"aliases":""}]"#;
    let variables = [
        ("REPOSITORIES", "base,team-a/*,team-b/*"),
        ("ALIASES", "{major}.{minor},latest"),
        ("IMAGE_TAGS", "{version}_{platform}"),
        ("RULES", rules),
        PLATFORMS,
    ];
    let options = parse(&["--repository", "team-b/app", "team-a/app", "base", "other"]);
    let expected = "\
The settings are valid.

team-b/app: by no rule
  list        1.2.3
  of          1.2.3-amd64, linux/amd64
              1.2.3-arm64, linux/arm64
  aliases     1.2, latest
  image tags  1.2.3_amd64, linux/amd64
              1.2.3_arm64, linux/arm64

team-a/app: by RULES[1], for team-a/*
  list        1.2.3
  of          1.2.3-amd64, linux/amd64
              1.2.3-arm64, linux/arm64
  aliases     none
  image tags  1.2.3_amd64, linux/amd64
              1.2.3_arm64, linux/arm64

base: by RULES[0], for base
  list        1.2.3
  of          1.2.3-s390x, linux/s390x
  aliases     1.2, latest
  image tags  1.2.3_s390x, linux/s390x

other: not served, only base, team-a/*, team-b/*
";
    assert_eq!(check(&options, None, lookup(&variables)).unwrap(), expected);
}

#[test]
fn the_guide_shows_what_is_printed() {
    let guide = include_str!("../../../docs/settings.md");
    let (_, section) = guide.split_once("\n## Check before you deploy\n").unwrap();
    let parameters = section.lines().find_map(|line| line.strip_prefix("parameters='")).unwrap().trim_end_matches('\'');
    let shown = checked(&["--parameters", parameters, "--repository", "team-a/app"]).unwrap();
    assert!(section.contains(&format!("\n```\n{shown}```\n")), "{shown}");
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let printed = checked(&["--parameters", "Platforms=linux/amd46"]).unwrap();
    assert!(printed.starts_with("The settings are valid.\nWarning: PLATFORMS names linux/amd46, "), "{printed}");
}

#[test]
fn another_example_shows_another_stream() {
    let streams = r#"[{"releases":"main-(?<build>[0-9]+)","aliases":"main"}]"#;
    let aliases = |example: &str, pattern: &str| {
        let variables = [("STREAMS", streams), ("VERSION_PATTERN", pattern), PLATFORMS];
        check(&parse(&["--example", example, "--repository", "app"]), None, lookup(&variables)).unwrap()
    };
    assert!(aliases("main-7", "").contains("  aliases     main\n"));
    assert!(aliases("1.2.3", "").contains("  aliases     none, since 1.2.3 is not a release\n"));
    assert!(aliases("1.2.3", "main.*").contains("not published  version 1.2.3 does not match VERSION_PATTERN"));
}

#[test]
fn overrides_are_read_as_sam_reads_them() {
    let rules = r#"Rules='[{"repositories": ["a*"], "aliases": "latest"}]'"#;
    for parameters in [
        &[r#"Platforms="linux/amd64,linux/arm64" Repositories="team-a/*, a1""#, rules] as &[&str],
        &[&format!("Platforms=linux/amd64,linux/arm64  Repositories=team-a/*,\\ a1 {rules}")],
        &[r#"Platforms='linux/amd64,linux/arm64' Repositories="team-a/*,\ a1" Aliases="""#, rules],
    ] {
        let arguments = [&["--parameters"], parameters, &["--repository", "a1", "team-a/x"]].concat();
        let shown = checked(&arguments).unwrap();
        let parts = ["a1: by RULES[0], for a*", "1.2.3-arm64", "latest", "team-a/x: by no rule", "none"];
        assert!(parts.iter().all(|part| shown.contains(part)), "{shown}");
    }
}

#[test]
fn what_sam_would_leave_out_is_an_error() {
    let platforms = "Platforms=linux/amd64";
    for (text, expected) in [
        (r#"Rules=[{"repositories":["a*"]}]"#, "as sam deploy reads it"),
        ("Platforms=linux/amd64, linux/arm64", "linux/arm64: expected KEY=VALUE"),
        ("Aliases=", "Aliases=: expected KEY=VALUE"),
        ("Aliases='latest", "Aliases='latest: expected KEY=VALUE"),
        ("Aliase=latest", "Aliase is not a parameter of the template"),
    ] {
        let message = checked(&["--parameters", platforms, text]).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
    assert!(checked(&["--parameters", platforms, "AlarmTopicArn=arn:aws:sns:eu-west-1:111122223333:x"]).is_ok());
}

/// The parameters of a file with this name and text.
fn of_file(name: &str, text: &str) -> Result<Parameters, String> {
    let mut parameters = Parameters::default();
    parameters.add_text(Path::new(name), text).map(|()| parameters)
}

#[test]
fn parameters_of_a_file_are_read() {
    let toml = "[default.validate.parameters]\nlint = true\n\n[default.deploy.parameters]\nresolve_s3 = true\n";
    let text = r#""Platforms=\"linux/s390x,linux/386\" Aliases=\"one\"""#;
    let array = r#"["Platforms=linux/s390x,linux/386", "Aliases=one"]"#;
    let json = r#"[{"ParameterKey":"Platforms","ParameterValue":"linux/s390x,linux/386"},
                   {"ParameterKey":"Aliases","ParameterValue":"one","ResolvedValue":""}]"#;
    for (name, text) in [
        ("samconfig.toml", format!("{toml}parameter_overrides = {text}\n[other]\n")),
        ("samconfig.toml", format!("{toml}parameter_overrides = {array}")),
        ("parameters.json", json.to_owned()),
    ] {
        let mut parameters = of_file(name, &text).unwrap();
        let given = ["Platforms", "Aliases", "Rules"].map(|name| parameters.get(name).map(str::to_owned));
        assert_eq!(given, [Some("linux/s390x,linux/386".to_owned()), Some("one".to_owned()), None]);
        parameters.add_overrides("Aliases=other").unwrap();
        assert_eq!(parameters.get("Aliases"), Some("other"));
    }
}

#[test]
fn file_without_parameters_is_an_error() {
    let of_deploy = |value: &str| format!("[default.deploy.parameters]\nparameter_overrides = {value}");
    for (name, text, expected) in [
        ("a.toml", "[x]\nparameter_overrides = \"Platforms=linux/amd64\"".to_owned(), "has no parameter_overrides"),
        ("a.toml", of_deploy("'Platforms=linux/amd64'"), "in double quotes"),
        ("a.toml", of_deploy("[1]"), "in double quotes"),
        ("a.json", r#"{"Platforms":"linux/amd64"}"#.to_owned(), "a JSON array of objects"),
        ("a.json", r#"[{"ParameterKey":"Platforms","UsePreviousValue":true}]"#.to_owned(), "ParameterValue"),
    ] {
        let message = of_file(name, &text).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
    let error = check(&parse(&["--parameter-file", "x.json"]), Some("{}"), lookup(&[])).unwrap_err();
    assert!(error.starts_with("x.json: expected a JSON array"), "{error}");
}

#[test]
fn file_that_cannot_be_read_is_not_a_finding() {
    let run = |file: &str| super::run(&SettingsCommand::Check(parse(&["--parameter-file", file])));
    assert!(run("/none").unwrap_err().starts_with("/none: "));
    assert_eq!(run(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")), Ok(Exit::Found));
}
