//! One line of output: an event and the outcome of the function.

use std::collections::BTreeMap;

use ecr_multiarch_audit::text::counted;
use ecr_multiarch_core::alias::outcome::AliasOutcomeKind;
use ecr_multiarch_core::answer::aliases_of_kind;
use ecr_multiarch_core::image_tags::outcome::{ImageTagOutcomeKind, image_tags_of_kind};
use ecr_multiarch_core::{AliasReport, Answer, InvocationError, OutcomeKind, Release, Tag, VersionReport};
use serde_json::Value;

use crate::local_stack::LocalStack;
use crate::style::Style;
use crate::terminal::{media_type_name, short_digest};

/// The parts of an event that the line shows.
#[derive(Debug, Clone)]
pub struct ImageEvent {
    action: String,
    image: String,
    digest: String,
    media_type: String,
}

/// An event as EventBridge delivers it.
impl From<&Value> for ImageEvent {
    fn from(event: &Value) -> Self {
        let text = |field: &str| event["detail"][field].as_str().unwrap_or_default();
        let (repository, tag, digest) = (text("repository-name"), text("image-tag"), text("image-digest"));
        Self {
            action: text("action-type").to_lowercase(),
            digest: digest.to_owned(),
            image: match tag {
                "" => format!("{repository}@{}", short_digest(digest)),
                tag => format!("{repository}:{tag}"),
            },
            media_type: media_type_name(text("manifest-media-type")).to_owned(),
        }
    }
}

/// The line for an event and the function's result.
pub fn event_line(stack: &LocalStack, event: &ImageEvent, result: &Result<Answer, InvocationError>) -> String {
    let ImageEvent { action, image, digest, media_type } = event;
    let summary = match result {
        // Of what it has just written, the function says what it says of any tag that is not a platform tag.
        Ok(Answer::Version(report)) if is_ignored(report) && stack.has_published(digest) => {
            Style::Dim.paint("its own list")
        }
        _ => summary(result),
    };
    format!("  {action}  {image:<24} {media_type:<21} {summary}")
}

fn is_ignored(report: &VersionReport) -> bool {
    report.outcome.kind() == OutcomeKind::Ignored
}

/// The function's result in a few words.
pub fn summary(result: &Result<Answer, InvocationError>) -> String {
    match result {
        Ok(answer @ Answer::Version(report)) => {
            outcome(report) + &image_tags(answer) + &aliases(answer, report.version.as_ref())
        }
        Ok(Answer::Sweep(report)) => format!(
            "swept {} of {}: {} published, {} incomplete, {} failed",
            counted(report.versions, "version", "versions"),
            counted(report.repositories, "repository", "repositories"),
            report.published,
            report.incomplete.total,
            report.failed.total
        ),
        Ok(answer @ Answer::Yank(report)) => {
            let (name, version) = (Style::Success.paint(report.outcome.name()), report.marker.release().tag());
            format!("{name} {}:{version}{}", report.repository, aliases(answer, Some(version)))
        }
        Ok(Answer::Registries(report)) => {
            format!("serves {}", counted(report.registries.len(), "registry", "registries"))
        }
        Err(error) => format!("{}: {error}", Style::Failure.paint(error.error_type().name())),
    }
}

/// The image tags that were moved, or could not be.
fn image_tags(answer: &Answer) -> String {
    let part = |kind: ImageTagOutcomeKind| {
        let tags = image_tags_of_kind(answer.image_tags().unwrap_or_default(), kind).map(|one| one.tag.as_str());
        let tags: Vec<_> = tags.collect();
        if tags.is_empty() { String::new() } else { format!("; {} {}", kind.name(), tags.join(", ")) }
    };
    part(ImageTagOutcomeKind::Moved) + &part(ImageTagOutcomeKind::Conflict)
}

/// The aliases that were moved, or could not be, with their release if it is not this version.
fn aliases(answer: &Answer, version: Option<&Tag>) -> String {
    let mut parts = BTreeMap::<_, Vec<_>>::new();
    for kind in [AliasOutcomeKind::Moved, AliasOutcomeKind::Conflict, AliasOutcomeKind::Pending] {
        for AliasReport { tag, release, .. } in aliases_of_kind(answer.aliases().unwrap_or_default(), kind) {
            let other = release.as_ref().map(Release::tag).filter(|release| Some(*release) != version);
            parts.entry((kind, other)).or_default().push(tag.as_str());
        }
    }
    let part = |((kind, other), tags): (&(AliasOutcomeKind, Option<&Tag>), &Vec<&str>)| {
        let to = other.map(|release| format!(" to {release}")).unwrap_or_default();
        format!("; {} {}{to}", kind.name(), tags.join(", "))
    };
    parts.iter().map(part).collect()
}

fn outcome(report: &VersionReport) -> String {
    let VersionReport { outcome, repository, version, .. } = report;
    let name = outcome.kind().name();
    let reason = outcome.reason().unwrap_or_default();
    let list = || {
        let repository = repository.as_deref().unwrap_or_default();
        let tag = version.as_ref().map(ToString::to_string).unwrap_or_default();
        let digest = outcome.manifest_list().map(|list| list.digest.to_string()).unwrap_or_default();
        format!("{repository}:{tag} as {}", short_digest(&digest))
    };
    match outcome.kind() {
        OutcomeKind::Published | OutcomeKind::Tagged => format!("{} {}", Style::Success.paint(name), list()),
        OutcomeKind::Unchanged | OutcomeKind::WouldPublish => format!("{name} {}", list()),
        OutcomeKind::Waiting if outcome.missing().is_empty() => format!("{}: {reason}", Style::Warning.paint(name)),
        OutcomeKind::Waiting => {
            let missing: Vec<_> = outcome.missing().iter().map(|missing| missing.platform.to_string()).collect();
            format!("{} for {}", Style::Warning.paint(name), missing.join(", "))
        }
        OutcomeKind::Ignored => Style::Dim.paint(&format!("{name}: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use ecr_multiarch_core::settings::variable::Variable;
    use local_ecr::image::Image;
    use local_ecr::{LocalEcr, Options};

    use super::*;

    #[tokio::test]
    async fn list_that_the_function_wrote_is_named_its_own() {
        let ecr = LocalEcr::start(Options::default()).unwrap();
        let mut events = ecr.events();
        let settings = LocalStack::settings(&[(Variable::Platforms, "linux/amd64")]).unwrap();
        let stack = LocalStack::new(ecr, settings).await;
        for tag in ["other", "1.0-amd64"] {
            stack.registry().push("app", Some(tag), &Image::docker("linux/amd64").content(tag));
        }
        let mut ends = Vec::new();
        while let Ok(event) = events.try_recv() {
            let shown = ImageEvent::from(&event);
            let line = event_line(&stack, &shown, &stack.invoke(event).await);
            ends.push(line.split_whitespace().skip(4).collect::<Vec<_>>().join(" "));
        }
        assert!(
            ends[0].starts_with("ignored: other is not the tag of") && ends[1].starts_with("published"),
            "{ends:?}"
        );
        assert!(ends[2].ends_with("its own list"), "{ends:?}");
    }
}
