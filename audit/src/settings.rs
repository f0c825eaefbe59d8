//! The settings of the function for what was guessed of a repository.

use std::collections::BTreeMap;

use ecr_multiarch_core::alias::policy::{AliasPolicy, InvalidAliases};
use ecr_multiarch_core::alias::template::AliasTemplate;
use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
use ecr_multiarch_core::settings::tag_scheme::TagScheme;

use crate::guess::Guess;
use crate::layout::Layout;
use crate::repository_settings::RepositorySettings;
use crate::version::Version;
use crate::versions::Versions;

/// How many of the newest versions tell which platforms are built today: few enough that a platform which was added or
/// dropped is noticed soon, and enough that a broken build among them does not matter.
const NEWEST_VERSIONS: usize = 5;

/// The settings for one repository, as text and as the function reads them.
#[derive(Debug)]
pub struct Suggestion {
    /// The text.
    pub settings: RepositorySettings,
    /// The platform tags that the function would serve.
    pub tag_scheme: TagScheme,
    /// The aliases that it would move.
    pub aliases: AliasPolicy,
    /// The templates of aliases that it would not accept, each with the reason.
    pub refused: Vec<(&'static str, InvalidAliases)>,
}

impl Suggestion {
    /// The settings of a repository. `None` if it needs no lists: its newest versions have fewer than two
    /// platforms by their tags.
    ///
    /// # Errors
    /// Why the function would not accept what was guessed.
    pub fn of(guess: &Guess, versions: &Versions<'_>) -> Result<Option<Self>, String> {
        let Some(layout) = guess.layout else { return Ok(None) };
        let tagged = || versions.all.iter().filter(|version| !version.images.is_empty());
        let has_releases = tagged().any(|version| version.is_release);
        let newest: Vec<_> =
            tagged().filter(|version| version.is_release == has_releases).take(NEWEST_VERSIONS).collect();
        let mut platforms = Vec::new();
        for (position, platform) in versions.platforms.iter().enumerate() {
            let has = newest.iter().filter(|version| version.images.iter().any(|image| image.platform == position));
            if 2 * has.count() >= newest.len()
                && let Some(part) = usual_part(layout, &newest, position)
            {
                platforms.push(configured(platform, part)?);
            }
        }
        if platforms.len() < 2 {
            return Ok(None);
        }
        platforms.sort_by(|(one, _), (other, _)| one.cmp(other));
        let tag_template = layout.template();
        let parsed = platforms.iter().map(|(_, platform)| platform.clone()).collect();
        let template = tag_template.parse().map_err(|invalid| format!("{invalid}"))?;
        let tag_scheme = TagScheme::new(template, parsed).map_err(|invalid| invalid.to_string())?;
        let platforms: Vec<_> = platforms.into_iter().map(|(text, _)| text).collect();
        let (mut accepted, mut templates, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for text in guess.aliases.iter().map(|guessed| guessed.template) {
            let template: AliasTemplate = text.parse().map_err(|invalid| format!("{invalid}"))?;
            match AliasPolicy::new(vec![template.clone()], &tag_scheme) {
                Ok(_) => {
                    accepted.push(text);
                    templates.push(template);
                }
                Err(reason) => refused.push((text, reason)),
            }
        }
        let settings = RepositorySettings { tag_template, platforms: platforms.join(","), aliases: accepted.join(",") };
        let aliases = AliasPolicy::new(templates, &tag_scheme).map_err(|invalid| invalid.to_string())?;
        Ok(Some(Self { settings, tag_scheme, aliases, refused }))
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
fn configured(platform: &str, tag_part: &str) -> Result<(String, ConfiguredPlatform), String> {
    let parse = |text: &str| text.parse::<ConfiguredPlatform>().map_err(|invalid| invalid.to_string());
    let by_default = parse(platform)?;
    if by_default.tag_part().as_str() == tag_part {
        return Ok((platform.to_owned(), by_default));
    }
    let text = format!("{platform}={tag_part}");
    let configured = parse(&text)?;
    Ok((text, configured))
}
