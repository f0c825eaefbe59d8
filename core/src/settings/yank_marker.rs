//! Yank markers: the tag `yanked-1.2.4` says that no alias may name release `1.2.4`.

use std::fmt;

use serde::{Serialize, Serializer};

use super::release::Release;
use crate::oci::tag::Tag;

/// What precedes the version in a marker.
pub(crate) const PREFIX: &str = "yanked-";

/// The tag that marks a release as yanked. It marks the release by its name, whatever list it is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct YankMarker {
    tag: Tag,
    release: Release,
}

impl YankMarker {
    /// The marker of this release. `None`, if it would exceed the length of a tag.
    pub fn of(release: &Release) -> Option<Self> {
        let tag = format!("{PREFIX}{release}").parse().ok()?;
        Some(Self { tag, release: release.clone() })
    }

    /// The marker's own tag.
    pub fn tag(&self) -> &Tag {
        &self.tag
    }

    /// The release that is yanked.
    pub fn release(&self) -> &Release {
        &self.release
    }
}

impl fmt::Display for YankMarker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tag.fmt(f)
    }
}

impl Serialize for YankMarker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.tag.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Streams;

    #[test]
    fn marker_names_a_release() {
        for (text, release) in [
            ("yanked-1.2.3", Some("1.2.3")),
            ("yanked-v1.2.3", Some("v1.2.3")),
            ("yanked-1.2", None),
            ("yanked-1.2.3-rc.1", None),
            ("yanked-", None),
            ("yanked-yanked-1.2.3", None),
            ("1.2.3", None),
            ("Yanked-1.2.3", None),
        ] {
            let marker = Streams::of_three_numbers([]).unwrap().marker(&text.parse().unwrap());
            assert_eq!(marker.as_ref().map(|marker| marker.release().to_string()).as_deref(), release, "{text}");
            assert_eq!(marker.as_ref().and_then(|marker| YankMarker::of(marker.release())), marker);
        }
    }

    #[test]
    fn release_of_the_longest_tag_has_no_marker() {
        let release = Release::from_tag(&format!("{}.0.0", "1".repeat(124)).parse().unwrap()).unwrap();
        assert_eq!(YankMarker::of(&release), None);
    }
}
