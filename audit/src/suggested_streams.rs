//! Streams of the settings, as `ALIASES` states them where it can, and else as `STREAMS`.

use ecr_multiarch_core::settings::variable::Variable;
use serde::{Serialize, Serializer};

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SuggestedStream {
    /// The expression of its releases; `None` for those of three numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub releases: Option<String>,
    /// The templates of its aliases.
    #[serde(serialize_with = "serialize_list")]
    pub aliases: Vec<String>,
}

/// The streams of a repository. It serializes as the one setting that states them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SuggestedStreams(Vec<SuggestedStream>);

impl SuggestedStreams {
    /// Adds a template to the stream of these releases.
    pub fn add(&mut self, releases: Option<&str>, template: &str) {
        if let Some(stream) = self.0.iter_mut().find(|stream| stream.releases.as_deref() == releases) {
            stream.aliases.push(template.to_owned());
        } else {
            let (releases, aliases) = (releases.map(str::to_owned), vec![template.to_owned()]);
            self.0.push(SuggestedStream { releases, aliases });
        }
    }

    /// The templates, each with the expression of its releases, in the order of the settings.
    pub fn templates(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.0.iter().flat_map(|SuggestedStream { releases, aliases }| {
            aliases.iter().map(|template| (releases.as_deref(), template.as_str()))
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The setting that states them.
    pub fn variable(&self) -> Variable {
        let has_expression = self.0.iter().any(|stream| stream.releases.is_some());
        if has_expression { Variable::Streams } else { Variable::Aliases }
    }

    /// The value of that setting.
    pub fn value(&self) -> String {
        match self.variable() {
            Variable::Streams => serde_json::to_string(&self.0).unwrap_or_default(),
            _ => self.0.iter().map(|stream| stream.aliases.join(",")).collect(),
        }
    }
}

impl<'t> FromIterator<(Option<&'t str>, &'t str)> for SuggestedStreams {
    fn from_iter<I: IntoIterator<Item = (Option<&'t str>, &'t str)>>(templates: I) -> Self {
        let mut streams = Self::default();
        for (releases, template) in templates {
            streams.add(releases, template);
        }
        streams
    }
}

impl Serialize for SuggestedStreams {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.variable() {
            Variable::Streams => serializer.collect_map([("streams", &self.0)]),
            _ => serializer.collect_map([("aliases", self.value())]),
        }
    }
}

fn serialize_list<S: Serializer>(list: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&list.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_state_what_they_can() {
        let mut streams = SuggestedStreams::default();
        assert_eq!((streams.variable(), streams.value().as_str()), (Variable::Aliases, ""));
        streams.add(None, "{major}");
        streams.add(None, "latest");
        assert_eq!((streams.variable(), streams.value().as_str()), (Variable::Aliases, "{major},latest"));
        streams.add(Some(r"main-(?<build>\d+)"), "main");
        let value = r#"[{"aliases":"{major},latest"},{"releases":"main-(?<build>\\d+)","aliases":"main"}]"#;
        assert_eq!((streams.variable(), streams.value().as_str()), (Variable::Streams, value));
        assert_eq!(serde_json::to_string(&streams).unwrap(), format!(r#"{{"streams":{value}}}"#));
    }
}
