//! Publishes releases, yanks one, and checks the aliases that follow them.

use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_core::{Answer, InvocationError, OutcomeKind};
use local_ecr::image::Image;
use local_ecr::{LocalEcr, Options};
use serde_json::json;

use super::PLATFORMS;
use crate::event_line::summary;
use crate::exit::Exit;
use crate::local_stack::LocalStack;
use crate::style::Style;

/// A repository whose aliases are followed.
struct Stage {
    title: &'static str,
    repository: &'static str,
    variable: Variable,
    value: &'static str,
    /// The releases in the order in which they are published, each with a word on it.
    releases: &'static [(&'static str, &'static str)],
    yanked: Option<&'static str>,
    /// The release that each alias names in the end.
    aliases: &'static [(&'static str, &'static str)],
}

const STAGES: [Stage; 2] = [
    Stage {
        title: "Aliases that follow the highest release",
        repository: "web",
        variable: Variable::Aliases,
        value: "{major}.{minor},{major},latest",
        releases: &[("1.9.0", "release"), ("1.10.0", "higher"), ("1.9.1", "backport"), ("1.10.1", "bad release")],
        yanked: Some("1.10.1"),
        aliases: &[("1.9", "1.9.1"), ("1.10", "1.10.0"), ("1", "1.10.0"), ("latest", "1.10.0")],
    },
    Stage {
        title: "Builds of a trunk that finish out of order",
        repository: "api",
        variable: Variable::Streams,
        value: r#"[{"releases":"main-(?<build>\\d+)-[0-9a-f]{7}","aliases":"main"}]"#,
        releases: &[("main-9-0b5c1fe", "build"), ("main-11-c24d8a7", "fast build"), ("main-10-97e03ab", "slow build")],
        yanked: None,
        aliases: &[("main", "main-11-c24d8a7")],
    },
];

pub async fn run() -> Result<Exit, String> {
    for stage in &STAGES {
        if let found @ Exit::Found = stage.run().await? {
            return Ok(found);
        }
    }
    Ok(Exit::Done)
}

impl Stage {
    async fn run(&self) -> Result<Exit, String> {
        let ecr =
            LocalEcr::start(Options::default()).map_err(|error| format!("the local ECR cannot start: {error}"))?;
        let mut events = ecr.events();
        let platforms = PLATFORMS.map(|(platform, _)| platform).join(",");
        let variables = [(Variable::Platforms, platforms.as_str()), (self.variable, self.value)];
        let settings = LocalStack::settings(&variables).map_err(|error| error.to_string())?;
        let stack = LocalStack::new(ecr, settings).await;

        let title = format!("{}, with {}={}", self.title, self.variable.name(), self.value);
        println!("\n{}", Style::Bold.paint(&title));
        for (release, word) in self.releases {
            self.push(&stack, release)?;
            while let Ok(event) = events.try_recv() {
                show_changes(word, stack.invoke(event).await)?;
            }
        }
        if let Some(version) = self.yanked {
            let request = json!({"action": "yank", "repository": self.repository, "version": version});
            show_changes("yank", stack.invoke(request).await)?;
        }
        Ok(Exit::by_check(self.check(&stack)))
    }

    /// Pushes the images of all platforms of a release.
    fn push(&self, stack: &LocalStack, release: &str) -> Result<(), String> {
        for (platform, part) in PLATFORMS {
            let (tag, image) = (format!("{release}-{part}"), Image::docker(platform).content(release));
            let pushed = stack.registry().try_push(self.repository, Some(&tag), &image);
            pushed.map_err(|error| format!("{}:{tag} is rejected: {error}", self.repository))?;
        }
        Ok(())
    }

    /// Prints what each alias names, and compares it with what it must.
    fn check(&self, stack: &LocalStack) -> Result<(), String> {
        let digest = |tag: &str| stack.registry().tag(self.repository, tag);
        let is_wrong = |(alias, release): &&(&str, &str)| digest(alias).is_none() || digest(alias) != digest(release);
        if let Some((alias, release)) = self.aliases.iter().find(is_wrong) {
            return Err(format!("{}:{alias} does not name the list of {release}", self.repository));
        }
        let names: Vec<_> = self.aliases.iter().map(|(alias, release)| format!("{alias} -> {release}")).collect();
        let names = names.join(", ");
        println!("{}", Style::Success.paint(&format!("Each alias names the highest release that remains: {names}.")));
        Ok(())
    }
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
