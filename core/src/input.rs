//! The inputs of an invocation: push events of ECR, and requests by hand or by schedule.
//!
//! The function parses EventBridge's envelope; what an event says is decided here.

pub mod request;

use std::fmt;
use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::request::{AssembleRequest, RegistriesRequest, ReleaseRequest, SweepRequest};
use crate::alias::yank::YankAction;
use crate::error::Error;
use crate::excerpt::{ImageText, RegistryText};
use crate::name::{AccountId, Region, RegistryId, RepositoryName};
use crate::oci::media_type::{MediaType, is_artifact};
use crate::oci::tag::Tag;

/// A validated input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A successful push of a tag.
    Push(Push),
    /// A request to assemble one version.
    Assemble(AssembleRequest),
    /// A request to sweep repositories.
    Sweep(SweepRequest),
    /// A request to yank a release, or to take that back.
    Yank(YankAction, ReleaseRequest),
    /// A request to list the registries that are served.
    Registries(RegistriesRequest),
    /// An event that is filtered out.
    Ignored {
        /// Why.
        reason: String,
        /// The registry of the event, if it names a valid one.
        registry: Option<RegistryId>,
        /// The repository of the event, if it names one.
        repository: Option<String>,
    },
}

/// A push that ECR announced. The digest of the event is omitted: the tag may name another one by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The account of the registry.
    pub account: AccountId,
    /// The Region of the registry.
    pub region: Region,
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
    /// Whether it may be a manifest list that was pushed: unless the event states another media type.
    pub may_be_list: bool,
    /// The time of the event, if it states one.
    pub time: Option<SystemTime>,
}

/// The detail of an `ECR Image Action` event. All fields are optional here, since ECR omits and adds fields.
///
/// Amazon ECR user guide, "Amazon ECR events and EventBridge".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageAction {
    action_type: Option<String>,
    result: Option<String>,
    repository_name: Option<String>,
    image_tag: Option<String>,
    manifest_media_type: Option<String>,
    artifact_media_type: Option<String>,
}

impl ImageAction {
    /// The artifact other than a container image that the event is about, such as a chart, a cache or a signature.
    fn artifact(&self) -> Option<&str> {
        let (manifest, artifact) = (self.manifest_media_type.as_deref()?, self.artifact_media_type.as_deref()?);
        is_artifact(manifest, artifact).then_some(artifact)
    }
}

const EXPECTED: &str = "expected one of: an EventBridge event of source aws.ecr and detail-type ECR Image Action; \
    {\"action\":\"assemble\",\"repository\":\"app\",\"version\":\"1.2.3\"} with dry_run, force, account, region, \
    wait_seconds optional; {\"action\":\"sweep\"} with repositories, dry_run, deep, max_age, account, region, from optional; \
    {\"action\":\"yank\",\"repository\":\"app\",\"version\":\"1.2.3\"} or the same with unyank, with dry_run, \
    account, region optional; {\"action\":\"registries\"} with accounts optional; an SQS batch of such events and \
    assemble requests";

/// The error of an input that is neither an event nor a request, with what was expected.
pub fn invalid_request(reason: impl fmt::Display) -> Error {
    // A parser quotes the input, which may be as large as Lambda takes.
    let reason = RegistryText::from(reason.to_string());
    Error::InvalidRequest(format!("{reason}; {EXPECTED}"))
}

/// The error of a request that a record of a queue does not hold: whoever sends it waits for the answer.
pub fn not_for_a_queue() -> Error {
    invalid_request("a record holds an event or an assemble request: send other requests to the function")
}

/// The error of an `ECR Image Action` that cannot be parsed.
pub fn invalid_event(reason: impl fmt::Display) -> Error {
    invalid_request(format_args!("invalid ECR Image Action: {reason}"))
}

impl Input {
    /// Parses a request: an object with an `action`.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], with the path of the field that is invalid.
    pub fn from_request(mut request: Value) -> Result<Self, Error> {
        let action = request.as_object_mut().and_then(|fields| fields.remove("action")).unwrap_or_default();
        match action.as_str() {
            Some("assemble") => {
                let request: AssembleRequest = parse_request(request)?;
                if request.dry_run && request.wait_seconds.is_some() {
                    return Err(invalid_request("invalid request: wait_seconds does not go with dry_run"));
                }
                Ok(Self::Assemble(request))
            }
            Some("sweep") => parse_request(request).map(Self::Sweep),
            Some("yank") => Ok(Self::Yank(YankAction::Yank, parse_request(request)?)),
            Some("unyank") => Ok(Self::Yank(YankAction::Unyank, parse_request(request)?)),
            Some("registries") => parse_request(request).map(Self::Registries),
            _ => Err(invalid_request(format_args!("unknown action {action}"))),
        }
    }

    /// Decides what an `ECR Image Action` event means: by the account and Region of its registry, its time, if it states a
    /// valid one, and its detail.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], for a push that names no valid registry or repository.
    pub fn from_image_action(
        account: Option<String>,
        region: Option<String>,
        time: Option<SystemTime>,
        detail: ImageAction,
    ) -> Result<Self, Error> {
        let artifact = detail.artifact().map(ImageText::from);
        let ImageAction { action_type, result, repository_name: repository, image_tag, manifest_media_type, .. } =
            detail;
        let media_type = manifest_media_type.filter(|media_type| !media_type.is_empty());
        let may_be_list = media_type
            .is_none_or(|media_type| MediaType::from_name(&media_type).is_some_and(MediaType::is_manifest_list));
        if action_type.is_none() && repository.is_none() {
            return Err(invalid_event("it names neither an action nor a repository"));
        }
        let account: Option<Result<AccountId, _>> = account.map(|account| account.parse());
        let region: Option<Result<Region, _>> = region.map(|region| region.parse());
        let ignored = |reason: String| {
            let registry = match (&account, &region) {
                (Some(Ok(account)), Some(Ok(region))) => {
                    Some(RegistryId { account: Some(account.clone()), region: region.clone() })
                }
                _ => None,
            };
            Ok(Self::Ignored { reason, registry, repository: repository.clone() })
        };

        let action = action_type.unwrap_or_default();
        if action != "PUSH" {
            return ignored(format!("the action is {action:?}, not a PUSH"));
        }
        let result = result.unwrap_or_default();
        if result != "SUCCESS" {
            return ignored(format!("the result of the push is {result:?}, not SUCCESS"));
        }
        let Some(tag) = image_tag.filter(|tag| !tag.is_empty()) else {
            return ignored("the push is of an image without a tag".to_owned());
        };
        if let Some(artifact) = artifact {
            return ignored(format!("the push is of an artifact, {artifact}, not of a container image"));
        }
        let Ok(tag) = tag.parse() else {
            return ignored(format!("{tag:?} is not a platform tag"));
        };
        Ok(Self::Push(Push {
            account: account.unwrap_or_else(|| "".parse()).map_err(invalid_event)?,
            region: region.unwrap_or_else(|| "".parse()).map_err(invalid_event)?,
            repository: repository.unwrap_or_default().parse().map_err(invalid_event)?,
            tag,
            may_be_list,
            time,
        }))
    }
}

fn parse_request<T: DeserializeOwned>(fields: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(fields).map_err(|error| invalid_request(format_args!("invalid request: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(detail: Value) -> Result<Input, Error> {
        parse_of(Some("123456789012"), Some("eu-central-1"), detail)
    }

    fn parse_of(account: Option<&str>, region: Option<&str>, detail: Value) -> Result<Input, Error> {
        let (account, region) = (account.map(str::to_owned), region.map(str::to_owned));
        Input::from_image_action(account, region, None, serde_json::from_value(detail).unwrap())
    }

    fn push() -> Value {
        json!({"result":"SUCCESS","repository-name":"team/app","action-type":"PUSH","image-tag":"1-amd64"})
    }

    #[test]
    fn push_names_registry_repository_and_tag() {
        let Ok(Input::Push(push)) = parse(push()) else { panic!() };
        assert_eq!((push.repository.as_str(), push.tag.as_str()), ("team/app", "1-amd64"));
        assert_eq!((push.account.as_str(), push.region.as_str()), ("123456789012", "eu-central-1"));
    }

    #[test]
    fn other_than_successful_push_of_a_tag_is_ignored() {
        for (field, value, expected) in [
            ("action-type", json!("DELETE"), "DELETE"),
            ("action-type", json!("A_NEW_ONE"), "A_NEW_ONE"),
            ("action-type", json!(null), "not a PUSH"),
            ("result", json!("FAILURE"), "FAILURE"),
            ("image-tag", json!(null), "without a tag"),
            ("image-tag", json!(""), "without a tag"),
            ("image-tag", json!("a/b"), "a/b"),
        ] {
            let mut detail = push();
            detail[field] = value;
            match parse(detail) {
                Ok(Input::Ignored { reason, .. }) => assert!(reason.contains(expected), "{reason}"),
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    #[test]
    fn push_of_an_artifact_under_a_platform_tag_is_ignored() {
        let (manifest, index) = (MediaType::OciManifest.as_str(), MediaType::OciIndex.as_str());
        let image = "application/vnd.oci.image.config.v1+json";
        for (manifest, artifact, is_artifact) in [
            (json!(manifest), json!("application/vnd.cncf.helm.config.v1+json"), true),
            (json!(manifest), json!(image), false),
            (json!(manifest), json!(""), false),
            (json!(manifest), json!(null), false),
            (json!(index), json!("application/vnd.example"), false),
            (json!(null), json!("application/vnd.example"), false),
        ] {
            let mut detail = push();
            detail["manifest-media-type"] = manifest;
            detail["artifact-media-type"] = artifact.clone();
            let is_ignored = matches!(parse(detail), Ok(Input::Ignored { reason, .. }) if reason.contains("artifact"));
            assert_eq!(is_ignored, is_artifact, "{artifact}");
        }
    }

    #[test]
    fn push_may_be_of_a_list_unless_it_states_another_media_type() {
        let (manifest, index) = (MediaType::OciManifest.as_str(), MediaType::OciIndex.as_str());
        for (media_type, expected) in [
            (json!(null), true),
            (json!(""), true),
            (json!(index), true),
            (json!(manifest), false),
            (json!("x"), false),
        ] {
            let mut detail = push();
            detail["manifest-media-type"] = media_type.clone();
            let Ok(Input::Push(push)) = parse(detail) else { panic!("{media_type}") };
            assert_eq!(push.may_be_list, expected, "{media_type}");
        }
    }

    #[test]
    fn ignored_event_names_a_valid_registry() {
        for (account, region, expected) in [
            (Some("123456789012"), Some("eu-central-1"), Some("123456789012.eu-central-1")),
            (Some("123456789012"), Some("http://x"), None),
            (None, Some("eu-central-1"), None),
        ] {
            let Ok(Input::Ignored { registry, .. }) = parse_of(account, region, json!({"action-type": "DELETE"}))
            else {
                panic!("{account:?}");
            };
            let named = |id: RegistryId| format!("{}.{}", id.account.unwrap().as_str(), id.region.as_str());
            assert_eq!(registry.map(named).as_deref(), expected);
        }
    }

    #[test]
    fn unknown_action_needs_no_other_field() {
        assert!(matches!(parse(json!({"action-type":"A_NEW_ONE"})), Ok(Input::Ignored { .. })));
        assert!(matches!(parse(json!({})), Err(Error::InvalidRequest(_))));
    }

    #[test]
    fn push_names_a_valid_registry_and_repository() {
        let (account, region) = (Some("123456789012"), Some("eu-central-1"));
        for (account, region, repository) in [
            (account, region, json!(null)),
            (account, region, json!("No Name")),
            (None, region, json!("app")),
            (account, None, json!("app")),
            (Some("1"), Some("x"), json!("app")),
        ] {
            let mut detail = push();
            detail["repository-name"] = repository;
            assert!(matches!(parse_of(account, region, detail.clone()), Err(Error::InvalidRequest(_))), "{detail}");
        }
    }

    #[test]
    fn optional_fields_of_assemble_have_defaults() {
        let input = Input::from_request(json!({"action":"assemble","repository":"app","version":"1.2.3"}));
        let Ok(Input::Assemble(request)) = input else { panic!("{input:?}") };
        assert!(!request.dry_run && !request.force && request.account.is_none() && request.region.is_none());
    }

    #[test]
    fn optional_fields_of_sweep_have_defaults() {
        let request = json!({"action":"sweep","repositories":["team-a/*"],"deep":true,"region":"eu-west-1"});
        let Ok(Input::Sweep(request)) = Input::from_request(request) else { panic!() };
        assert!(request.deep && !request.dry_run && request.repositories.unwrap().len() == 1);
        assert!(request.region.is_some() && request.account.is_none());
    }

    #[test]
    fn invalid_request_names_the_field_and_what_was_expected() {
        for (request, field) in [
            (json!({"action":"publish"}), "publish"),
            (json!({"action":7}), "7"),
            (json!({"action":"assemble"}), "repository"),
            (json!({"action":"assemble","repository":"app"}), "version"),
            (json!({"action":"assemble","repository":"app","version":""}), "version"),
            (json!({"action":"assemble","repository":"App","version":"1"}), "repository"),
            (json!({"action":"sweep","from":""}), "from"),
            (json!({"action":"sweep","from":"App"}), "from"),
            (json!({"action":"yank","repository":"app"}), "version"),
            (json!({"action":"yank","repository":"app","version":"1.2.3","force":true}), "force"),
            (json!({"action":"unyank","version":"1.2.3"}), "repository"),
            (json!({"action":"registries","accounts":["1"]}), "accounts[0]"),
            (json!({"action":"registries","account":"111122223333"}), "account"),
            (json!({"action":"sweep","version":"1"}), "version"),
            (json!({"action":"sweep","repositories":"app"}), "repositories"),
            (json!({"action":"sweep","repositories":["A"]}), "repositories[0]"),
        ] {
            check_invalid(request, field);
        }
        for (field, value) in [
            ("dryrun", json!(true)),
            ("dry_run", json!("yes")),
            ("account", json!("12")),
            ("region", json!("http://x")),
            ("wait_seconds", json!(0)),
            ("wait_seconds", json!(901)),
            ("wait_seconds", json!(1.5)),
        ] {
            check_invalid(json!({"action":"assemble","repository":"app","version":"1",field:value}), field);
        }
        let dry_run = json!({"action":"assemble","repository":"app","version":"1","wait_seconds":5,"dry_run":true});
        check_invalid(dry_run, "wait_seconds");
    }

    #[track_caller]
    fn check_invalid(request: Value, field: &str) {
        match Input::from_request(request) {
            Err(Error::InvalidRequest(message)) => {
                assert!(message.contains(field) && message.contains("ECR Image Action"), "{field}: {message}");
            }
            other => panic!("{field}: {other:?}"),
        }
    }
}
