//! What organizations may demand of a stack: a VPC, and a key of their own.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::permissions::{FUNCTION_ROLES, statements};
use super::stack::Stack;
use super::{PLATFORMS, strings, template};

const SUBNETS: (&str, &str) = ("SubnetIds", "subnet-0a1b2c3d,subnet-0123456789abcdef0");
const GROUPS: (&str, &str) = ("SecurityGroupIds", "sg-0a1b2c3d");
const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000000";

/// The resources on which a role is allowed an action.
fn allowed_on(stack: &Stack<'_>, role: &str, action: &str) -> Vec<Value> {
    let role = stack.resource(role);
    let allows = |statement: &&Value| strings(&statement["Action"]).contains(&action);
    statements(&role).filter(allows).map(|statement| statement["Resource"].clone()).collect()
}

#[test]
fn functions_run_in_a_vpc_only_if_configured() {
    let template = template();
    for (parameters, expected) in [
        (&[PLATFORMS][..], None),
        (
            &[PLATFORMS, SUBNETS, GROUPS],
            Some(json!({
                "SubnetIds": ["subnet-0a1b2c3d", "subnet-0123456789abcdef0"],
                "SecurityGroupIds": ["sg-0a1b2c3d"],
            })),
        ),
    ] {
        let stack = template.deploy(parameters);
        assert_eq!(stack.section("Globals")["Function"].get("VpcConfig"), expected.as_ref());
        for role in FUNCTION_ROLES {
            let on = allowed_on(&stack, role, "ec2:CreateNetworkInterface");
            assert_eq!(on, if expected.is_some() { vec![json!("*")] } else { vec![] }, "{role}");
        }
    }
}

#[test]
fn subnets_and_groups_are_ids() {
    let template = template();
    for (parameter, value, expected) in [
        ("SubnetIds", "", true),
        ("SubnetIds", SUBNETS.1, true),
        ("SubnetIds", "subnet-1", false),
        ("SubnetIds", "sg-0a1b2c3d", false),
        ("SecurityGroupIds", "", true),
        ("SecurityGroupIds", GROUPS.1, true),
        ("SecurityGroupIds", "default", false),
    ] {
        assert_eq!(template.accepts(parameter, value), expected, "{parameter} {value}");
    }
}

#[test]
fn a_key_encrypts_queues_logs_and_settings() {
    let template = template();
    for (parameters, key) in [(&[PLATFORMS][..], None), (&[PLATFORMS, ("KmsKeyArn", KEY)], Some(json!(KEY)))] {
        let stack = template.deploy(parameters);
        let queues = stack.resources("AWS::SQS::Queue");
        assert_eq!(queues.len(), 4);
        for (name, queue) in queues {
            assert_eq!(queue.get("KmsMasterKeyId"), key.as_ref(), "{name}");
            assert_eq!(queue.get("SqsManagedSseEnabled").is_some(), key.is_none(), "SQS takes one of both");
        }
        for (name, log) in stack.resources("AWS::Logs::LogGroup") {
            assert_eq!(log.get("KmsKeyId"), key.as_ref(), "{name}");
        }
        assert_eq!(stack.section("Globals")["Function"].get("KmsKeyArn"), key.as_ref());
    }
}

/// Those that send to a queue, that receive from one, and that read the settings.
#[test]
fn roles_use_the_key_of_the_stack() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS, ("KmsKeyArn", KEY)]);
    let roles = stack.resources("AWS::IAM::Role");
    let decrypts = |role: &&str| !allowed_on(&stack, role, "kms:Decrypt").is_empty();
    let users: BTreeSet<_> = roles.keys().map(String::as_str).filter(decrypts).collect();
    assert_eq!(users, ["AssemblerRole", "SweepScheduleRole", "SweeperRole"].into());
    for role in users {
        for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
            assert_eq!(allowed_on(&stack, role, action), [json!(KEY)], "{role} {action}");
        }
    }
}

#[test]
fn a_key_is_named_by_its_arn() {
    for (key, expected) in [
        ("", true),
        (KEY, true),
        ("arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-0a1b2c3d", true),
        ("alias/aws/sqs", false),
        ("arn:aws:kms:eu-central-1:123456789012:alias/images", false),
    ] {
        assert_eq!(template().accepts("KmsKeyArn", key), expected, "{key}");
    }
}
