//! Annotations and labels, of which only the source revision is kept.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Annotations, in the order in which Go's tools write a map.
pub type Annotations = BTreeMap<String, String>;

/// The annotation, and the label, of the revision from which an image was built.
///
/// OCI image specification, "Pre-Defined Annotation Keys".
pub const REVISION: &str = "org.opencontainers.image.revision";

/// Deserializes the revision out of a map and drops the other entries.
///
/// A whole map takes ten times as much memory as its JSON, and the JSON may be as large as a manifest.
pub(crate) fn only_revision<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Annotations, D::Error> {
    struct Revision(Annotations);

    impl<'de> Deserialize<'de> for Revision {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(RevisionVisitor).map(Self)
        }
    }

    Ok(Option::<Revision>::deserialize(deserializer)?.map(|Revision(annotations)| annotations).unwrap_or_default())
}

struct RevisionVisitor;

impl<'de> Visitor<'de> for RevisionVisitor {
    type Value = Annotations;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
        let mut annotations = Annotations::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == REVISION {
                annotations.insert(key, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(annotations)
    }
}
