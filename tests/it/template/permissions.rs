//! What the roles may do, and that the code calls no more and no less.

use std::collections::BTreeSet;

use ecr_multiarch::action;
use serde_json::{Value, json};

use super::stack::{ACCOUNT, REGION};
use super::{FUNCTION, HUB, PLATFORMS, member, template, texts};

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

pub fn actions(role: &Value) -> BTreeSet<String> {
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
