//! The delivery of events and failures.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::permissions::actions;
use super::stack::{ACCOUNT, REGION, Stack, Template};
use super::{
    FUNCTION, HUB, ORGANIZATION, PLATFORMS, both, event_pattern, function_property, member, strings, template,
};

/// The pattern of the rule for push events.
fn push_pattern(stack: &Stack<'_>) -> Value {
    serde_json::from_str(stack.resource("PushRule")["EventPattern"].as_str().unwrap()).unwrap()
}

/// Whether the rule of a stack with these parameters matches an event.
fn rule_matches(template: &Template, parameters: &[(&str, &str)], event: &Value) -> bool {
    event_pattern::is_match(&push_pattern(&template.deploy(parameters)), event)
}

/// The files of `events/`, by name.
pub fn examples() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: &Path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
}

/// For each file of `events/`, whether the rule matches it. The stack is in the events' account and serves `app` and
/// `team-a/*`.
const MATCHES: [(&str, bool); 29] = [
    ("archive", false),
    ("assemble", false),
    ("assemble-dry-run", false),
    ("assemble-force", false),
    ("assemble-typo", false),
    ("batch", false),
    ("delete", false),
    ("push-amd64", true),
    ("push-arm64", true),
    ("push-attested", true),
    ("push-failed", false),
    ("push-minimal", true),
    ("push-other-account", false),
    ("push-other-repository", false),
    // The function decides what a tag means, so these reach it and are ignored there.
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
    ("unyank", false),
    ("yank", false),
];

#[test]
fn every_example_input_has_an_expectation() {
    assert_eq!(examples().keys().collect::<Vec<_>>(), MATCHES.iter().map(|(name, _)| name).collect::<Vec<_>>());
}

#[test]
fn the_guide_describes_every_example_input() {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("events/README.md")).unwrap();
    for name in examples().keys() {
        assert!(guide.contains(&format!("| `{name}.json` |")), "events/README.md lacks {name}.json");
    }
}

#[test]
fn rules_match_only_successful_tagged_pushes() {
    let events = examples();
    for (template, required) in both() {
        for (name, expected) in MATCHES {
            let parameters = [required, ("Repositories", "app,team-a/*")];
            assert_eq!(rule_matches(&template, &parameters, &events[name]), expected, "{name}");
        }
    }
}

#[test]
fn rule_matches_every_repository_by_default() {
    assert!(rule_matches(&template(), &[PLATFORMS], &examples()["push-other-repository"]));
}

#[test]
fn rule_matches_configured_repositories() {
    let parameters = [PLATFORMS, ("Repositories", "app,tools/*")];
    assert!(rule_matches(&template(), &parameters, &examples()["push-other-repository"]));
}

#[test]
fn rule_matches_own_and_additional_accounts() {
    let parameters = [PLATFORMS, ("Accounts", "111122223333,999999999999")];
    for name in ["push-amd64", "push-other-account"] {
        assert!(rule_matches(&template(), &parameters, &examples()[name]), "{name}");
    }
}

#[test]
fn rule_matches_additional_regions_only_if_configured() {
    let mut event = examples()["push-amd64"].clone();
    event["region"] = "eu-west-1".into();
    assert!(!rule_matches(&template(), &[PLATFORMS], &event));
    assert!(rule_matches(&template(), &[PLATFORMS, ("FurtherRegions", "us-east-1,eu-west-1")], &event));
}

#[test]
fn rules_require_only_fields_that_ecr_always_sends() {
    for (template, required) in both() {
        let pattern = push_pattern(&template.deploy(&[required]));
        let fields = |part: &Value| part.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(fields(&pattern), ["account", "detail", "detail-type", "region", "source"]);
        assert_eq!(fields(&pattern["detail"]), ["action-type", "image-tag", "repository-name", "result"]);
    }
}

/// The only target of a rule.
fn only_target(stack: &Stack<'_>) -> Value {
    let rule = stack.resource("PushRule");
    let [target] = rule["Targets"].as_array().unwrap().as_slice() else { panic!("{rule}") };
    target.clone()
}

#[test]
fn the_rule_sends_to_the_queue() {
    let target = only_target(&template().deploy(&[PLATFORMS]));
    assert_eq!(target["Arn"], "PushQueue.Arn");
    for transformation in ["Input", "InputPath", "InputTransformer"] {
        assert!(target.get(transformation).is_none(), "the function expects whole events");
    }
}

#[test]
fn the_rule_of_a_member_sends_to_the_hub() {
    for (parameters, expected) in [
        (&[HUB][..], "arn:aws:events:eu-central-1:999999999999:event-bus/default"),
        (&[HUB, ("HubRegion", "eu-west-1")], "arn:aws:events:eu-west-1:999999999999:event-bus/default"),
        (&[HUB, ("EventBusName", "images")], "arn:aws:events:eu-central-1:999999999999:event-bus/images"),
    ] {
        let member = member();
        let stack = member.deploy(parameters);
        assert_eq!(only_target(&stack)["Arn"], expected);
        let role = stack.resource("SenderRole");
        assert_eq!(role["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"], expected);
    }
}

/// A `StackSet` deploys to all accounts and Regions of an organization, those of the hub as well. A rule that sends to
/// its own bus would send the same event again and again.
#[test]
fn a_member_forwards_nothing_to_its_own_bus() {
    let member = member();
    for (region, bus, expected) in [
        ("", "default", false),
        (REGION, "default", false),
        ("eu-west-1", "default", true),
        ("", "images", true),
        (REGION, "images", true),
    ] {
        let parameters = [("HubAccountId", ACCOUNT), ("HubRegion", region), ("EventBusName", bus)];
        let stack = member.deploy(&parameters);
        for resource_type in ["AWS::Events::Rule", "AWS::IAM::Role", "AWS::CloudWatch::Alarm"] {
            assert_eq!(!stack.resources(resource_type).is_empty(), expected, "{resource_type} {parameters:?}");
        }
        assert!(!stack.section("Resources").is_empty(), "a stack needs a resource");
        assert_eq!(stack.section("Outputs").contains_key("PushRuleArn"), expected, "{parameters:?}");
    }
}

/// `StackSets` with service-managed permissions support no macros, and so no transforms.
#[test]
fn a_service_managed_stack_set_can_deploy_a_member() {
    assert!(!member().has_transform());
}

#[test]
fn undelivered_events_are_retried_for_a_day() {
    for (template, required) in both() {
        let target = only_target(&template.deploy(&[required]));
        assert_eq!(target["RetryPolicy"], json!({"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}));
    }
}

#[test]
fn undelivered_events_go_to_a_dead_letter_queue() {
    let queues =
        both().map(|(template, required)| only_target(&template.deploy(&[required]))["DeadLetterConfig"].take());
    assert_eq!(queues, ["UndeliveredQueue.Arn", "UnsentQueue.Arn"].map(|arn| json!({"Arn": arn})));
}

#[test]
fn no_service_may_invoke_a_function_directly() {
    let template = template();
    let permissions = template.deploy(&[PLATFORMS]).resources("AWS::Lambda::Permission");
    assert!(permissions.is_empty(), "{permissions:?}");
}

/// The only event source mapping of a stack with these parameters.
fn only_mapping(parameters: &[(&str, &str)]) -> Value {
    let template = template();
    let mappings =
        template.deploy(&[&[PLATFORMS][..], parameters].concat()).resources("AWS::Lambda::EventSourceMapping");
    let [mapping] = mappings.values().collect::<Vec<_>>()[..] else { panic!("{mappings:?}") };
    mapping.clone()
}

#[test]
fn the_assembler_receives_from_the_queue() {
    let mapping = only_mapping(&[]);
    assert_eq!((&mapping["FunctionName"], &mapping["EventSourceArn"]), (&"Assembler".into(), &"PushQueue.Arn".into()));
    assert!(mapping.get("Enabled").is_none_or(|enabled| enabled == true), "{mapping}");
    assert!(mapping.get("FilterCriteria").is_none(), "a filter deletes events that it does not match");
}

#[test]
fn push_events_come_in_batches_of_ten_without_a_window() {
    let mapping = only_mapping(&[]);
    assert_eq!(mapping["BatchSize"], 10);
    assert!(mapping.get("MaximumBatchingWindowInSeconds").is_none(), "a window delays every event");
}

#[test]
fn the_assembler_reports_the_failures_of_a_batch() {
    assert_eq!(only_mapping(&[])["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
}

#[test]
fn the_concurrency_for_push_events_is_a_parameter() {
    assert_eq!(only_mapping(&[])["ScalingConfig"], json!({"MaximumConcurrency": "2"}));
    let parameter = [("MaximumConcurrency", "20")];
    assert_eq!(only_mapping(&parameter)["ScalingConfig"], json!({"MaximumConcurrency": "20"}));
}

#[test]
fn the_concurrency_for_push_events_has_the_bounds_of_lambda() {
    for (value, expected) in [("1", false), ("2", true), ("1000", true), ("1001", false), ("", false)] {
        assert_eq!(template().accepts("MaximumConcurrency", value), expected, "{value}");
    }
}

/// AWS Lambda developer guide, "Creating and configuring an Amazon SQS event source mapping": at least six times, so
/// that Lambda can repeat an invocation that was throttled.
#[test]
fn an_event_is_invisible_for_six_times_the_timeout() {
    let visibility = template().deploy(&[PLATFORMS]).resource("PushQueue")["VisibilityTimeout"].as_u64();
    let timeout = function_property(&[], "Assembler", "Timeout").as_u64();
    assert_eq!(visibility, timeout.map(|seconds| 6 * seconds));
}

/// The dead-letter queue of the push events, and how often each one is received before.
fn redrive(stack: &Stack<'_>) -> (String, u64) {
    let policy = &stack.resource("PushQueue")["RedrivePolicy"];
    let queue = policy["deadLetterTargetArn"].as_str().unwrap().to_owned();
    (queue, policy["maxReceiveCount"].as_u64().unwrap())
}

#[test]
fn push_events_outlast_an_outage_of_an_hour() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    let visibility = stack.resource("PushQueue")["VisibilityTimeout"].as_u64().unwrap();
    let (_, receives) = redrive(&stack);
    assert!(receives >= 25, "{receives}");
    let last_attempt = (receives - 1) * visibility;
    assert!(last_attempt >= 3600, "the last attempt begins after {last_attempt} seconds");
}

#[test]
fn push_events_that_fail_on_every_attempt_go_to_a_dead_letter_queue() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    assert_eq!(redrive(&stack).0, "PushDeadLetterQueue.Arn");
}

/// SQS keeps the time at which a message was sent when it moves it.
#[test]
fn a_dead_letter_queue_retains_no_shorter_than_its_source() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    let retention = |queue: &str| stack.resource(queue)["MessageRetentionPeriod"].as_u64().unwrap();
    assert!(retention("PushDeadLetterQueue") >= retention("PushQueue"));
}

#[test]
fn the_rule_of_a_member_may_only_put_events() {
    assert_eq!(actions(&member().deploy(&[HUB]).resource("SenderRole")), ["events:PutEvents".to_owned()].into());
}

#[test]
fn failed_invocations_are_retried() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    for (function, retries, seconds) in [("Assembler", 2, 21600), ("Sweeper", 1, 3600)] {
        let invoke = &stack.resource(function)["EventInvokeConfig"];
        assert_eq!(invoke["MaximumRetryAttempts"], retries);
        assert_eq!(invoke["MaximumEventAgeInSeconds"], seconds);
    }
}

#[test]
fn failed_invocations_go_to_a_dead_letter_queue() {
    for (name, function) in template().deploy(&[PLATFORMS]).resources(FUNCTION) {
        let destination = &function["EventInvokeConfig"]["DestinationConfig"]["OnFailure"];
        assert_eq!(*destination, json!({"Type": "SQS", "Destination": "FailedQueue.Arn"}), "{name}");
    }
}

/// Runs a check for each queue of both templates: its name, its properties, the statements of its policy.
fn for_each_queue(mut check: impl FnMut(&str, &Value, &[Value])) {
    for (template, required) in both() {
        let stack = template.deploy(&[required]);
        for (name, queue) in stack.resources("AWS::SQS::Queue") {
            let policy = stack.resource(&format!("{name}Policy"));
            assert_eq!(strings(&policy["Queues"]), [name.as_str()]);
            check(&name, &queue, policy["PolicyDocument"]["Statement"].as_array().unwrap());
        }
    }
}

#[test]
fn there_are_a_queue_for_events_and_four_dead_letter_queues() {
    let mut names = Vec::new();
    for_each_queue(|name, _, _| names.push(name.to_owned()));
    assert_eq!(names, ["FailedQueue", "PushDeadLetterQueue", "PushQueue", "UndeliveredQueue", "UnsentQueue"]);
}

#[test]
fn queues_are_encrypted_with_14_days_retention() {
    for_each_queue(|name, queue, _| {
        let mut common = queue.as_object().unwrap().clone();
        if name == "PushQueue" {
            common.retain(|property, _| !["RedrivePolicy", "VisibilityTimeout"].contains(&property.as_str()));
        }
        assert_eq!(Value::from(common), json!({"MessageRetentionPeriod": 14 * 86_400, "SqsManagedSseEnabled": true}));
    });
}

#[test]
fn queues_deny_access_without_tls() {
    for_each_queue(|name, _, statements| {
        let denials: Vec<_> = statements.iter().filter(|statement| statement["Effect"] == "Deny").collect();
        let [denial] = denials[..] else { panic!("{name}: {statements:?}") };
        assert_eq!(denial["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}));
        assert_eq!((&denial["Principal"], &denial["Action"]), (&"*".into(), &"sqs:*".into()));
    });
}

#[test]
fn only_the_rule_may_send_to_a_queue() {
    for_each_queue(|name, _, statements| {
        let allowed: Vec<_> = statements.iter().filter(|statement| statement["Effect"] != "Deny").collect();
        let conditions: Vec<_> = allowed.iter().map(|statement| &statement["Condition"]).collect();
        let from_the_rule = json!({"ArnEquals": {"aws:SourceArn": "PushRule.Arn"}});
        // Lambda sends to one with the permissions of the functions, and SQS itself moves messages to the other.
        let is_internal = ["FailedQueue", "PushDeadLetterQueue"].contains(&name);
        assert_eq!(conditions, if is_internal { vec![] } else { vec![&from_the_rule] }, "{name}");
        for statement in allowed {
            assert_eq!(statement["Action"], "sqs:SendMessage", "{name}");
            assert_eq!(statement["Principal"], json!({"Service": "events.amazonaws.com"}), "{name}");
        }
    });
}

#[test]
fn queue_policies_apply_to_their_own_queue() {
    for_each_queue(|name, _, statements| {
        assert!(statements.iter().all(|statement| statement["Resource"] == format!("{name}.Arn")), "{name}");
    });
}

const CUSTOM_BUS: &str = "arn:aws:events:eu-central-1:123456789012:event-bus/images";

/// A hub of two additional accounts, on its own bus.
const HUB_PARAMETERS: [(&str, &str); 3] =
    [PLATFORMS, ("Accounts", "111122223333,444455556666"), ("EventBusName", "images")];

#[test]
fn without_other_accounts_the_bus_has_no_policy() {
    assert!(template().deploy(&[PLATFORMS]).resources("AWS::Events::EventBusPolicy").is_empty());
}

#[test]
fn only_additional_accounts_may_put_events() {
    let template = template();
    let policy = template.deploy(&HUB_PARAMETERS).resource("SendersPolicy");
    let statement = &policy["Statement"];
    assert_eq!(statement["Principal"], json!({"AWS": ["111122223333", "444455556666"]}));
    assert_eq!(statement["Action"], "events:PutEvents");
    assert_eq!((&policy["EventBusName"], &statement["Resource"]), (&"images".into(), &CUSTOM_BUS.into()));
    assert_eq!(statement["Condition"], only_pushes());
}

/// Rules of others on the same bus must not see other events of the senders. `ForAllValues` also accepts an event
/// without the key, which `Null` excludes.
fn only_pushes() -> Value {
    json!({
        "ForAllValues:StringEquals": {"events:source": "aws.ecr", "events:detail-type": "ECR Image Action"},
        "Null": {"events:source": "false", "events:detail-type": "false"},
    })
}

#[test]
fn only_the_organization_may_put_events() {
    let template = template();
    for accounts in ["", "111122223333"] {
        let stack = template.deploy(&[PLATFORMS, ORGANIZATION, ("Accounts", accounts)]);
        let statement = stack.resource("SendersPolicy")["Statement"].take();
        assert_eq!(statement["Principal"], "*");
        assert_eq!(statement["Action"], "events:PutEvents");
        let mut expected = only_pushes();
        expected["StringEquals"] = json!({"aws:PrincipalOrgID": ORGANIZATION.1});
        assert_eq!(statement["Condition"], expected);
    }
}

#[test]
fn rule_matches_any_account_of_an_organization() {
    for name in ["push-amd64", "push-other-account"] {
        assert!(rule_matches(&template(), &[PLATFORMS, ORGANIZATION], &examples()[name]), "{name}");
    }
}

/// `EventBridge` accepts 2,048 characters. (Amazon `EventBridge` user guide, "`EventBridge` quotas".)
#[test]
fn the_pattern_has_room_for_the_documented_number_of_accounts() {
    let template = template();
    let length = |accounts: u64| {
        let accounts: Vec<_> = (0..accounts).map(|number| (111_122_223_333 + number).to_string()).collect();
        let parameters = [PLATFORMS, ("Accounts", &accounts.join(",")), ("FurtherRegions", "eu-west-1,us-east-1")];
        template.deploy(&parameters).resource("PushRule")["EventPattern"].as_str().unwrap().len()
    };
    assert!(length(100) <= 2048, "{}", length(100));
    assert!(length(110) > 2048, "{}", length(110));
}

#[test]
fn the_rule_listens_on_the_configured_bus() {
    assert_eq!(template().deploy(&HUB_PARAMETERS).resource("PushRule")["EventBusName"], "images");
}

#[test]
fn the_bus_of_the_hub_is_an_output() {
    assert_eq!(template().deploy(&HUB_PARAMETERS).section("Outputs")["EventBusArn"]["Value"], CUSTOM_BUS);
}
