//! What is suggested for one repository: the settings by which the function would publish its newest versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
use ecr_multiarch_core::{RepositoryName, RepositorySettings};

use crate::guess::Guess;
use crate::settings::SuggestedSettings;
use crate::spelling::Layout;
use crate::suggested_streams::SuggestedStreams;
use crate::versions::{Version, Versions};

/// How many of the newest versions tell which platforms are built today: few enough that a platform which was added or
/// dropped is noticed soon, and enough that a broken build among them does not matter.
const NEWEST_VERSIONS: usize = 5;

/// What is suggested for one repository.
#[derive(Debug)]
pub struct Suggestion {
    /// The settings, as text.
    pub text: SuggestedSettings,
    /// The same, as the function reads them.
    pub settings: Arc<RepositorySettings>,
    /// The templates of aliases that it would not accept.
    pub refused: Vec<RefusedTemplate>,
}

/// A template of aliases that the function would not accept.
#[derive(Debug)]
pub struct RefusedTemplate {
    /// The expression of its releases; `None` for those of three numbers.
    pub releases: Option<String>,
    /// The template.
    pub template: String,
    /// Why not.
    pub reason: String,
}

impl Suggestion {
    /// The settings of a repository. `None` if it needs no lists: its newest versions have fewer than two
    /// platforms by their tags.
    ///
    /// # Errors
    /// Why the function would not accept what was guessed.
    pub fn of(repository: &RepositoryName, guess: &Guess, versions: &Versions<'_>) -> Result<Option<Self>, String> {
        let Some(layout) = guess.layout else { return Ok(None) };
        let tagged = || versions.all.iter().filter(|version| !version.images.is_empty());
        let has_releases = tagged().any(|version| version.release.is_some());
        let newest: Vec<_> =
            tagged().filter(|version| version.release.is_some() == has_releases).take(NEWEST_VERSIONS).collect();
        let spelled = |(position, platform): (usize, &String)| {
            let has = newest.iter().filter(|version| version.images.iter().any(|image| image.platform == position));
            let is_usual = 2 * has.count() >= newest.len();
            is_usual.then(|| Some(configured(platform, usual_part(layout, &newest, position)?)))?
        };
        let mut platforms: Vec<_> = versions.platforms.iter().enumerate().filter_map(spelled).collect();
        if platforms.len() < 2 {
            return Ok(None);
        }
        platforms.sort_unstable();
        let streams = SuggestedStreams::default();
        let mut text = SuggestedSettings { tag_template: layout.template(), platforms: platforms.join(","), streams };
        let (mut settings, mut refused) = (text.parse(repository)?, Vec::new());
        for (releases, template) in guess.templates() {
            let mut with = text.clone();
            with.streams.add(releases, template);
            match with.parse(repository) {
                Ok(parsed) => (text, settings) = (with, parsed),
                Err(reason) => {
                    let (releases, template) = (releases.map(str::to_owned), template.to_owned());
                    refused.push(RefusedTemplate { releases, template, reason });
                }
            }
        }
        Ok(Some(Self { text, settings, refused }))
    }
}

/// The part that names a platform in the most tags of these versions: an older spelling is not that of the next push.
fn usual_part<'a>(layout: Layout, versions: &[&Version<'a>], platform: usize) -> Option<&'a str> {
    let images = versions.iter().flat_map(|version| &version.images).filter(|image| image.platform == platform);
    let mut counts = BTreeMap::<&str, usize>::new();
    for divided in images.filter_map(|image| layout.divide(image.tag)) {
        *counts.entry(divided.part).or_default() += 1;
    }
    // Of as many, the one that sorts first.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(part, _)| part)
}

/// A platform of the settings, with its tag part where it is not the default.
fn configured(platform: &str, tag_part: &str) -> String {
    let is_default = |platform: ConfiguredPlatform| platform.tag_part().as_str() == tag_part;
    if platform.parse().is_ok_and(is_default) { platform.to_owned() } else { format!("{platform}={tag_part}") }
}
