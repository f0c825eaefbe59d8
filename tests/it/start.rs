//! Initialization, and the errors that it reports.

use std::process::Command;

use local_ecr::{LocalEcr, Options};
use serde_json::{Value, json};

use crate::support::assertions::{assert_contains, assert_failure, assert_outcome};
use crate::support::function::{Exit, FunctionBuilder, REGION};
use crate::support::input::assemble_request;
use crate::support::invalid_settings::{INVALID_ENDPOINTS, INVALID_SETTINGS, INVALID_STREAMS, INVALID_TOGETHER};
use crate::support::test_bed::push_images;

/// Starts a function whose settings are invalid.
fn run_to_exit(settings: impl FnOnce(FunctionBuilder) -> FunctionBuilder) -> Exit {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    settings(FunctionBuilder::new(&ecr)).run_to_exit()
}

/// The one line of a log.
#[track_caller]
fn only_line(log: &str) -> Value {
    assert_eq!(log.lines().count(), 1, "{log}");
    serde_json::from_str(log).unwrap()
}

/// Asserts that a function has failed to start, with one message that has these parts.
#[track_caller]
fn assert_is_invalid(exit: &Exit, parts: &[&str]) {
    assert!(!exit.status.success(), "{parts:?}");
    let line = only_line(&exit.log);
    assert_eq!(line["level"], "ERROR");
    assert_contains(line["message"].as_str().unwrap(), parts);
    let [reported] = exit.init_errors.as_slice() else { panic!("{:?}", exit.init_errors) };
    assert_eq!((&reported["errorType"], &reported["errorMessage"]), (&json!("InvalidSetting"), &line["message"]));
}

#[test]
fn invalid_setting_fails_the_start_with_one_message() {
    let endpoints = INVALID_ENDPOINTS
        .into_iter()
        .flat_map(|(variable, values, expected)| values.iter().map(move |value| (variable, *value, expected)));
    for (variable, value, expected) in INVALID_SETTINGS.into_iter().chain(endpoints) {
        let exit = run_to_exit(|function| function.env(variable, value));
        assert_is_invalid(&exit, &[variable, value, expected]);
    }
}

#[test]
fn invalid_streams_fail_the_start_with_one_message() {
    for (streams, parts) in INVALID_STREAMS {
        assert_is_invalid(&run_to_exit(|function| function.env("STREAMS", streams)), &parts);
    }
}

#[test]
fn settings_that_contradict_each_other_fail_the_start() {
    for (settings, parts) in INVALID_TOGETHER {
        let set = |function: FunctionBuilder| {
            settings.iter().fold(function, |function, (variable, value)| function.env(variable.name(), value))
        };
        assert_is_invalid(&run_to_exit(set), &parts);
    }
}

/// What stops the start in `ANNOTATIONS`, with what the message says.
#[test]
fn invalid_annotations_fail_the_start_with_one_message() {
    let large = format!("a={}", "x".repeat(4_095));
    for (annotations, reason) in [
        ("a,", "a key is empty"),
        ("index:a=b", "\"index:a\" is not a key"),
        ("a=b, c,a", "the key a stands twice"),
        (&large, "4097 bytes, more than 4096"),
    ] {
        let parts = [&format!("ANNOTATIONS is \"{annotations}\""), reason, "of key=value"];
        assert_is_invalid(&run_to_exit(|function| function.env("ANNOTATIONS", annotations)), &parts);
    }
    let rules = r#"[{"repositories":["app"],"annotations":"a,a"}]"#;
    let exit = run_to_exit(|function| function.env("RULES", rules));
    assert_is_invalid(&exit, &["RULES[0].annotations is \"a,a\"", "stands twice"]);
}

#[test]
fn empty_endpoint_is_absent() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    push_images(&ecr.home(), "app", "1");
    let general = FunctionBuilder::new(&ecr).env("AWS_ENDPOINT_URL_ECR", "").env("AWS_ENDPOINT_URL", &ecr.url());
    assert_outcome(&general.start().invoke(&assemble_request("app", "1")), "published");
    let special = FunctionBuilder::new(&ecr).env("AWS_ENDPOINT_URL", "");
    assert_outcome(&special.start().invoke(&assemble_request("app", "1")), "unchanged");

    // Without any endpoint, the function asks that of the Region, which does not exist.
    let none = FunctionBuilder::new(&ecr).env("AWS_ENDPOINT_URL_ECR", "").env("AWS_ENDPOINT_URL", "");
    let function = none.env("AWS_REGION", "nowhere-1").start();
    let failure = function.invoke(&assemble_request("app", "1"));
    assert_failure(&failure, "RegistryUnavailable", &["ecr:BatchGetImage"]);
}

#[test]
fn profiles_are_not_read() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    push_images(&ecr.home(), "app", "1");
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("config");
    std::fs::write(&profile, "[default]\nendpoint_url = http://127.0.0.1:1\nuse_fips_endpoint = true\n").unwrap();
    let function = FunctionBuilder::new(&ecr).env("AWS_CONFIG_FILE", profile.to_str().unwrap());
    assert_outcome(&function.env("AWS_PROFILE", "absent").start().invoke(&assemble_request("app", "1")), "published");
}

#[test]
fn retry_variables_of_the_sdk_do_not_fail_the_start() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    push_images(&ecr.home(), "app", "1");
    let function = FunctionBuilder::new(&ecr).env("AWS_MAX_ATTEMPTS", "-1").env("AWS_RETRY_MODE", "often").start();
    assert_outcome(&function.invoke(&assemble_request("app", "1")), "published");
}

#[test]
fn runtime_that_ends_is_no_invalid_setting() {
    let failure = ecr_multiarch::runtime::StartError::Runtime("gone".into());
    assert_eq!(failure.error_type(), "RuntimeFailure");
}

#[test]
fn missing_platforms_fail_the_start() {
    let exit = run_to_exit(|function| function.env_remove("PLATFORMS"));
    assert!(!exit.status.success());
    assert_contains(&exit.log, &["PLATFORMS is not set", "linux/amd64,linux/arm64"]);
}

#[test]
fn program_outside_lambda_explains_itself() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    let program = program.env_clear().env("PLATFORMS", "linux/amd64").env("AWS_REGION", REGION);
    let output = program.output().unwrap();
    assert!(!output.status.success());
    let written = String::from_utf8(output.stdout).unwrap();
    assert_contains(&written, &["AWS Lambda function", "cargo run --bin ecr-multiarch -- demo"]);
}
