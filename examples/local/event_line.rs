//! One line of output: an event and the outcome of the function.

use ecr_multiarch::answer::{OutcomeName, Reconciled};
use ecr_multiarch::error::Error;
use ecr_multiarch::function::Answer;
use serde_json::Value;

use crate::terminal::{Style, media_type_name, short_digest};

/// The parts of an event that the line shows.
#[derive(Debug, Clone)]
pub(crate) struct ImageEvent {
    action: String,
    image: String,
    media_type: String,
}

/// An event as EventBridge delivers it.
impl From<&Value> for ImageEvent {
    fn from(event: &Value) -> Self {
        let text = |field: &str| event["detail"][field].as_str().unwrap_or_default();
        let (repository, tag, digest) = (text("repository-name"), text("image-tag"), text("image-digest"));
        Self {
            action: text("action-type").to_lowercase(),
            image: match tag {
                "" => format!("{repository}@{}", short_digest(digest)),
                tag => format!("{repository}:{tag}"),
            },
            media_type: media_type_name(text("manifest-media-type")).to_owned(),
        }
    }
}

/// The line for an event and the function's result.
pub(crate) fn event_line(event: &ImageEvent, result: &Result<Answer, Error>) -> String {
    let ImageEvent { action, image, media_type } = event;
    format!("  {action}  {image:<24} {media_type:<21} {}", summary(result))
}

/// The function's result in a few words.
pub(crate) fn summary(result: &Result<Answer, Error>) -> String {
    match result {
        Ok(Answer::Reconciled(answer)) => outcome(answer),
        Ok(Answer::Swept(swept)) => format!(
            "swept {} versions of {} repositories: {} published, {} incomplete, {} failed",
            swept.versions, swept.repositories, swept.published, swept.incomplete.total, swept.failed.total
        ),
        Err(error) => format!("{}: {error}", Style::Failure.paint(error.error_type().name())),
    }
}

fn outcome(answer: &Reconciled) -> String {
    let name = answer.outcome.as_str();
    let list = || {
        let repository = answer.repository.as_deref().unwrap_or_default();
        let tag = answer.tag.as_ref().map(ToString::to_string).unwrap_or_default();
        let digest = answer.digest.map(|digest| digest.to_string()).unwrap_or_default();
        format!("{repository}:{tag} as {}", short_digest(&digest))
    };
    match answer.outcome {
        OutcomeName::Published => format!("{} {}", Style::Success.paint(name), list()),
        OutcomeName::Unchanged | OutcomeName::WouldPublish => format!("{name} {}", list()),
        OutcomeName::Waiting => {
            let reason = answer.reason.clone().unwrap_or_else(|| format!("for {}", answer.missing.join(", ")));
            format!("{} {reason}", Style::Pending.paint(name))
        }
        OutcomeName::Ignored => Style::Dim.paint(&format!("{name}: {}", answer.reason.as_deref().unwrap_or_default())),
    }
}
