//! The permissions of the roles, compared with the calls of the code.

use std::collections::BTreeSet;

use ecr_multiarch_core::IamAction;
use ecr_multiarch_core::access::WAIT_QUALIFIER;
use serde_json::{Value, json};

use super::stack::{ACCOUNT, REGION};
use super::{FUNCTION, HUB, ORGANIZATION, PLATFORMS, both, member, strings, template};

/// The permissions of a role, or of a policy that stands alone: each action, with the statement that allows it.
pub fn allowed(role: &Value) -> Vec<(String, Value)> {
    let policies = role["Policies"].as_array().map_or(std::slice::from_ref(role), Vec::as_slice).iter();
    let statements = policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    let allowed = statements.flat_map(|statement| {
        assert_eq!(statement["Effect"], "Allow");
        let actions = strings(&statement["Action"]).into_iter();
        actions.map(|action| (action.to_owned(), statement.clone())).collect::<Vec<_>>()
    });
    allowed.collect()
}

/// The actions that a role is allowed.
pub fn actions(role: &Value) -> BTreeSet<String> {
    allowed(role).into_iter().map(|(action, _)| action).collect()
}

const ACTIONS_OUTSIDE_ECR: [&str; 5] = [
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:SendMessage",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// What an event source mapping does with the permissions of its function. (AWS Lambda developer guide, "Using Lambda
/// with Amazon SQS".)
const MAPPING_ACTIONS: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

const FUNCTION_ROLES: [&str; 2] = ["AssemblerRole", "SweeperRole"];

#[test]
fn functions_are_allowed_exactly_the_actions_that_they_call() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    for (role, calls, mapping) in
        [("AssemblerRole", &IamAction::ASSEMBLE[..], &MAPPING_ACTIONS[..]), ("SweeperRole", &IamAction::SWEEP[..], &[])]
    {
        let outside_ecr = ACTIONS_OUTSIDE_ECR.iter().chain(mapping).map(ToString::to_string);
        let expected = calls.iter().map(ToString::to_string).chain(outside_ecr).collect();
        assert_eq!(actions(&stack.resource(role)), expected, "{role}");
    }
}

#[test]
fn assembler_may_scan_where_aliases_may_be_configured() {
    let template = template();
    let rules = r#"[{"repositories":["app"],"aliases":"latest"}]"#;
    for parameter in [("Aliases", "latest"), ("Rules", rules)] {
        let stack = template.deploy(&[PLATFORMS, parameter]);
        let calls = IamAction::ASSEMBLE_WITH_ALIASES.iter().map(ToString::to_string);
        let outside_ecr = ACTIONS_OUTSIDE_ECR.iter().chain(&MAPPING_ACTIONS).map(ToString::to_string);
        let expected = calls.chain(outside_ecr).collect();
        assert_eq!(actions(&stack.resource("AssemblerRole")), expected, "{parameter:?}");
    }
}

#[test]
fn the_schedule_is_allowed_exactly_what_it_needs() {
    let allowed = allowed(&template().deploy(&[PLATFORMS]).resource("SweepScheduleRole"));
    let allowed: Vec<_> =
        allowed.iter().map(|(action, statement)| (action.as_str(), strings(&statement["Resource"])[0])).collect();
    assert_eq!(allowed, [("states:StartExecution", "SweepMachine"), ("sqs:SendMessage", "UndeliveredQueue.Arn")]);
}

#[test]
fn a_stack_has_five_roles() {
    let template = template();
    let roles = template.deploy(&[PLATFORMS]).resources("AWS::IAM::Role");
    assert_eq!(
        roles.keys().collect::<Vec<_>>(),
        ["AssemblerRole", "RegistrySweepMachineRole", "SweepMachineRole", "SweepScheduleRole", "SweeperRole"]
    );
}

#[test]
fn each_function_has_its_own_role() {
    for (name, function) in template().deploy(&[PLATFORMS]).resources(FUNCTION) {
        assert_eq!(function["Role"], format!("{name}Role.Arn"));
        assert!(function.get("Policies").is_none(), "SAM ignores the policies of a function with a role");
    }
}

#[test]
fn no_role_has_a_managed_policy() {
    for (name, role) in template().deploy(&[PLATFORMS]).resources("AWS::IAM::Role") {
        assert!(role.get("ManagedPolicyArns").is_none(), "{name}");
    }
}

/// Checks which repositories, accounts or organization, and Regions the functions' ECR actions are limited to.
#[track_caller]
fn check_ecr_scope(parameters: &[(&str, &str)], repositories: &[&str], accounts: &[&str], regions: &[&str]) {
    let template = template();
    let stack = template.deploy(&[&[PLATFORMS][..], parameters].concat());
    let arn = |name: &&str| format!("arn:*:ecr:*:*:repository/{name}");
    let arns: Vec<_> = repositories.iter().map(arn).collect();
    let allowed = FUNCTION_ROLES.map(|role| allowed(&stack.resource(role)));
    for (action, statement) in allowed.into_iter().flatten().filter(|(action, _)| action.starts_with("ecr:")) {
        let condition = &statement["Condition"]["StringEquals"];
        let (key, other_key) = if accounts == [ORGANIZATION.1] {
            ("aws:ResourceOrgID", "aws:ResourceAccount")
        } else {
            ("aws:ResourceAccount", "aws:ResourceOrgID")
        };
        assert_eq!(strings(&condition[key]), accounts, "{action}");
        assert!(condition.get(other_key).is_none(), "{action}");
        assert_eq!(strings(&condition["aws:RequestedRegion"]), regions, "{action}");
        let all_repositories = action == IamAction::DescribeRepositories.to_string();
        let expected = if all_repositories { vec![arn(&"*")] } else { arns.clone() };
        assert_eq!(strings(&statement["Resource"]), expected, "{action}");
    }
}

#[test]
fn by_default_ecr_access_is_limited_to_the_own_registry() {
    check_ecr_scope(&[], &["*"], &[ACCOUNT], &[REGION]);
}

#[test]
fn ecr_access_is_limited_to_what_the_parameters_name() {
    let parameters = [
        ("Repositories", "team-a/*, base"),
        ("Accounts", "111122223333"),
        ("FurtherRegions", "eu-west-1"),
        ("SigningProfileArn", SIGNING_PROFILE),
    ];
    check_ecr_scope(&parameters, &["team-a/*", "base"], &[ACCOUNT, "111122223333"], &[REGION, "eu-west-1"]);
}

#[test]
fn ecr_access_of_a_hub_is_limited_to_its_organization() {
    let parameters = [ORGANIZATION, ("Accounts", "111122223333"), ("FurtherRegions", "eu-west-1")];
    check_ecr_scope(&parameters, &["*"], &[ORGANIZATION.1], &[REGION, "eu-west-1"]);
}

#[test]
fn other_access_is_limited_to_own_log_queues_and_traces() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    for function in ["Assembler", "Sweeper"] {
        for (action, statement) in allowed(&stack.resource(&format!("{function}Role"))) {
            let resource = match action.split(':').next().unwrap() {
                "ecr" => continue,
                "logs" => format!("{function}Log.Arn"),
                "sqs" if MAPPING_ACTIONS.contains(&action.as_str()) => "PushQueue.Arn".to_owned(),
                "sqs" => "FailedQueue.Arn".to_owned(),
                "xray" => "*".to_owned(),
                other => panic!("{other}"),
            };
            assert_eq!(statement["Resource"], resource, "{action}");
        }
    }
}

const SIGNING_PROFILE: &str = "arn:aws:signer:eu-central-1:123456789012:/signing-profiles/images";

#[test]
fn a_signing_profile_allows_only_to_sign_with_it() {
    let template = template();
    let plain = template.deploy(&[PLATFORMS, ("Repositories", "app")]);
    let signing = template.deploy(&[PLATFORMS, ("Repositories", "app"), ("SigningProfileArn", SIGNING_PROFILE)]);
    for role in FUNCTION_ROLES {
        let before = actions(&plain.resource(role));
        let added = allowed(&signing.resource(role)).into_iter().filter(|(action, _)| !before.contains(action));
        let added: Vec<_> = added.map(|(action, statement)| (action, statement["Resource"].clone())).collect();
        assert_eq!(added, [("signer:SignPayload".to_owned(), json!(SIGNING_PROFILE))]);
    }
}

#[test]
fn a_signing_profile_cannot_be_a_wildcard() {
    let wildcard = "arn:aws:signer:eu-central-1:123456789012:/signing-profiles/*";
    assert!(!template().accepts("SigningProfileArn", wildcard));
}

/// The alias is known to the code by its name, and follows each deployment.
#[test]
fn the_alias_for_those_who_wait_is_that_of_the_code() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    let aliases: Vec<_> = stack.resources("AWS::Lambda::Alias").into_values().collect();
    let [alias] = aliases.as_slice() else { panic!("{aliases:?}") };
    assert_eq!(alias["Name"], WAIT_QUALIFIER);
    assert_eq!((&alias["FunctionName"], &alias["FunctionVersion"]), (&"Assembler".into(), &"$LATEST".into()));
    assert_eq!(stack.section("Outputs")["WaitFunctionArn"]["Value"], "WaitAlias");
}

#[test]
fn the_policy_for_those_who_wait_allows_the_alias_only() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    let policies = stack.resources("AWS::IAM::ManagedPolicy");
    assert_eq!(policies.keys().collect::<Vec<_>>(), ["WaitPolicy"]);
    let allowed = allowed(&policies["WaitPolicy"]);
    let allowed: Vec<_> =
        allowed.iter().map(|(action, statement)| (action.as_str(), strings(&statement["Resource"]))).collect();
    assert_eq!(allowed, [("lambda:InvokeFunction", vec!["WaitAlias"])]);
    assert_eq!(stack.section("Outputs")["WaitPolicyArn"]["Value"], "WaitPolicy");
}

#[test]
fn the_policy_for_those_who_wait_has_the_path_of_the_roles() {
    let template = template();
    let path = |parameters: &[_]| template.deploy(parameters).resource("WaitPolicy").get("Path").cloned();
    assert_eq!(path(&[PLATFORMS]), None);
    assert_eq!(path(&[PLATFORMS, ("RolePath", "/platform/")]), Some("/platform/".into()));
}

#[test]
fn no_role_is_allowed_a_wildcard_action() {
    for (template, required) in both() {
        let stack = template.deploy(&[required]);
        let roles = stack.resources("AWS::IAM::Role").into_iter();
        let policies = ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"].map(|policy| stack.resources(policy));
        for (name, role) in roles.chain(policies.into_iter().flatten()) {
            for (action, _) in allowed(&role) {
                assert!(!action.contains(['*', '?']), "{name}: {action}");
            }
        }
    }
}

#[test]
fn roles_have_names_only_with_a_prefix() {
    let template = template();
    let (unnamed, named) = (template.deploy(&[PLATFORMS]), template.deploy(&[PLATFORMS, ("RoleNamePrefix", "images")]));
    for (role, expected) in FUNCTION_ROLES.into_iter().zip(["images-assembler", "images-sweeper"]) {
        assert!(unnamed.resource(role).get("RoleName").is_none(), "{role}");
        assert_eq!(named.resource(role)["RoleName"], expected);
    }
}

/// A role name has at most 64 characters.
#[test]
fn role_names_fit() {
    for (length, expected) in [(54, true), (55, false)] {
        assert_eq!(template().accepts("RoleNamePrefix", &"x".repeat(length)), expected, "{length}");
    }
    assert!("-assembler".len() + 54 <= 64);
}

/// Runs a check for each role to which path and boundary apply, in stacks with these parameters.
fn for_each_configurable_role(parameters: &[(&str, &str)], check: impl Fn(&str, &Value)) {
    let (template, member) = (template(), member());
    let hub = template.deploy(&[&[PLATFORMS][..], parameters].concat());
    let member = member.deploy(&[&[HUB][..], parameters].concat());
    let roles = hub.resources("AWS::IAM::Role");
    assert_eq!(roles.len(), 5);
    for (name, role) in roles {
        check(&name, &role);
    }
    check("SenderRole", &member.resource("SenderRole"));
}

#[test]
fn roles_have_the_configured_path_and_boundary() {
    for_each_configurable_role(
        &[("RolePath", "/platform/"), ("PermissionsBoundary", "platform/boundary")],
        |name, role| {
            let boundary = format!("arn:aws:iam::{ACCOUNT}:policy/platform/boundary");
            assert_eq!(
                (&role["Path"], &role["PermissionsBoundary"]),
                (&"/platform/".into(), &boundary.into()),
                "{name}"
            );
        },
    );
}

#[test]
fn roles_have_no_path_and_boundary_by_default() {
    for_each_configurable_role(&[], |name, role| {
        assert_eq!((role.get("Path"), role.get("PermissionsBoundary")), (None, None), "{name}");
    });
}

#[test]
fn reads_leave_the_pull_time_alone_only_if_configured() {
    let template = template();
    let exclusions = |value| {
        let stack = template.deploy(&[PLATFORMS, ("ExcludeFromPullTime", value)]);
        let exclusions = stack.resources("AWS::ECR::PullTimeUpdateExclusion").into_values();
        exclusions.map(|exclusion| exclusion["PrincipalArn"].clone()).collect::<Vec<_>>()
    };
    assert!(exclusions("false").is_empty());
    assert_eq!(exclusions("true"), FUNCTION_ROLES.map(|role| json!(format!("{role}.Arn"))));
}

const ROLES: [(&str, &str); 2] = [
    ("AssemblerRoleArn", "arn:aws:iam::999999999999:role/images-assembler"),
    ("SweeperRoleArn", "arn:aws:iam::999999999999:role/images-sweeper"),
];

/// The actions that the statements of a policy in a member allow to one of the hub's roles.
fn allowed_to(policy: &Value, role: &str) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().unwrap().iter();
    let allowed = statements.filter(|statement| {
        assert_eq!(statement["Effect"], "Allow");
        assert_eq!(statement["Principal"], json!({"AWS": "arn:aws:iam::999999999999:root"}), "{statement}");
        let condition = statement["Condition"].as_object().unwrap();
        assert_eq!(condition.keys().collect::<Vec<_>>(), ["ArnEquals"]);
        strings(&condition["ArnEquals"]["aws:PrincipalArn"]).contains(&role)
    });
    allowed.flat_map(|statement| strings(&statement["Action"])).map(str::to_owned).collect()
}

fn named(actions: &[IamAction]) -> BTreeSet<String> {
    actions.iter().map(ToString::to_string).collect()
}

#[test]
fn a_member_allows_no_access_to_its_registry_by_default() {
    let member = member();
    let stack = member.deploy(&[HUB]);
    for resource_type in ["AWS::ECR::RegistryPolicy", "AWS::ECR::RepositoryCreationTemplate"] {
        assert!(stack.resources(resource_type).is_empty(), "{resource_type}");
    }
}

#[test]
fn the_registry_policy_of_a_member_allows_each_role_what_it_calls() {
    let member = member();
    let stack = member.deploy(&[HUB, ROLES[0], ROLES[1], ("RegistryPolicy", "create")]);
    let policy = &stack.resource("HubAccess")["PolicyText"];
    let [assembler, sweeper] = ROLES.map(|(_, role)| allowed_to(policy, role));
    assert_eq!(assembler, named(&IamAction::ASSEMBLE_WITH_ALIASES));
    assert_eq!(sweeper, named(&IamAction::SWEEP));
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Resource"], format!("arn:aws:ecr:{REGION}:{ACCOUNT}:repository/*"));
    }
}

#[test]
fn a_repository_that_a_push_creates_allows_both_roles() {
    let member = member();
    let stack = member.deploy(&[HUB, ROLES[0], ROLES[1], ("CreateOnPushPrefix", "team-a")]);
    let created = stack.resource("CreatedOnPush");
    assert_eq!((&created["Prefix"], &created["AppliedFor"]), (&"team-a".into(), &json!(["CREATE_ON_PUSH"])));
    let policy: Value = serde_json::from_str(created["RepositoryPolicy"].as_str().unwrap()).unwrap();
    for (_, role) in ROLES {
        assert_eq!(allowed_to(&policy, role), named(&IamAction::ASSEMBLE_WITH_ALIASES), "{role}");
    }
    assert!(policy["Statement"][0].get("Resource").is_none(), "a repository policy applies to its repository");
}

#[test]
fn registry_access_needs_the_roles_of_the_hub() {
    let member = member();
    for access in [("RegistryPolicy", "create"), ("CreateOnPushPrefix", "ROOT")] {
        assert_eq!(member.deploy(&[HUB, ROLES[0], access]).violations().len(), 1, "{access:?}");
        assert!(member.deploy(&[HUB, ROLES[0], ROLES[1], access]).violations().is_empty(), "{access:?}");
    }
    assert!(member.deploy(&[HUB]).violations().is_empty());
}
