//! How the function starts, or says why it does not.

use local_ecr::{LocalEcr, Options};
use serde_json::Value;

use crate::function::{Ended, Setup};

fn end(settings: impl FnOnce(Setup) -> Setup) -> Ended {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    settings(Setup::with(&ecr)).start_and_end()
}

#[test]
fn a_bad_setting_ends_the_start_with_one_message_that_names_variable_value_and_what_is_allowed() {
    for (variable, value, allowed) in [
        ("PLATFORMS", "amd64", "os[(os.version)]/arch"),
        ("TAG_TEMPLATE", "{version}", "{platform}"),
        ("REPOSITORIES", "No Such", "team-a/*"),
        ("VERSION_PATTERN", "(", "regular expression"),
        ("REVISIONS", "some", "same or any"),
        ("ATTESTATIONS", "maybe", "keep or drop"),
        ("ACCOUNTS", "1", "12 digits"),
        ("RULES", "[{}]", "JSON array"),
        ("SWEEP_PUTS_PER_SECOND", "fast", "above 0"),
        ("INCOMPLETE_AFTER", "soon", "7d"),
        ("INCOMPLETE_UNTIL", "never", "7d"),
    ] {
        let ended = end(|setup| setup.set(variable, value));
        assert!(!ended.status.success(), "{variable}");
        assert_eq!(ended.log.lines().count(), 1, "{}", ended.log);
        let line: Value = serde_json::from_str(&ended.log).unwrap();
        assert_eq!(line["level"], "ERROR");
        let message = line["message"].as_str().unwrap();
        for part in [variable, value, allowed] {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
        let [reported] = ended.init_errors.as_slice() else { panic!("{:?}", ended.init_errors) };
        assert_eq!(reported["errorType"], "InvalidSetting");
        assert_eq!(reported["errorMessage"], message);
    }
}

#[test]
fn without_platforms_the_start_ends() {
    let ended = end(|setup| setup.unset("PLATFORMS"));
    assert!(!ended.status.success());
    assert!(
        ended.log.contains("PLATFORMS is not set") && ended.log.contains("linux/amd64,linux/arm64"),
        "{}",
        ended.log
    );
}

#[test]
fn outside_of_lambda_the_program_says_what_it_is() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ecr-multiarch"))
        .env_clear()
        .env("PLATFORMS", "linux/amd64")
        .env("AWS_REGION", crate::function::REGION)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("AWS Lambda function") && said.contains("cargo run --example local"), "{said}");
}
