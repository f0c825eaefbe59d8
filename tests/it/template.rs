//! The templates, held to the code that they deploy.

mod event_pattern;
mod stack;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ecr_multiarch::action;
use ecr_multiarch::error::ErrorType;
use ecr_multiarch::input::Input;
use ecr_multiarch::metrics::name::{INCOMPLETE_VERSIONS, PUBLISHED, PUSH_TO_PUBLISHED, SWEEP_COMPLETE, WAITING};
use ecr_multiarch::metrics::{self, failed_of_type};
use ecr_multiarch::settings::{Settings, variable};
use serde_json::{Map, Value, json};

use stack::{ACCOUNT, REGION, Stack, Template};

const PLATFORMS: (&str, &str) = ("Platforms", "linux/amd64,linux/arm64");
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

/// What a role may do: each action, with the statement that allows it.
fn allowed(role: &Value) -> Vec<(String, Value)> {
    let policies = role["Policies"].as_array().unwrap().iter();
    let statements = policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    let allowed = statements.flat_map(|statement| {
        assert_eq!(statement["Effect"], "Allow");
        let actions = texts(&statement["Action"]).into_iter();
        actions.map(|action| (action.to_owned(), statement.clone())).collect::<Vec<_>>()
    });
    allowed.collect()
}

fn actions(role: &Value) -> BTreeSet<String> {
    allowed(role).into_iter().map(|(action, _)| action).collect()
}

const BESIDES_ECR: [&str; 5] = [
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:SendMessage",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

#[test]
fn each_function_may_do_what_it_calls_and_no_more() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    for (role, calls) in [("AssemblerRole", &action::ASSEMBLE[..]), ("SweeperRole", &action::SWEEP[..])] {
        let expected = calls.iter().chain(&BESIDES_ECR).map(|action| (*action).to_owned());
        assert_eq!(actions(&stack.resource(role)), expected.collect(), "{role}");
    }
    assert_eq!(
        actions(&stack.resource("SweepScheduleRole")),
        ["lambda:InvokeFunction", "sqs:SendMessage"].map(str::to_owned).into()
    );
    assert_eq!(stack.resources("AWS::IAM::Role").len(), 3);
    for (name, function) in stack.resources(FUNCTION) {
        assert_eq!(function["Role"], format!("{name}Role.Arn"));
        assert!(function.get("Policies").is_none(), "SAM leaves the policies of a function with a role aside");
    }
    for (name, role) in stack.resources("AWS::IAM::Role") {
        assert!(role.get("ManagedPolicyArns").is_none(), "{name}");
    }
}

#[test]
fn a_function_reaches_the_repositories_accounts_and_regions_that_are_given() {
    let template = template();
    let given = [
        ("Repositories", "team-a/*, base"),
        ("Accounts", "111122223333"),
        ("FurtherRegions", "eu-west-1"),
        ("SigningProfileArn", "arn:aws:signer:eu-central-1:123456789012:/signing-profiles/images"),
    ];
    for (stack, repositories, accounts, regions) in [
        (template.deploy(&[PLATFORMS]), vec!["*"], vec![ACCOUNT], vec![REGION]),
        (
            template.deploy(&[&[PLATFORMS][..], &given].concat()),
            vec!["team-a/*", "base"],
            vec![ACCOUNT, "111122223333"],
            vec![REGION, "eu-west-1"],
        ),
    ] {
        let arn = |name: &str| format!("arn:*:ecr:*:*:repository/{name}");
        let arns: Vec<_> = repositories.into_iter().map(arn).collect();
        let of_ecr = ["AssemblerRole", "SweeperRole"].map(|role| allowed(&stack.resource(role)));
        for (action, statement) in of_ecr.into_iter().flatten().filter(|(action, _)| action.starts_with("ecr:")) {
            let condition = &statement["Condition"]["StringEquals"];
            assert_eq!(texts(&condition["aws:ResourceAccount"]), accounts, "{action}");
            assert_eq!(texts(&condition["aws:RequestedRegion"]), regions, "{action}");
            match action.as_str() {
                action::DESCRIBE_REPOSITORIES => assert_eq!(texts(&statement["Resource"]), [arn("*")]),
                _ => assert_eq!(texts(&statement["Resource"]), arns, "{action}"),
            }
        }
    }
}

#[test]
fn besides_ecr_a_function_reaches_its_own_log_the_queue_of_the_failed_and_its_traces() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    for function in ["Assembler", "Sweeper"] {
        for (action, statement) in allowed(&stack.resource(&format!("{function}Role"))) {
            let resource = match action.split(':').next().unwrap() {
                "ecr" => continue,
                "logs" => format!("{function}Log.Arn"),
                "sqs" => "FailedQueue.Arn".to_owned(),
                "xray" => "*".to_owned(),
                other => panic!("{other}"),
            };
            assert_eq!(statement["Resource"], resource, "{action}");
        }
    }
}

#[test]
fn lists_may_be_signed_where_a_signing_profile_is_given_and_nothing_else_may_be_done() {
    let template = template();
    let profile = "arn:aws:signer:eu-central-1:123456789012:/signing-profiles/images";
    let given = [PLATFORMS, ("Repositories", "app")];
    let (plain, signing) =
        (template.deploy(&given), template.deploy(&[&given[..], &[("SigningProfileArn", profile)]].concat()));
    for role in ["AssemblerRole", "SweeperRole"] {
        let before = actions(&plain.resource(role));
        let added = allowed(&signing.resource(role)).into_iter().filter(|(action, _)| !before.contains(action));
        let added: Vec<_> = added.map(|(action, statement)| (action, statement["Resource"].clone())).collect();
        assert_eq!(added, [("signer:SignPayload".to_owned(), json!(profile))]);
    }
    assert!(!template.takes("SigningProfileArn", "arn:aws:signer:eu-central-1:123456789012:/signing-profiles/*"));
}

#[test]
fn nobody_may_do_anything_by_a_wildcard_action() {
    for (template, given) in [(template(), PLATFORMS), (member(), HUB)] {
        for (name, role) in template.deploy(&[given]).resources("AWS::IAM::Role") {
            for (action, _) in allowed(&role) {
                assert!(!action.contains(['*', '?']), "{name}: {action}");
            }
        }
    }
}

const HUB: (&str, &str) = ("HubEventBusArn", "arn:aws:events:eu-central-1:999999999999:event-bus/default");

fn event_pattern(stack: &Stack<'_>) -> Value {
    serde_json::from_str(stack.resource("PushRule")["EventPattern"].as_str().unwrap()).unwrap()
}

fn events() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: &Path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
}

/// Of each file of `events/`, whether a stack for `app` and `team-a/*` in the account of the events takes it.
const TAKEN: [(&str, bool); 26] = [
    ("archive", false),
    ("assemble", false),
    ("assemble-dry-run", false),
    ("assemble-force", false),
    ("assemble-typo", false),
    ("delete", false),
    ("push-amd64", true),
    ("push-arm64", true),
    ("push-attested", true),
    ("push-failed", false),
    ("push-minimal", true),
    ("push-other-account", false),
    ("push-other-repository", false),
    // What tags mean is for the function to say, so these reach it and are ignored there.
    ("push-own-list", true),
    ("push-signature", true),
    ("push-soci-index", true),
    ("push-untagged", false),
    ("push-untagged-no-key", false),
    ("referrer", false),
    ("replication", false),
    ("restore", false),
    ("scan", false),
    ("sweep", false),
    ("sweep-deep", false),
    ("sweep-dry-run", false),
    ("unreadable", false),
];

#[test]
fn the_rules_take_the_successful_tagged_pushes_of_their_repositories_and_no_other_event() {
    let repositories = ("Repositories", "app,team-a/*");
    let events = events();
    assert_eq!(events.keys().collect::<Vec<_>>(), TAKEN.iter().map(|(name, _)| name).collect::<Vec<_>>());
    for (template, given) in [(template(), PLATFORMS), (member(), HUB)] {
        let pattern = event_pattern(&template.deploy(&[given, repositories]));
        for (name, expected) in TAKEN {
            assert_eq!(event_pattern::takes(&pattern, &events[name]), expected, "{name}");
        }
    }
}

#[test]
fn the_rule_takes_the_pushes_that_the_parameters_add() {
    let template = template();
    let taken = |parameters: &[(&str, &str)], event: &Value| {
        event_pattern::takes(&event_pattern(&template.deploy(&[&[PLATFORMS][..], parameters].concat())), event)
    };
    let events = events();
    assert!(taken(&[("Repositories", "app,tools/*")], &events["push-other-repository"]));
    assert!(taken(&[], &events["push-other-repository"]), "by default every repository is served");
    let accounts = [("Accounts", "111122223333,999999999999")];
    assert!(taken(&accounts, &events["push-other-account"]));
    assert!(taken(&accounts, &events["push-amd64"]));
    let mut elsewhere = events["push-amd64"].clone();
    elsewhere["region"] = "eu-west-1".into();
    assert!(!taken(&[], &elsewhere));
    assert!(taken(&[("FurtherRegions", "us-east-1,eu-west-1")], &elsewhere));
}

#[test]
fn the_rule_asks_for_nothing_that_ecr_leaves_out() {
    for (template, given) in [(template(), PLATFORMS), (member(), HUB)] {
        let pattern = event_pattern(&template.deploy(&[given]));
        let named = |part: &Value| part.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(named(&pattern), ["account", "detail", "detail-type", "region", "source"]);
        assert_eq!(named(&pattern["detail"]), ["action-type", "image-tag", "repository-name", "result"]);
    }
}

#[test]
fn an_event_that_cannot_be_delivered_is_tried_again_and_then_kept() {
    let (hub, member) = (template(), member());
    let (hub, member) = (hub.deploy(&[PLATFORMS]), member.deploy(&[HUB]));
    for (stack, target, queue) in [(&hub, "Assembler.Arn", "UndeliveredQueue"), (&member, HUB.1, "UnsentQueue")] {
        let rule = stack.resource("PushRule");
        let [only] = rule["Targets"].as_array().unwrap().as_slice() else { panic!("{rule}") };
        assert_eq!(only["Arn"], target);
        assert_eq!(only["RetryPolicy"], json!({"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}));
        assert_eq!(only["DeadLetterConfig"]["Arn"], format!("{queue}.Arn"));
    }
    let permission = hub.resource("PushRulePermission");
    assert_eq!((&permission["FunctionName"], &permission["SourceArn"]), (&"Assembler".into(), &"PushRule.Arn".into()));
    assert_eq!(permission["Principal"], "events.amazonaws.com");
    assert_eq!(actions(&member.resource("SenderRole")), ["events:PutEvents".to_owned()].into());
}

#[test]
fn an_invocation_that_fails_is_tried_again_and_then_kept() {
    let template = template();
    for (name, function) in template.deploy(&[PLATFORMS]).resources(FUNCTION) {
        let invoke = &function["EventInvokeConfig"];
        assert_eq!(invoke["MaximumRetryAttempts"], if name == "Assembler" { 2 } else { 1 });
        assert_eq!(invoke["MaximumEventAgeInSeconds"], if name == "Assembler" { 21600 } else { 3600 });
        assert_eq!(invoke["DestinationConfig"]["OnFailure"], json!({"Type": "SQS", "Destination": "FailedQueue.Arn"}));
    }
}

#[test]
fn the_queues_are_encrypted_keep_messages_for_14_days_and_let_in_only_what_belongs() {
    let (hub, member) = (template(), member());
    let (hub, member) = (hub.deploy(&[PLATFORMS]), member.deploy(&[HUB]));
    for (stack, names, fed_by_the_rule) in [
        (hub, vec!["FailedQueue", "UndeliveredQueue"], "UndeliveredQueue"),
        (member, vec!["UnsentQueue"], "UnsentQueue"),
    ] {
        let queues = stack.resources("AWS::SQS::Queue");
        assert_eq!(queues.keys().collect::<Vec<_>>(), names);
        for (name, queue) in queues {
            assert_eq!(queue, json!({"MessageRetentionPeriod": 14 * 86_400, "SqsManagedSseEnabled": true}), "{name}");
            let policy = stack.resource(&format!("{name}Policy"));
            assert_eq!(texts(&policy["Queues"]), [name.as_str()]);
            let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
            let (denied, let_in): (Vec<_>, Vec<_>) =
                statements.iter().partition(|statement| statement["Effect"] == "Deny");
            let [denied] = denied.as_slice() else { panic!("{statements:?}") };
            assert_eq!(denied["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}));
            assert_eq!((&denied["Principal"], &denied["Action"]), (&"*".into(), &"sqs:*".into()));
            let conditions: Vec<_> = let_in.iter().map(|statement| &statement["Condition"]).collect();
            let from_the_rule = json!({"ArnEquals": {"aws:SourceArn": "PushRule.Arn"}});
            assert_eq!(conditions, if name == fed_by_the_rule { vec![&from_the_rule] } else { vec![] }, "{name}");
            assert!(let_in.iter().all(|statement| statement["Action"] == "sqs:SendMessage"), "{name}");
            assert!(statements.iter().all(|statement| statement["Resource"] == format!("{name}.Arn")), "{name}");
        }
    }
}

#[test]
fn the_schedule_asks_for_a_sweep_and_can_be_turned_off() {
    let template = template();
    for state in ["ENABLED", "DISABLED"] {
        let stack = template.deploy(&[PLATFORMS, ("SweepState", state)]);
        let sweeper = stack.resource("Sweeper");
        let schedule = &sweeper["Events"]["Sweep"]["Properties"];
        let request = serde_json::from_str(schedule["Input"].as_str().unwrap()).unwrap();
        assert!(matches!(Input::read(request), Ok(Input::Sweep(_))));
        assert_eq!((&schedule["State"], &schedule["ScheduleExpression"]), (&state.into(), &"rate(1 hour)".into()));
        assert_eq!(schedule["RoleArn"], "SweepScheduleRole.Arn");
        assert_eq!(schedule["DeadLetterConfig"]["Arn"], "UndeliveredQueue.Arn");
        let alarms = stack.resources("AWS::CloudWatch::Alarm");
        assert_eq!(alarms.contains_key("SweepAlarm"), state == "ENABLED", "no sweep is missed that is not due");
    }
    for (schedule, expected) in [("rate(1 day)", true), ("cron(15 3 * * ? *)", true), ("hourly", false), ("", false)] {
        assert_eq!(template.takes("SweepSchedule", schedule), expected, "{schedule}");
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

/// A metric as an alarm or a widget names it.
fn check_metric(namespace: &str, name: &str, dimension: &str, value: &str) {
    let of_lambda = ["Duration", "Errors", "Invocations", "Throttles"];
    match namespace {
        metrics::NAMESPACE => {
            let by_type: Vec<_> = ErrorType::ALL.into_iter().map(failed_of_type).collect();
            let emitted = metrics::name::ALL.contains(&name) || by_type.iter().any(|by_type| by_type == name);
            assert!(emitted, "the function emits no metric {name}");
            assert_eq!(dimension, metrics::DIMENSION, "{name}");
            assert!(["Assembler", "Sweeper"].contains(&value), "{name} of {value}");
        }
        "AWS/Lambda" => assert!(dimension == "FunctionName" && of_lambda.contains(&name), "{name}"),
        "AWS/SQS" => assert_eq!((dimension, name), ("QueueName", "ApproximateNumberOfMessagesVisible")),
        other => panic!("{other}"),
    }
}

fn alarms(parameters: &[(&str, &str)]) -> BTreeMap<String, Value> {
    template().deploy(&[&[PLATFORMS][..], parameters].concat()).resources("AWS::CloudWatch::Alarm")
}

#[test]
fn alarms_watch_metrics_that_there_are() {
    let watched = alarms(&[]).into_iter().map(|(name, alarm)| {
        let [dimension] = alarm["Dimensions"].as_array().unwrap().as_slice() else { panic!("{name}: {alarm}") };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (namespace, metric) = (text(&alarm["Namespace"]), text(&alarm["MetricName"]));
        let (dimension, value) = (text(&dimension["Name"]), text(&dimension["Value"]));
        check_metric(&namespace, &metric, &dimension, &value);
        (name, (metric, value))
    });
    let expected = [
        ("AssemblerErrorsAlarm", ("Errors", "Assembler")),
        ("FailedAlarm", ("ApproximateNumberOfMessagesVisible", "FailedQueue.QueueName")),
        ("SweepAlarm", (SWEEP_COMPLETE, "Sweeper")),
        ("SweeperErrorsAlarm", ("Errors", "Sweeper")),
        ("ThrottlesAlarm", ("Throttles", "Assembler")),
        ("UndeliveredAlarm", ("ApproximateNumberOfMessagesVisible", "UndeliveredQueue.QueueName")),
        ("VersionsFailedAlarm", (metrics::name::FAILED, "Sweeper")),
        ("VersionsIncompleteAlarm", (INCOMPLETE_VERSIONS, "Sweeper")),
    ];
    let expected = expected.map(|(name, (metric, value))| (name.to_owned(), (metric.to_owned(), value.to_owned())));
    assert_eq!(watched.collect::<BTreeMap<_, _>>(), expected.into());
}

#[test]
fn alarms_tell_the_topic_where_there_is_one_when_they_begin_and_when_they_end() {
    let topic = "arn:aws:sns:eu-central-1:123456789012:on-call";
    for (name, alarm) in alarms(&[("AlarmTopicArn", topic)]) {
        assert_eq!((&alarm["AlarmActions"], &alarm["OKActions"]), (&json!([topic]), &json!([topic])), "{name}");
    }
    for (name, alarm) in alarms(&[]) {
        assert!(alarm.get("AlarmActions").is_none() && alarm.get("OKActions").is_none(), "{name}");
    }
}

#[test]
fn a_sweep_that_never_comes_to_its_end_is_noticed_after_the_given_hours() {
    let alarm = &alarms(&[("HoursWithoutSweep", "26")])["SweepAlarm"];
    assert_eq!((&alarm["EvaluationPeriods"], &alarm["Period"]), (&"26".into(), &3600.into()));
    assert_eq!((&alarm["Statistic"], &alarm["Threshold"]), (&"Sum".into(), &1.into()));
    assert_eq!(alarm["ComparisonOperator"], "LessThanThreshold");
    assert_eq!(alarm["TreatMissingData"], "breaching", "a sweep that does not run says nothing");
}

fn dashboard(parameters: &[(&str, &str)]) -> Vec<Value> {
    let template = template();
    let stack = template.deploy(&[&[PLATFORMS][..], parameters].concat());
    let body = stack.resource("Dashboard")["DashboardBody"].as_str().unwrap().to_owned();
    let mut body: Map<String, Value> = serde_json::from_str(&body).unwrap();
    body["widgets"].as_array_mut().unwrap().drain(..).collect()
}

#[test]
fn the_dashboard_shows_metrics_that_there_are_every_kind_of_failure_among_them() {
    let mut shown = BTreeSet::new();
    for widget in dashboard(&[]).iter().filter(|widget| widget["type"] == "metric") {
        assert_eq!(widget["properties"]["region"], REGION);
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            let [namespace, name, dimension, value, _label] = metric.as_array().unwrap().as_slice() else {
                panic!("{metric}")
            };
            let [namespace, name, dimension, value] = [namespace, name, dimension, value].map(|v| v.as_str().unwrap());
            check_metric(namespace, name, dimension, value);
            shown.insert((name.to_owned(), value.to_owned()));
        }
    }
    for error_type in ErrorType::ALL {
        for function in ["Assembler", "Sweeper"] {
            assert!(shown.contains(&(failed_of_type(error_type), function.to_owned())), "{error_type} of {function}");
        }
    }
    for (name, function) in [
        (PUBLISHED, "Assembler"),
        (PUSH_TO_PUBLISHED, "Assembler"),
        (WAITING, "Assembler"),
        (PUBLISHED, "Sweeper"),
        (INCOMPLETE_VERSIONS, "Sweeper"),
        (SWEEP_COMPLETE, "Sweeper"),
    ] {
        assert!(shown.contains(&(name.to_owned(), function.to_owned())), "{name} of {function}");
    }
}

#[test]
fn the_dashboard_shows_every_alarm_that_there_is() {
    for state in ["ENABLED", "DISABLED"] {
        let widgets = dashboard(&[("SweepState", state)]);
        let shown = widgets.iter().find(|widget| widget["type"] == "alarm").unwrap();
        let shown: BTreeSet<_> = texts(&shown["properties"]["alarms"]).into_iter().map(str::to_owned).collect();
        let all = alarms(&[("SweepState", state)]).into_keys().map(|name| format!("{name}.Arn"));
        assert_eq!(shown, all.collect(), "{state}");
    }
}

#[test]
fn the_widgets_of_the_dashboard_do_not_overlap() {
    let widgets = dashboard(&[]);
    let place = |widget: &Value| ["x", "y", "width", "height"].map(|name| widget[name].as_u64().unwrap());
    let mut taken = BTreeSet::new();
    for [x, y, width, height] in widgets.iter().map(place) {
        assert!(x + width <= 24);
        let cells = (x..x + width).flat_map(|column| (y..y + height).map(move |row| (column, row)));
        for cell in cells {
            assert!(taken.insert(cell), "two widgets at {cell:?}");
        }
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

#[test]
fn further_accounts_may_send_their_events_and_no_others() {
    let template = template();
    let alone = template.deploy(&[PLATFORMS]);
    assert!(alone.resources("AWS::Events::EventBusPolicy").is_empty());
    let hub = template.deploy(&[PLATFORMS, ("Accounts", "111122223333,444455556666"), ("EventBusName", "images")]);
    let policy = hub.resource("SendersPolicy");
    assert_eq!(policy["EventBusName"], "images");
    assert_eq!(hub.resource("PushRule")["EventBusName"], "images");
    let statement = &policy["Statement"];
    assert_eq!(statement["Principal"], json!({"AWS": ["111122223333", "444455556666"]}));
    assert_eq!(statement["Action"], "events:PutEvents");
    let bus = "arn:aws:events:eu-central-1:123456789012:event-bus/images";
    assert_eq!((&statement["Resource"], &hub.section("Outputs")["EventBusArn"]["Value"]), (&bus.into(), &bus.into()));
    assert!(member().takes("HubEventBusArn", bus));
}

#[test]
fn the_guide_tells_of_every_alarm_and_every_output() {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("OPERATIONS.md")).unwrap();
    let template = template();
    let outputs = template.section("Outputs").keys().cloned();
    for name in alarms(&[]).into_keys().chain(["UnsentAlarm".to_owned()]).chain(outputs) {
        assert!(guide.contains(&format!("`{name}`")), "OPERATIONS.md says nothing of {name}");
    }
}
