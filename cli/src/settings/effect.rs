//! What a repository gets by the settings.

use std::fmt;

use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
use ecr_multiarch_core::settings::tag_scheme::PlatformTag;
use ecr_multiarch_core::{RepositoryName, RepositorySettings, Settings, Tag};

/// What a repository gets, shown by a version.
pub struct Effect<'a> {
    pub settings: &'a Settings,
    pub repository: &'a RepositoryName,
    pub version: &'a Tag,
}

impl fmt::Display for Effect<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(settings) = self.settings.for_repository(self.repository) else {
            let served: Vec<_> = self.settings.repositories().iter().map(ToString::to_string).collect();
            return writeln!(formatter, "{}: not served, only {}", self.repository, served.join(", "));
        };
        match self.settings.rule_for(self.repository) {
            Some((index, glob)) => writeln!(formatter, "{}: by RULES[{index}], for {glob}", self.repository)?,
            None => writeln!(formatter, "{}: by no rule", self.repository)?,
        }
        match settings.platform_tags(self.version) {
            Err(reason) => writeln!(formatter, "  not published  {reason}"),
            Ok(tags) => {
                writeln!(formatter, "  list        {}", self.version)?;
                write_rows(formatter, "of", &tags.iter().map(platform_row).collect::<Vec<_>>())?;
                write_rows(formatter, "aliases", &[aliases(settings, self.version)])?;
                write_rows(formatter, "image tags", &image_tags(settings, self.version))
            }
        }
    }
}

/// Lines of which the first has a label.
fn write_rows(formatter: &mut fmt::Formatter<'_>, label: &str, rows: &[String]) -> fmt::Result {
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    labels.zip(rows).try_for_each(|(label, row)| writeln!(formatter, "  {label:<10}  {row}"))
}

fn platform_row(PlatformTag { platform, tag }: &PlatformTag) -> String {
    format!("{tag}, {platform}")
}

fn aliases(settings: &RepositorySettings, version: &Tag) -> String {
    if !settings.has_aliases() {
        return "none".to_owned();
    }
    let Some(release) = settings.release(version) else { return format!("none, since {version} is not a release") };
    let aliases = settings.aliases(&release).into_iter().map(|alias| match alias {
        Ok(tag) => tag.to_string(),
        Err(unusable) => format!("{} is not one: {}", unusable.text, unusable.reason),
    });
    aliases.collect::<Vec<_>>().join(", ")
}

/// The tag of each configured platform's image, where images get tags.
fn image_tags(settings: &RepositorySettings, version: &Tag) -> Vec<String> {
    let row = |platform: &ConfiguredPlatform| {
        let tag = settings.image_tag(version, Some(platform), platform.platform())?;
        Some(match tag {
            Ok(tag) => format!("{tag}, {platform}"),
            Err(unusable) => format!("{} is not one: {}", unusable.text, unusable.reason),
        })
    };
    settings.tag_scheme.platforms().iter().filter_map(row).collect()
}
