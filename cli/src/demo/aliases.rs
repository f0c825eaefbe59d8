//! Publishes releases, yanks one, and checks the aliases that follow them.

use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_core::{Answer, InvocationError, OutcomeKind};
use local_ecr::image::Image;
use local_ecr::{LocalEcr, Options};
use serde_json::json;

use super::PLATFORMS;
use crate::event_line::summary;
use crate::local_stack::LocalStack;
use crate::terminal::Style;

const REPOSITORY: &str = "web";
const TEMPLATES: &str = "{major}.{minor},{major},latest";
/// The releases in the order in which they are published, each with a word on it.
const RELEASES: [(&str, &str); 4] =
    [("1.9.0", "release"), ("1.10.0", "higher"), ("1.9.1", "backport"), ("1.10.1", "bad release")];
const YANKED: &str = "1.10.1";
/// The release that each alias names in the end.
const ALIASES: [(&str, &str); 4] = [("1.9", "1.9.1"), ("1.10", "1.10.0"), ("1", "1.10.0"), ("latest", "1.10.0")];

pub async fn run() -> Result<(), String> {
    let ecr = LocalEcr::start(Options::default()).map_err(|error| format!("the local ECR cannot start: {error}"))?;
    let mut events = ecr.events();
    let platforms = PLATFORMS.map(|(platform, _)| platform).join(",");
    let variables = [(Variable::Platforms, platforms.as_str()), (Variable::Aliases, TEMPLATES)];
    let settings = LocalStack::settings(&variables).map_err(|error| error.to_string())?;
    let stack = LocalStack::new(ecr, settings).await;

    println!("\n{}", Style::Bold.paint(&format!("Aliases that follow the highest release, with ALIASES={TEMPLATES}")));
    for (release, word) in RELEASES {
        push(&stack, release)?;
        while let Ok(event) = events.try_recv() {
            show_changes(word, stack.invoke(event).await)?;
        }
    }
    let request = json!({"action": "yank", "repository": REPOSITORY, "version": YANKED});
    show_changes("yank", stack.invoke(request).await)?;
    check(&stack)
}

/// Pushes the images of all platforms of a release.
fn push(stack: &LocalStack, release: &str) -> Result<(), String> {
    for (platform, part) in PLATFORMS {
        let (tag, image) = (format!("{release}-{part}"), Image::docker(platform).content(release));
        let pushed = stack.registry().try_push(REPOSITORY, Some(&tag), &image);
        pushed.map_err(|error| format!("{REPOSITORY}:{tag} is rejected: {error}"))?;
    }
    Ok(())
}

/// Prints a line for an answer, if the function has changed anything.
fn show_changes(word: &str, result: Result<Answer, InvocationError>) -> Result<(), String> {
    let has_changed = match &result {
        Ok(Answer::Version(report)) => report.outcome.kind() == OutcomeKind::Published,
        _ => true,
    };
    if has_changed {
        println!("  {word:<12} {}", summary(&result));
    }
    result.map(drop).map_err(|error| format!("the function failed: {error}"))
}

/// Prints what each alias names, and compares it with what it must.
fn check(stack: &LocalStack) -> Result<(), String> {
    let digest = |tag: &str| stack.registry().tag(REPOSITORY, tag);
    let is_wrong = |(alias, release): &&(&str, &str)| digest(alias).is_none() || digest(alias) != digest(release);
    if let Some((alias, release)) = ALIASES.iter().find(is_wrong) {
        return Err(format!("{REPOSITORY}:{alias} does not name the list of {release}"));
    }
    let names = ALIASES.map(|(alias, release)| format!("{alias} -> {release}")).join(", ");
    println!("{}", Style::Success.paint(&format!("Each alias names the highest release that remains: {names}.")));
    Ok(())
}
