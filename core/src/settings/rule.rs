//! Rules: separate settings for the repositories that their globs match.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::image_tag;
use super::repository::{Attestations, RepositorySettings, Revisions};
use super::setting::{InvalidSetting, Setting};
use super::streams::Streams;
use super::tag_scheme::TagScheme;
use super::variable::Variable;
use crate::name::RepositoryGlob;

/// The settings of the repositories that some globs match.
pub(super) type RuleSettings = (Vec<RepositoryGlob>, Arc<RepositorySettings>);

/// The settings of a repository that are not parsed yet.
#[derive(Clone)]
pub(super) struct UnparsedRepositorySettings {
    platforms: Setting,
    tag_template: Setting,
    version_pattern: Setting,
    revisions: Setting,
    attestations: Setting,
    aliases: Setting,
    streams: Setting,
    image_tags: Setting,
    annotations: Setting,
}

impl UnparsedRepositorySettings {
    pub(super) fn lookup(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        Ok(Self {
            platforms: Setting::lookup(Variable::Platforms, lookup)?,
            tag_template: Setting::lookup(Variable::TagTemplate, lookup)?,
            version_pattern: Setting::lookup(Variable::VersionPattern, lookup)?,
            revisions: Setting::lookup(Variable::Revisions, lookup)?,
            attestations: Setting::lookup(Variable::Attestations, lookup)?,
            aliases: Setting::lookup(Variable::Aliases, lookup)?,
            streams: Setting::lookup(Variable::Streams, lookup)?,
            image_tags: Setting::lookup(Variable::ImageTags, lookup)?,
            annotations: Setting::lookup(Variable::Annotations, lookup)?,
        })
    }

    pub(super) fn parse(&self) -> Result<RepositorySettings, InvalidSetting> {
        let (platforms, template) = (self.platforms.list()?, self.tag_template.parse()?);
        let tag_scheme = TagScheme::new(template, platforms).map_err(|error| self.platforms.invalid(error))?;
        let has_pattern = !self.version_pattern.is_empty();
        let streams = Streams::parse(&self.aliases, &self.streams, &tag_scheme)?;
        Ok(RepositorySettings {
            image_tags: image_tag::parse(&self.image_tags, &tag_scheme, &streams)?,
            annotations: self.annotations.parse()?,
            tag_scheme,
            streams,
            version_pattern: has_pattern.then(|| self.version_pattern.parse()).transpose()?,
            revisions: self.revisions.choice(&[("same", Revisions::Same), ("any", Revisions::Any)])?,
            attestations: self.attestations.choice(&[("keep", Attestations::Keep), ("drop", Attestations::Drop)])?,
        })
    }
}

/// An object of [`Variable::Rules`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    repositories: Vec<String>,
    platforms: Option<String>,
    tag_template: Option<String>,
    version_pattern: Option<String>,
    revisions: Option<String>,
    attestations: Option<String>,
    aliases: Option<String>,
    streams: Option<Value>,
    image_tags: Option<String>,
    annotations: Option<String>,
}

/// Parses the rules, each on top of the variables.
pub(super) fn parse_rules(
    rules: &Setting,
    defaults: &UnparsedRepositorySettings,
) -> Result<Vec<RuleSettings>, InvalidSetting> {
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let parsed: Vec<Rule> = serde_json::from_str(&rules.value).map_err(|error| rules.invalid(error))?;
    let parse = |(index, rule): (usize, &Rule)| {
        let at = |field: &str| rules.path(format_args!("[{index}].{field}"));
        if rule.repositories.is_empty() {
            return Err(rules.at(format_args!("[{index}].repositories"), "[]").invalid("it names no repository"));
        }
        let globs = rule.repositories.iter();
        let globs = globs.map(|glob| rules.at(format_args!("[{index}].repositories"), glob).parse());
        let globs = globs.collect::<Result<_, _>>()?;

        let mut settings = defaults.clone();
        settings.platforms.override_with(at("platforms"), rule.platforms.as_ref());
        settings.tag_template.override_with(at("tag_template"), rule.tag_template.as_ref());
        settings.version_pattern.override_with(at("version_pattern"), rule.version_pattern.as_ref());
        settings.revisions.override_with(at("revisions"), rule.revisions.as_ref());
        settings.attestations.override_with(at("attestations"), rule.attestations.as_ref());
        settings.image_tags.override_with(at("image_tags"), rule.image_tags.as_ref());
        settings.annotations.override_with(at("annotations"), rule.annotations.as_ref());
        let streams = rule.streams.as_ref().map(|streams| match streams {
            Value::String(text) => text.clone(),
            json => json.to_string(),
        });
        if rule.aliases.is_some() || streams.is_some() {
            let none = String::new();
            settings.aliases.override_with(at("aliases"), rule.aliases.as_ref().or(Some(&none)));
            settings.streams.override_with(at("streams"), streams.as_ref().or(Some(&none)));
        }
        Ok((globs, Arc::new(settings.parse()?)))
    };
    parsed.iter().enumerate().map(parse).collect()
}
