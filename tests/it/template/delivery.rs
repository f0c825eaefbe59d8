//! How events, schedules and failures find their way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ecr_multiarch::input::Input;
use serde_json::{Value, json};

use super::event_pattern;
use super::permissions::actions;
use super::stack::Stack;
use super::{FUNCTION, HUB, PLATFORMS, member, template, texts};

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
