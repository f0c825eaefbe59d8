//! Initialization, and the errors that it reports.

use std::process::{Command, Output};

use local_ecr::{LocalEcr, Options};
use serde_json::Value;

use crate::support::assertions::{assert_contains, assert_failure, assert_outcome};
use crate::support::function::{Exit, FunctionBuilder, REGION};
use crate::support::input::assemble_request;
use crate::support::test_bed::push_images;

/// A setting with an invalid value, and what the message must say about valid ones.
struct InvalidSetting {
    variable: &'static str,
    value: &'static str,
    expected: &'static str,
}

const INVALID_SETTINGS: [InvalidSetting; 11] = [
    InvalidSetting { variable: "PLATFORMS", value: "amd64", expected: "os[(os.version)]/arch" },
    InvalidSetting { variable: "TAG_TEMPLATE", value: "{version}", expected: "{platform}" },
    InvalidSetting { variable: "REPOSITORIES", value: "No Such", expected: "team-a/*" },
    InvalidSetting { variable: "VERSION_PATTERN", value: "(", expected: "regular expression" },
    InvalidSetting { variable: "REVISIONS", value: "some", expected: "same or any" },
    InvalidSetting { variable: "ATTESTATIONS", value: "maybe", expected: "keep or drop" },
    InvalidSetting { variable: "ACCOUNTS", value: "1", expected: "12 digits" },
    InvalidSetting { variable: "RULES", value: "[{}]", expected: "JSON array" },
    InvalidSetting { variable: "SWEEP_PUTS_PER_SECOND", value: "fast", expected: "0.01 to 1000" },
    InvalidSetting { variable: "INCOMPLETE_AFTER", value: "soon", expected: "7d" },
    InvalidSetting { variable: "INCOMPLETE_UNTIL", value: "never", expected: "7d" },
];

/// Starts a function whose settings are invalid.
fn run_to_exit(settings: impl FnOnce(FunctionBuilder) -> FunctionBuilder) -> Exit {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    settings(FunctionBuilder::new(&ecr)).run_to_exit()
}

/// Starts a function with each invalid setting, and returns how it ended.
fn run_with_invalid_settings() -> impl Iterator<Item = (InvalidSetting, Exit)> {
    INVALID_SETTINGS.into_iter().map(|setting| {
        let exit = run_to_exit(|function| function.env(setting.variable, setting.value));
        (setting, exit)
    })
}

/// The one line of a log.
#[track_caller]
fn only_line(log: &str) -> Value {
    assert_eq!(log.lines().count(), 1, "{log}");
    serde_json::from_str(log).unwrap()
}

#[test]
fn invalid_setting_fails_the_start() {
    for (setting, exit) in run_with_invalid_settings() {
        assert!(!exit.status.success(), "{}", setting.variable);
    }
}

#[test]
fn invalid_setting_is_one_error_in_the_log() {
    for (_, exit) in run_with_invalid_settings() {
        assert_eq!(only_line(&exit.log)["level"], "ERROR");
    }
}

#[test]
fn invalid_setting_is_explained() {
    for (InvalidSetting { variable, value, expected }, exit) in run_with_invalid_settings() {
        assert_contains(only_line(&exit.log)["message"].as_str().unwrap(), &[variable, value, expected]);
    }
}

#[test]
fn invalid_setting_is_reported_to_lambda() {
    for (_, exit) in run_with_invalid_settings() {
        let [reported] = exit.init_errors.as_slice() else { panic!("{:?}", exit.init_errors) };
        assert_eq!(reported["errorType"], "InvalidSetting");
        assert_eq!(reported["errorMessage"], only_line(&exit.log)["message"]);
    }
}

/// The endpoint variables of the SDK, with invalid values and a part of what is expected.
const INVALID_ENDPOINTS: [(&str, &[&str], &str); 4] = [
    ("AWS_ENDPOINT_URL_ECR", INVALID_URLS, "https://"),
    ("AWS_ENDPOINT_URL", INVALID_URLS, "https://"),
    ("AWS_USE_FIPS_ENDPOINT", &["yes"], "not a boolean. Expected true or false"),
    ("AWS_USE_DUALSTACK_ENDPOINT", &["1"], "not a boolean. Expected true or false"),
];
const INVALID_URLS: &[&str] =
    &["not a url", "localhost:4566", "ftp://ecr.example", "http://", "https://a b", "http://a?b=c"];

#[test]
fn invalid_endpoint_is_one_message_at_the_start() {
    for (variable, values, expected) in INVALID_ENDPOINTS {
        for value in values {
            let exit = run_to_exit(|function| function.env(variable, value));
            let message = only_line(&exit.log)["message"].as_str().unwrap().to_owned();
            assert_contains(&message, &[variable, value, expected]);
            let [reported] = exit.init_errors.as_slice() else { panic!("{:?}", exit.init_errors) };
            assert_eq!(
                (&reported["errorType"], &reported["errorMessage"]),
                (&"InvalidSetting".into(), &message.into())
            );
        }
    }
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
    assert!(!run_to_exit(|function| function.env_remove("PLATFORMS")).status.success());
}

#[test]
fn missing_platforms_are_explained() {
    let exit = run_to_exit(|function| function.env_remove("PLATFORMS"));
    assert_contains(&exit.log, &["PLATFORMS is not set", "linux/amd64,linux/arm64"]);
}

/// Runs the program as in a terminal, without Lambda.
fn run_outside_lambda() -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    program.env_clear().env("PLATFORMS", "linux/amd64").env("AWS_REGION", REGION).output().unwrap()
}

#[test]
fn program_outside_lambda_fails() {
    assert!(!run_outside_lambda().status.success());
}

#[test]
fn program_outside_lambda_explains_itself() {
    let written = String::from_utf8(run_outside_lambda().stdout).unwrap();
    assert_contains(&written, &["AWS Lambda function", "cargo run --bin ecr-multiarch -- demo"]);
}
