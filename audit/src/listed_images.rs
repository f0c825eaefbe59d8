//! The images inside the lists of versions, as far as image tags would name them.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::scan::RepositoryScan;
use crate::versions::Versions;

/// How many images inside lists would get a tag, if the setting `IMAGE_TAGS` were `{version}_{platform}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ListedImages {
    /// The images: one counts once for each version whose list has it.
    pub would_be_tagged: usize,
    /// Those of them that have no tag at all today.
    pub untagged: usize,
}

impl ListedImages {
    /// Those of a repository. `None`, if its lists were not read.
    pub fn of(scan: &RepositoryScan, versions: &Versions<'_>) -> Option<Self> {
        let reading = scan.reading.as_ref()?;
        let tags: HashMap<_, _> = scan.images.iter().map(|image| (image.digest, image.tags.as_slice())).collect();
        let mut count = Self::default();
        for version in &versions.all {
            let entries = version.own.and_then(|own| reading.entries(own.digest)).unwrap_or_default();
            let images = entries.iter().filter(|entry| entry.platform.is_some()).map(|entry| entry.digest);
            let images: HashSet<_> = images.collect();
            for image in images {
                let tags = tags.get(&image).copied().unwrap_or_default();
                let is_image_tag =
                    |tag: &String| tag.strip_prefix(version.tag).is_some_and(|rest| rest.starts_with('_'));
                if !tags.iter().any(is_image_tag) {
                    count.would_be_tagged += 1;
                    count.untagged += usize::from(tags.is_empty());
                }
            }
        }
        Some(count)
    }
}
