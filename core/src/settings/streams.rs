//! The streams of a repository: which versions are releases, and which aliases follow them.

use serde::Deserialize;

use super::alias_template::{AliasTemplate, InvalidAliasTemplate};
use super::numbering::Numbering;
use super::release::Release;
use super::setting::{InvalidSetting, Setting};
use super::tag_scheme::TagScheme;
use super::yank_marker::{PREFIX, YankMarker};
use crate::oci::tag::Tag;
use crate::oci::tag_pattern::Pattern;

/// How many streams a repository may have: more than any that is known, since a tag is matched with each.
const MAX_STREAMS: usize = 16;

/// How many digits the examples have by which templates are compared with the releases of an expression: up to those of a
/// date and time to the second.
const EXAMPLE_DIGITS: std::ops::RangeInclusive<usize> = 1..=14;

/// The streams of a repository. There may be none.
///
/// No template without a text can give a release of three numbers, a platform tag or a yank marker. What any other template
/// gives is judged when it gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Streams(Vec<Stream>);

/// A way of numbering, and the templates of the aliases that follow it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Stream {
    numbering: Numbering,
    templates: Vec<AliasTemplate>,
}

/// An object of the setting.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnparsedStream {
    releases: Option<String>,
    #[serde(default)]
    aliases: String,
}

/// The releases of three numbers, each after this text.
fn three_numbers(prefix: &str) -> Pattern {
    Pattern::default().literal(prefix).optional(b'v').number().literal(".").number().literal(".").number()
}

/// Why a template is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum InvalidAliases {
    /// It stands there already.
    #[error("the alias template \"{0}\" stands twice: expected each template once")]
    Duplicate(AliasTemplate),
    /// It can give a tag that has another meaning.
    #[error("the alias template \"{template}\" can give {example}, {meaning}: expected a template that gives none")]
    Ambiguous { template: AliasTemplate, example: Tag, meaning: &'static str },
}

impl Streams {
    /// The one stream of releases of three numbers, with these templates, which are not compared with other tags.
    ///
    /// # Errors
    /// [`InvalidAliasTemplate`], for the first template that is invalid.
    pub fn of_three_numbers<'t>(templates: impl IntoIterator<Item = &'t str>) -> Result<Self, InvalidAliasTemplate> {
        let numbering = Numbering::default();
        let templates = templates.into_iter().map(|text| AliasTemplate::new(text, 0, &numbering));
        let templates = templates.collect::<Result<_, _>>()?;
        Ok(Self(vec![Stream { numbering, templates }]))
    }

    /// The streams of the setting `STREAMS`, or the one of `ALIASES`, for a repository with this tag scheme.
    ///
    /// # Errors
    /// [`InvalidSetting`], for both settings at once, and for the first stream or template that is invalid.
    pub(super) fn parse(aliases: &Setting, streams: &Setting, tag_scheme: &TagScheme) -> Result<Self, InvalidSetting> {
        let all = if streams.is_empty() { Self::default() } else { Self::from_json(streams, tag_scheme)? };
        if aliases.is_empty() {
            return Ok(all);
        }
        if !all.is_empty() {
            return Err(streams.invalid("aliases are set, too, which are short for one stream; set one of both"));
        }
        let mut all = Self::of_three_numbers([]).map_err(|error| aliases.invalid(error))?;
        all.add_templates(aliases)?;
        all.check(|_| aliases.clone(), tag_scheme)?;
        Ok(all)
    }

    fn from_json(setting: &Setting, tag_scheme: &TagScheme) -> Result<Self, InvalidSetting> {
        let unparsed: Vec<UnparsedStream> =
            serde_json::from_str(&setting.value).map_err(|error| setting.invalid(error))?;
        if unparsed.len() > MAX_STREAMS {
            return Err(setting.invalid(format_args!("it has {} streams, more than {MAX_STREAMS}", unparsed.len())));
        }
        let mut all = Self::default();
        for (index, stream) in unparsed.iter().enumerate() {
            let numbering = match &stream.releases {
                Some(text) => {
                    let releases = setting.at(format_args!("[{index}].releases"), text);
                    Numbering::from_expression(text).map_err(|error| releases.invalid(error))?
                }
                None if all.0.iter().any(|other| other.numbering.is_default()) => {
                    return Err(setting.invalid("a second stream has no \"releases\""));
                }
                None => Numbering::default(),
            };
            all.0.push(Stream { numbering, templates: Vec::new() });
            all.add_templates(&setting.at(format_args!("[{index}].aliases"), &stream.aliases))?;
        }
        all.check(|index| setting.at(format_args!("[{index}].aliases"), &unparsed[index].aliases), tag_scheme)?;
        Ok(all)
    }

    /// Adds the templates of the last stream.
    fn add_templates(&mut self, setting: &Setting) -> Result<(), InvalidSetting> {
        let index = self.0.len() - 1;
        let Some((last, others)) = self.0.split_last_mut() else { return Ok(()) };
        if setting.is_empty() {
            return Ok(());
        }
        for text in setting.value.split(',').map(str::trim) {
            let stream = u8::try_from(index).unwrap_or(u8::MAX);
            let template = AliasTemplate::new(text, stream, &last.numbering).map_err(|error| setting.invalid(error))?;
            let is_same = |other: &AliasTemplate| template.is_literal() && other.as_str() == text;
            if last.templates.contains(&template) || others.iter().any(|other| other.templates.iter().any(is_same)) {
                return Err(setting.invalid(InvalidAliases::Duplicate(template)));
            }
            last.templates.push(template);
        }
        Ok(())
    }

    /// Judges the templates of all streams, as far as they can be.
    fn check(&self, setting: impl Fn(usize) -> Setting, tag_scheme: &TagScheme) -> Result<(), InvalidSetting> {
        let has_default = self.has_three_numbers();
        let marker = Pattern::default().literal(PREFIX).tag();
        let platform_tags = tag_scheme.patterns();
        for (index, stream) in self.0.iter().enumerate() {
            for template in &stream.templates {
                let Some(given) = template.pattern() else { continue };
                let common = |other: &Pattern, meaning| given.common_tag(other).map(|example| (example, meaning));
                let release = || has_default.then(|| common(&three_numbers(""), "which is a release")).flatten();
                let ambiguous = release()
                    .or_else(|| Some((self.example_that_is_a_release(template)?, "which is a release")))
                    .or_else(|| common(&marker, "which is a yank marker"))
                    .or_else(|| platform_tags.iter().find_map(|pattern| common(pattern, "which is a platform tag")));
                if let Some((example, meaning)) = ambiguous {
                    let error = InvalidAliases::Ambiguous { template: template.clone(), example, meaning };
                    return Err(setting(index).invalid(error));
                }
            }
        }
        Ok(())
    }

    /// What a template gives that is a release of its own stream, or always one of another. Expressions can only be tried.
    /// A number that is a release of another stream takes nothing from the other numbers.
    fn example_that_is_a_release(&self, template: &AliasTemplate) -> Option<Tag> {
        let is_wrong = |release: Release| template.is_literal() || release.stream() == template.stream();
        if self.are_judged() {
            return None;
        }
        let mut examples = EXAMPLE_DIGITS.filter_map(|digits| template.example(digits)?.parse().ok());
        examples.find(|example| self.release(example).is_some_and(is_wrong))
    }

    /// Whether one of them has the default numbering.
    fn has_three_numbers(&self) -> bool {
        self.0.iter().any(|stream| stream.numbering.is_default())
    }

    /// The aliases and the yank markers that are known without a release: those of templates without texts, and the markers
    /// of releases of three numbers.
    pub(super) fn patterns(&self) -> impl Iterator<Item = (Pattern, &'static str)> {
        let aliases = self.templates().filter_map(AliasTemplate::pattern).cloned();
        let markers = self.has_three_numbers().then(|| three_numbers(PREFIX));
        aliases.map(|alias| (alias, "an alias")).chain(markers.map(|marker| (marker, "a yank marker")))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there are only releases of three numbers: then no template can give a tag of another meaning.
    pub(super) fn are_judged(&self) -> bool {
        matches!(self.0.as_slice(), [stream] if stream.numbering.is_default())
    }

    /// The templates, stream by stream, in the order of the setting.
    pub fn templates(&self) -> impl Iterator<Item = &AliasTemplate> {
        self.0.iter().flat_map(|stream| &stream.templates)
    }

    /// The templates of the stream of a release.
    pub(super) fn templates_of(&self, release: &Release) -> &[AliasTemplate] {
        self.0.get(usize::from(release.stream())).map_or(&[], |stream| &stream.templates)
    }

    /// The release that a version is by its name, in the first stream that it belongs to.
    pub fn release(&self, version: &Tag) -> Option<Release> {
        (0..).zip(&self.0).find_map(|(position, stream)| stream.numbering.release(version, position))
    }

    /// The yank marker that a tag is. `None`, if it marks no release.
    pub fn marker(&self, tag: &Tag) -> Option<YankMarker> {
        let version = tag.as_str().strip_prefix(PREFIX)?.parse().ok()?;
        YankMarker::of(&self.release(&version)?)
    }

    /// The first template that can give this tag.
    pub fn template_of(&self, tag: &Tag) -> Option<&AliasTemplate> {
        self.templates().find(|template| template.gives(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::MAX_STREAMS;
    use crate::fixtures::settings;

    #[test]
    fn repository_has_as_many_streams_as_are_matched() {
        let with = |count: usize| {
            let streams: Vec<_> = (0..count)
                .map(|stream| format!(r#"{{"releases":"s{stream}-(?<n>\\d+)","aliases":"latest{stream}"}}"#))
                .collect();
            settings(&[("PLATFORMS", "linux/amd64"), ("STREAMS", &format!("[{}]", streams.join(",")))])
        };
        assert!(with(MAX_STREAMS).is_ok());
        let error = with(MAX_STREAMS + 1).unwrap_err().to_string();
        assert!(error.contains("17 streams, more than 16"), "{error}");
    }
}
