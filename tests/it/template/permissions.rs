//! The actions of roles and policies, compared with the calls of the code. What IAM makes of them, `tests/permissions`
//! simulates.

use std::collections::BTreeSet;

use ecr_multiarch_core::IamAction;
use ecr_multiarch_core::access::WAIT_QUALIFIER;
use serde_json::{Value, json};

use super::stack::ACCOUNT;
use super::{HUB, PLATFORMS, member, strings, template};

pub const FUNCTION_ROLES: [&str; 2] = ["AssemblerRole", "SweeperRole"];

const HUB_ROLES: [(&str, &str); 2] = [
    ("AssemblerRoleArn", "arn:aws:iam::999999999999:role/images-assembler"),
    ("SweeperRoleArn", "arn:aws:iam::999999999999:role/images-sweeper"),
];

/// What ECR managed signing needs of the principal that pushes, besides `ecr:PutImage` and `signer:SignPayload` (user
/// guide of ECR, "Managed signing").
const SIGNATURE_UPLOAD: [&str; 4] =
    ["ecr:BatchCheckLayerAvailability", "ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart"];

fn named(actions: &[IamAction]) -> BTreeSet<String> {
    actions.iter().map(ToString::to_string).collect()
}

/// The actions of the statements that a condition selects.
fn actions<'a>(statements: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    statements.into_iter().flat_map(|statement| strings(&statement["Action"])).map(str::to_owned).collect()
}

/// All statements of a role.
pub fn statements(role: &Value) -> impl Iterator<Item = &Value> {
    let policies = role["Policies"].as_array().unwrap().iter();
    policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap())
}

/// The actions on ECR that a role is allowed.
fn ecr_actions(role: &Value) -> BTreeSet<String> {
    actions(statements(role)).into_iter().filter(|action| action.starts_with("ecr:")).collect()
}

/// The actions of calls, and those by which ECR managed signing uploads a signature.
fn with_signatures(calls: &[IamAction]) -> BTreeSet<String> {
    named(calls).into_iter().chain(SIGNATURE_UPLOAD.map(str::to_owned)).collect()
}

/// The actions that a policy of a member allows to one of the hub's roles.
fn allowed_to(policy: &Value, role: &str) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().unwrap().iter();
    actions(
        statements
            .filter(|statement| strings(&statement["Condition"]["ArnEquals"]["aws:PrincipalArn"]).contains(&role)),
    )
}

#[test]
fn functions_are_allowed_the_actions_that_they_call() {
    let template = template();
    let stack = template.deploy(&[PLATFORMS]);
    let allowed = FUNCTION_ROLES.map(|role| ecr_actions(&stack.resource(role)));
    assert_eq!(allowed, [named(&IamAction::ASSEMBLE), named(&IamAction::SWEEP)]);
}

#[test]
fn a_member_allows_the_roles_of_its_hub_what_they_call() {
    let member = member();
    let access = [("RegistryPolicy", "create"), ("CreateOnPushPrefix", "team-a")];
    for signatures in ["false", "true"] {
        let allowed = if signatures == "true" { with_signatures } else { named };
        let stack = member.deploy(&[&[HUB, ("UploadSignatures", signatures)][..], &HUB_ROLES, &access].concat());
        let registry = &stack.resource("HubAccess")["PolicyText"];
        let [assembler, sweeper] = HUB_ROLES.map(|(_, role)| allowed_to(registry, role));
        assert_eq!(assembler, allowed(&IamAction::ASSEMBLE), "{signatures}");
        assert_eq!(sweeper, allowed(&IamAction::SWEEP), "{signatures}");

        let created = stack.resource("CreatedOnPush");
        assert_eq!((&created["Prefix"], &created["AppliedFor"]), (&"team-a".into(), &json!(["CREATE_ON_PUSH"])));
        let repository: Value = serde_json::from_str(created["RepositoryPolicy"].as_str().unwrap()).unwrap();
        for (_, role) in HUB_ROLES {
            assert_eq!(allowed_to(&repository, role), allowed(&IamAction::ASSEMBLE), "{signatures} {role}");
        }
    }
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
fn registry_access_needs_the_roles_of_the_hub() {
    let member = member();
    for access in [("RegistryPolicy", "create"), ("CreateOnPushPrefix", "ROOT")] {
        assert_eq!(member.deploy(&[HUB, HUB_ROLES[0], access]).violations().len(), 1, "{access:?}");
        assert!(member.deploy(&[HUB, HUB_ROLES[0], HUB_ROLES[1], access]).violations().is_empty(), "{access:?}");
    }
    assert!(member.deploy(&[HUB]).violations().is_empty());
}

/// `Prefix` of ECR's API has the pattern
/// `^([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\/?|ROOT)$`.
#[test]
fn a_prefix_of_created_repositories_is_one_of_ecr() {
    let member = member();
    for prefix in ["", "ROOT", "team-a", "team-a/", "a--b", "a__b/c.d", "a/b_c/"] {
        assert!(member.accepts("CreateOnPushPrefix", prefix), "{prefix}");
    }
    for prefix in ["/", "Team", "a..b", "a___b", "-a", "a-", "a//b", "ROOT/"] {
        assert!(!member.accepts("CreateOnPushPrefix", prefix), "{prefix}");
    }
}

#[test]
fn signing_profiles_allow_signing_and_uploads_of_signatures() {
    let profiles = ["eu-central-1", "eu-west-1"]
        .map(|region| format!("arn:aws:signer:{region}:{ACCOUNT}:/signing-profiles/images"));
    let template = template();
    let stack = template.deploy(&[PLATFORMS, ("SigningProfileArn", &profiles.join(","))]);
    let roles = FUNCTION_ROLES.map(|role| stack.resource(role));
    assert_eq!(roles.each_ref().map(ecr_actions), [&IamAction::ASSEMBLE[..], &IamAction::SWEEP].map(with_signatures));
    for role in &roles {
        let signs = |statement: &&Value| strings(&statement["Action"]) == ["signer:SignPayload"];
        let signing: Vec<_> = statements(role).filter(signs).map(|statement| strings(&statement["Resource"])).collect();
        assert_eq!(signing, [profiles.each_ref()]);
    }
}

#[test]
fn a_signing_profile_is_of_any_partition_but_not_a_wildcard() {
    for (profile, expected) in [
        ("arn:aws:signer:eu-central-1:123456789012:/signing-profiles/images", true),
        ("arn:aws-cn:signer:cn-north-1:123456789012:/signing-profiles/images", true),
        ("arn:aws-us-gov:signer:us-gov-west-1:123456789012:/signing-profiles/images", true),
        ("arn:aws:signer:eu-central-1:123456789012:/signing-profiles/*", false),
    ] {
        assert_eq!(template().accepts("SigningProfileArn", profile), expected, "{profile}");
    }
}

/// The alias is known to the code by its name, and follows each deployment.
#[test]
fn the_alias_for_those_who_wait_is_that_of_the_code() {
    let alias = template().deploy(&[PLATFORMS]).resource("WaitAlias");
    assert_eq!((&alias["Name"], &alias["FunctionVersion"]), (&WAIT_QUALIFIER.into(), &"$LATEST".into()));
}

/// A role name has at most 64 characters.
#[test]
fn roles_are_named_after_a_prefix_that_fits() {
    let template = template();
    for (length, expected) in [(54, true), (55, false)] {
        assert_eq!(template.accepts("RoleNamePrefix", &"x".repeat(length)), expected, "{length}");
    }
    let (unnamed, named) = (template.deploy(&[PLATFORMS]), template.deploy(&[PLATFORMS, ("RoleNamePrefix", "images")]));
    for (role, expected) in FUNCTION_ROLES.into_iter().zip(["images-assembler", "images-sweeper"]) {
        assert!(unnamed.resource(role).get("RoleName").is_none(), "{role}");
        assert_eq!(named.resource(role)["RoleName"], expected);
    }
    assert!("-assembler".len() + 54 <= 64);
}

#[test]
fn roles_have_the_configured_path_and_boundary() {
    let (template, member) = (template(), member());
    for (parameters, path, boundary) in [
        (&[][..], None, None),
        (
            &[("RolePath", "/platform/"), ("PermissionsBoundary", "platform/boundary")],
            Some(json!("/platform/")),
            Some(json!(format!("arn:aws:iam::{ACCOUNT}:policy/platform/boundary"))),
        ),
    ] {
        let hub = template.deploy(&[&[PLATFORMS][..], parameters].concat());
        let member = member.deploy(&[&[HUB][..], parameters].concat());
        assert_eq!(hub.resource("WaitPolicy").get("Path"), path.as_ref());
        for stack in [hub, member] {
            for (name, role) in stack.resources("AWS::IAM::Role") {
                let configured = (role.get("Path"), role.get("PermissionsBoundary"));
                assert_eq!(configured, (path.as_ref(), boundary.as_ref()), "{name}");
            }
        }
    }
}

#[test]
fn reads_leave_the_pull_time_alone_only_if_configured() {
    let template = template();
    let excluded = |value| {
        let stack = template.deploy(&[PLATFORMS, ("ExcludeFromPullTime", value)]);
        let exclusions = stack.resources("AWS::ECR::PullTimeUpdateExclusion").into_values();
        exclusions.map(|exclusion| exclusion["PrincipalArn"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(excluded("false"), [""; 0]);
    assert_eq!(excluded("true"), FUNCTION_ROLES.map(|role| format!("{role}.Arn")));
}

/// `PrincipalArn` of `PullTimeUpdateExclusion` has at most 200 characters, and no rule of a template measures text.
#[test]
fn a_documented_role_path_fits_into_an_exclusion() {
    let template = template();
    let description = template.section("Parameters")["ExcludeFromPullTime"]["Description"].as_str().unwrap();
    assert!(description.ends_with("at most 200 characters, so RolePath must have at most 99."), "{description}");
    let longest_name = 64;
    let longest = "arn:aws-us-gov:iam::123456789012:role".len() + 99 + longest_name;
    assert_eq!(longest, 200);
}
