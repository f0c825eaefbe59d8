//! One event and what the function decided, on one line.

use ecr_multiarch::answer::{OutcomeName, Reconciled};
use ecr_multiarch::error::Error;
use ecr_multiarch::function::Answer;
use serde_json::Value;

use crate::screen::{Ink, kind, short};

/// What arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    action: String,
    name: String,
    kind: String,
}

impl Arrival {
    /// Of an event as EventBridge delivers it.
    pub(crate) fn of(event: &Value) -> Self {
        let text = |field: &str| event["detail"][field].as_str().unwrap_or_default();
        let (repository, tag, digest) = (text("repository-name"), text("image-tag"), text("image-digest"));
        Self {
            action: text("action-type").to_lowercase(),
            name: match tag {
                "" => format!("{repository}@{}", short(digest)),
                tag => format!("{repository}:{tag}"),
            },
            kind: kind(text("manifest-media-type")).to_owned(),
        }
    }

    /// The line that tells of it and of what the function made of it.
    pub(crate) fn line(&self, decided: &Result<Answer, Error>) -> String {
        let Self { action, name, kind } = self;
        format!("  {action}  {name:<24} {kind:<21} {}", decision(decided))
    }
}

/// What the function decided, in a few words.
pub(crate) fn decision(decided: &Result<Answer, Error>) -> String {
    match decided {
        Ok(Answer::Reconciled(answer)) => outcome(answer),
        Ok(Answer::Swept(swept)) => format!(
            "swept {} versions of {} repositories: {} published, {} incomplete, {} failed",
            swept.versions, swept.repositories, swept.published, swept.incomplete.total, swept.failed.total
        ),
        Err(error) => format!("{}: {error}", Ink::Bad.paint(error.error_type().name())),
    }
}

fn outcome(answer: &Reconciled) -> String {
    let name = answer.outcome.as_str();
    let list = || {
        let repository = answer.repository.as_deref().unwrap_or_default();
        let tag = answer.tag.as_ref().map(ToString::to_string).unwrap_or_default();
        let digest = answer.digest.map(|digest| digest.to_string()).unwrap_or_default();
        format!("{repository}:{tag} as {}", short(&digest))
    };
    match answer.outcome {
        OutcomeName::Published => format!("{} {}", Ink::Good.paint(name), list()),
        OutcomeName::Unchanged | OutcomeName::WouldPublish => format!("{name} {}", list()),
        OutcomeName::Waiting => {
            let awaited = answer.reason.clone().unwrap_or_else(|| format!("for {}", answer.missing.join(", ")));
            format!("{} {awaited}", Ink::Pending.paint(name))
        }
        OutcomeName::Ignored => Ink::Faint.paint(&format!("{name}: {}", answer.reason.as_deref().unwrap_or_default())),
    }
}
