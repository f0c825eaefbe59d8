//! The delivery of events and failures.

use std::fs;
use std::path::Path;

use ecr_multiarch_core::access::WAIT_QUALIFIER;
use serde_json::{Value, json};

use super::stack::{ACCOUNT, REGION, Stack, Template};
use super::{FUNCTION, HUB, PLATFORMS, both, function_property, member, template};

/// The pattern of the rule for push events.
fn push_pattern(stack: &Stack<'_>) -> Value {
    serde_json::from_str(stack.resource("PushRule")["EventPattern"].as_str().unwrap()).unwrap()
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

#[test]
fn the_concurrency_for_push_events_has_the_bounds_of_lambda() {
    for (value, expected) in [("1", false), ("2", true), ("1000", true), ("1001", false), ("", false)] {
        assert_eq!(template().accepts("MaximumConcurrency", value), expected, "{value}");
    }
}

#[test]
fn no_event_waits_for_a_window_or_is_filtered_out() {
    let mapping = template().deploy(&[PLATFORMS]).resource("PushMapping");
    assert!(mapping.get("MaximumBatchingWindowInSeconds").is_none(), "a window delays every event");
    assert!(mapping.get("FilterCriteria").is_none(), "a filter deletes events that it does not match");
}

/// AWS Lambda developer guide, "Creating and configuring an Amazon SQS event source mapping": at least six times, so
/// that Lambda can repeat an invocation that was throttled.
#[test]
fn an_event_is_invisible_for_six_times_the_timeout() {
    let visibility = template().deploy(&[PLATFORMS]).resource("PushQueue")["VisibilityTimeout"].as_u64();
    let timeout = function_property("Assembler", "Timeout").as_u64();
    assert_eq!(visibility, timeout.map(|seconds| 6 * seconds));
}

#[test]
fn push_events_outlast_an_outage_of_an_hour() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    let queue = stack.resource("PushQueue");
    let visibility = queue["VisibilityTimeout"].as_u64().unwrap();
    let receives = queue["RedrivePolicy"]["maxReceiveCount"].as_u64().unwrap();
    assert!(receives >= 25, "{receives}");
    let last_attempt = (receives - 1) * visibility;
    assert!(last_attempt >= 3600, "the last attempt begins after {last_attempt} seconds");
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

/// Lambda has a configuration for each alias.
#[test]
fn failed_invocations_by_the_alias_go_there_as_well() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    let of_alias = stack.resource("WaitInvokeConfig");
    assert_eq!((&of_alias["FunctionName"], &of_alias["Qualifier"]), (&"Assembler".into(), &WAIT_QUALIFIER.into()));
    let of_function = &stack.resource("Assembler")["EventInvokeConfig"];
    for limit in ["MaximumRetryAttempts", "MaximumEventAgeInSeconds"] {
        assert_eq!(of_alias[limit], of_function[limit], "{limit}");
    }
    assert_eq!(of_alias["DestinationConfig"]["OnFailure"], json!({"Destination": "FailedQueue.Arn"}));
}

#[test]
fn queues_are_encrypted_with_14_days_retention() {
    for (template, required) in both() {
        for (name, queue) in template.deploy(&[required]).resources("AWS::SQS::Queue") {
            assert_eq!(queue["MessageRetentionPeriod"], 14 * 86_400, "{name}");
            assert_eq!(queue["SqsManagedSseEnabled"], true, "{name}");
        }
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
fn the_announcement_of_a_list_is_a_cloud_event() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("events/push-own-list.json");
    let event: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let parameters = [("Endpoint", "https://updater.example.com/webhook"), ("Secret", "s3cret")];
    let rule = Template::load("docs/gitops.yaml").deploy(&parameters).resource("ListRule");
    let transformer = &rule["Targets"][0]["InputTransformer"];
    let mut text = transformer["InputTemplate"].as_str().unwrap().to_owned();
    for (name, path) in transformer["InputPathsMap"].as_object().unwrap() {
        let pointer = path.as_str().unwrap().replace('$', "").replace('.', "/");
        text = text.replace(&format!("<{name}>"), event.pointer(&pointer).unwrap().as_str().unwrap());
    }
    let digest = &event["detail"]["image-digest"];
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({
            "specversion": "1.0",
            "id": event["id"],
            "type": "com.amazon.ecr.image.push",
            "source": "urn:aws:ecr:eu-central-1:123456789012:repository/app",
            "subject": "app:1.0.0",
            "time": event["time"],
            "datacontenttype": "application/json",
            "data": {"repositoryName": "app", "imageDigest": digest, "imageTag": "1.0.0", "registryId": "123456789012"},
        })
    );
}
