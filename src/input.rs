//! What an invocation brings: an event of ECR, or a request by hand or by schedule.

use std::time::SystemTime;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::repository::{AccountId, Region, RepositoryGlob, RepositoryName};
use crate::tag::Tag;

/// An input, read and held to its grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A successful push under a tag.
    Push(Push),
    /// A request to assemble one version.
    Assemble(Assemble),
    /// A request to sweep repositories.
    Sweep(Sweep),
    /// An event that is none of the function's business.
    Ignored {
        /// Why.
        reason: String,
        /// The repository that the event is about, where it says.
        repository: Option<String>,
    },
}

/// A push, as ECR announced it. The digest of the event is left aside: by now the tag may name another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The account whose registry was pushed to.
    pub account: AccountId,
    /// The Region of that registry.
    pub region: Region,
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
    /// When ECR announced it, where the event says.
    pub time: Option<SystemTime>,
}

/// A request to assemble one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assemble {
    /// The account of the registry; by default the function's own.
    pub account: Option<AccountId>,
    /// The Region of the registry; by default the function's own.
    pub region: Option<Region>,
    /// The repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Tag,
    /// Nothing is to be written.
    pub dry_run: bool,
    /// What is not this function's is to be replaced.
    pub force: bool,
}

/// A request to sweep repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The account of the registry; by default all that are served.
    pub account: Option<AccountId>,
    /// The Region of the registry; by default the function's own.
    pub region: Option<Region>,
    /// The repositories; by default all that are served.
    pub repositories: Option<Vec<RepositoryGlob>>,
    /// Nothing is to be written.
    pub dry_run: bool,
    /// Every version is to be compared by digest.
    pub deep: bool,
}

const EXPECTED: &str = "expected is one of: an EventBridge event of source aws.ecr and detail-type ECR Image Action; \
    {\"action\":\"assemble\",\"repository\":\"app\",\"version\":\"1.2.3\"} with dry_run, force, account, region \
    optional; {\"action\":\"sweep\"} with repositories, dry_run, deep, account, region optional";

fn invalid(what: impl std::fmt::Display) -> Error {
    Error::InvalidRequest(format!("{what}; {EXPECTED}"))
}

impl Input {
    /// Reads an input.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], where it is none that the function knows.
    pub fn read(value: Value) -> Result<Self, Error> {
        if value.get("action").is_some() {
            return read_request(value);
        }
        match (value.get("source").and_then(Value::as_str), value.get("detail-type").and_then(Value::as_str)) {
            (Some("aws.ecr"), Some("ECR Image Action")) => read_image_action(value),
            (Some(source), Some(detail_type)) => Ok(Self::Ignored {
                reason: format!("the event is {detail_type:?} of {source}, not \"ECR Image Action\" of aws.ecr"),
                repository: None,
            }),
            _ => Err(invalid("the input is neither an event nor a request")),
        }
    }
}

/// The detail of an `ECR Image Action`. ECR leaves out and adds fields as it pleases, so none is required here.
///
/// Amazon ECR user guide, "Amazon ECR events and EventBridge".
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ImageAction {
    action_type: Option<String>,
    result: Option<String>,
    repository_name: Option<String>,
    image_tag: Option<String>,
}

fn read_image_action(mut value: Value) -> Result<Input, Error> {
    let unreadable =
        |error: &dyn std::fmt::Display| invalid(format_args!("the ECR Image Action is unreadable: {error}"));
    // Only what is needed must be readable: a time in another form is no reason to leave a push aside.
    let time =
        value.get("time").and_then(Value::as_str).and_then(|time| DateTime::from_str(time, Format::DateTime).ok());
    if let Some(event) = value.as_object_mut() {
        event.retain(|key, _| ["detail-type", "source", "account", "region", "detail"].contains(&key.as_str()));
    }
    let event: EventBridgeEvent<ImageAction> = serde_json::from_value(value).map_err(|error| unreadable(&error))?;
    let ImageAction { action_type, result, repository_name: repository, image_tag } = event.detail;
    if action_type.is_none() && repository.is_none() {
        return Err(unreadable(&"it names neither an action nor a repository"));
    }
    let ignored = |reason: String| Ok(Input::Ignored { reason, repository: repository.clone() });

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
    let Ok(tag) = tag.parse() else {
        return ignored(format!("{tag:?} is no tag of a platform"));
    };
    let account = event.account.unwrap_or_default();
    let region = event.region.unwrap_or_default();
    Ok(Input::Push(Push {
        account: account.parse().map_err(|error| unreadable(&error))?,
        region: region.parse().map_err(|error| unreadable(&error))?,
        repository: repository.unwrap_or_default().parse().map_err(|error| unreadable(&error))?,
        tag,
        time: time.and_then(|time| SystemTime::try_from(time).ok()),
    }))
}

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    Assemble {
        repository: String,
        version: String,
        #[serde(default)]
        dry_run: bool,
        #[serde(default)]
        force: bool,
        account: Option<String>,
        region: Option<String>,
    },
    Sweep {
        repositories: Option<Vec<String>>,
        #[serde(default)]
        dry_run: bool,
        #[serde(default)]
        deep: bool,
        account: Option<String>,
        region: Option<String>,
    },
}

fn read_request(value: Value) -> Result<Input, Error> {
    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<T, Error> {
        text.parse().map_err(|error| invalid(format_args!("{field}: {error}")))
    }
    fn optional<T: std::str::FromStr<Err: std::fmt::Display>>(
        field: &str,
        text: Option<String>,
    ) -> Result<Option<T>, Error> {
        text.map(|text| parsed(field, &text)).transpose()
    }
    let request = serde_json::from_value(value).map_err(|error| invalid(format_args!("the request: {error}")))?;
    Ok(match request {
        Request::Assemble { repository, version, dry_run, force, account, region } => Input::Assemble(Assemble {
            account: optional("account", account)?,
            region: optional("region", region)?,
            repository: parsed("repository", &repository)?,
            version: parsed("version", &version)?,
            dry_run,
            force,
        }),
        Request::Sweep { repositories, dry_run, deep, account, region } => {
            let globs = |names: Vec<String>| names.iter().map(|name| parsed("repositories", name)).collect();
            Input::Sweep(Sweep {
                account: optional("account", account)?,
                region: optional("region", region)?,
                repositories: repositories.map(globs).transpose()?,
                dry_run,
                deep,
            })
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn push(detail: &Value) -> Value {
        json!({"version":"0","id":"1","detail-type":"ECR Image Action","source":"aws.ecr","account":"123456789012",
               "time":"2026-11-23T10:00:00Z","region":"eu-central-1","resources":[],"detail":detail})
    }

    fn reason(value: Value) -> String {
        match Input::read(value) {
            Ok(Input::Ignored { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_push_needs_no_more_than_repository_tag_account_and_region() {
        let detail =
            json!({"result":"SUCCESS","repository-name":"team/app","action-type":"PUSH","image-tag":"1-amd64"});
        let Ok(Input::Push(push)) = Input::read(push(&detail)) else { panic!() };
        assert_eq!((push.repository.as_str(), push.tag.as_str()), ("team/app", "1-amd64"));
        assert_eq!((push.account.as_str(), push.region.as_str()), ("123456789012", "eu-central-1"));
        assert!(push.time.is_some());
    }

    #[test]
    fn what_is_not_needed_of_an_event_need_not_be_readable() {
        let detail = json!({"result":"SUCCESS","repository-name":"app","action-type":"PUSH","image-tag":"1-amd64"});
        for (key, value) in
            [("time", json!("yesterday")), ("time", json!(7)), ("resources", json!({})), ("id", json!(1))]
        {
            let mut event = push(&detail);
            event[key] = value;
            let Ok(Input::Push(read)) = Input::read(event.clone()) else { panic!("{event}") };
            assert_eq!(read.time.is_some(), key != "time");
        }
    }

    #[test]
    fn what_is_no_tagged_successful_push_is_ignored_with_the_reason() {
        for (detail, expected) in [
            (
                json!({"action-type":"DELETE","result":"SUCCESS","repository-name":"app","image-tag":"1-amd64"}),
                "DELETE",
            ),
            (json!({"action-type":"UPDATE_STORAGE_CLASS","repository-name":"app"}), "UPDATE_STORAGE_CLASS"),
            (json!({"action-type":"A_NEW_ONE","repository-name":"app"}), "A_NEW_ONE"),
            (json!({"repository-name":"app"}), "not a PUSH"),
            (json!({"action-type":"A_NEW_ONE"}), "A_NEW_ONE"),
            (json!({"action-type":"PUSH","result":"FAILURE","repository-name":"app","image-tag":"1"}), "FAILURE"),
            (json!({"action-type":"PUSH","result":"SUCCESS","repository-name":"app"}), "without a tag"),
            (json!({"action-type":"PUSH","result":"SUCCESS","repository-name":"app","image-tag":""}), "without a tag"),
            (
                json!({"action-type":"PUSH","result":"SUCCESS","repository-name":"app","image-tag":null}),
                "without a tag",
            ),
            (json!({"action-type":"PUSH","result":"SUCCESS","repository-name":"app","image-tag":"a/b"}), "a/b"),
        ] {
            let reason = reason(push(&detail));
            assert!(reason.contains(expected), "{detail}: {reason}");
        }
    }

    #[test]
    fn events_of_other_services_and_kinds_are_ignored() {
        let scan = json!({"source":"aws.ecr","detail-type":"ECR Image Scan","detail":{}});
        assert!(reason(scan).contains("ECR Image Scan"));
        let other = json!({"source":"my.app","detail-type":"ECR Image Action","detail":{}});
        assert!(reason(other).contains("my.app"));
    }

    #[test]
    fn an_image_action_without_a_readable_detail_is_invalid() {
        let full = json!({"result":"SUCCESS","repository-name":"app","action-type":"PUSH","image-tag":"1-amd64"});
        let without = |key: &str| {
            let mut event = push(&full);
            event.as_object_mut().unwrap().remove(key);
            event
        };
        let with_detail = |key: &str, value: Value| {
            let mut detail = full.clone();
            detail[key] = value;
            push(&detail)
        };
        for value in [
            push(&json!(null)),
            push(&json!("text")),
            push(&json!([])),
            push(&json!({})),
            push(&json!({"action-type":"PUSH","result":"SUCCESS","image-tag":"1-amd64"})),
            with_detail("image-tag", json!(7)),
            with_detail("repository-name", json!("No Name")),
            without("detail"),
            without("account"),
            without("region"),
        ] {
            assert!(matches!(Input::read(value.clone()), Err(Error::InvalidRequest(_))), "{value}");
        }
    }

    #[test]
    fn requests_are_read_with_their_defaults() {
        let Ok(Input::Assemble(assemble)) =
            Input::read(json!({"action":"assemble","repository":"app","version":"1.2.3"}))
        else {
            panic!()
        };
        assert!(!assemble.dry_run && !assemble.force && assemble.account.is_none() && assemble.region.is_none());
        let Ok(Input::Sweep(sweep)) =
            Input::read(json!({"action":"sweep","repositories":["team-a/*"],"deep":true,"region":"eu-west-1"}))
        else {
            panic!()
        };
        assert!(sweep.deep && !sweep.dry_run && sweep.repositories.unwrap().len() == 1 && sweep.region.is_some());
    }

    #[test]
    fn anything_else_is_invalid_and_told_what_was_expected() {
        for value in [
            json!(null),
            json!([]),
            json!("text"),
            json!(7),
            json!({}),
            json!({"source":"aws.ecr"}),
            json!({"action":"publish"}),
            json!({"action":7}),
            json!({"action":"assemble"}),
            json!({"action":"assemble","repository":"app"}),
            json!({"action":"assemble","repository":"app","version":""}),
            json!({"action":"assemble","repository":"App","version":"1"}),
            json!({"action":"assemble","repository":"app","version":"1","dryrun":true}),
            json!({"action":"assemble","repository":"app","version":"1","dry_run":"yes"}),
            json!({"action":"assemble","repository":"app","version":"1","account":"12"}),
            json!({"action":"assemble","repository":"app","version":"1","region":"http://x"}),
            json!({"action":"sweep","version":"1"}),
            json!({"action":"sweep","repositories":"app"}),
            json!({"action":"sweep","repositories":["A"]}),
        ] {
            match Input::read(value.clone()) {
                Err(Error::InvalidRequest(message)) => assert!(message.contains("ECR Image Action"), "{message}"),
                other => panic!("{value}: {other:?}"),
            }
        }
    }
}
