//! An image as a scan lists it, and which of its tags are those of images.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

pub use ecr_multiarch_core::ScannedImage as Image;

/// How long a push is recent: the default of `INCOMPLETE_AFTER`.
const RECENT: Duration = Duration::from_hours(1);

/// Whether something was pushed so recently that its build may still run, or its list is being made. A push after `now`,
/// by clocks that differ, is recent.
pub fn is_recent(pushed_at: SystemTime, now: SystemTime) -> bool {
    now.duration_since(pushed_at).unwrap_or_default() < RECENT
}

/// The tags of images, each with its image, without those of attachments: signatures, attestations and SBOMs of cosign
/// and of the OCI referrers fallback are named after the digest that they belong to, and indexes of SOCI after a tag.
pub fn tagged(images: &[Image]) -> Vec<(&str, &Image)> {
    let all = || images.iter().flat_map(|image| image.tags.iter().map(move |tag| (tag.as_str(), image)));
    let known: HashSet<_> = all().map(|(tag, _)| tag).collect();
    let is_of_tag = |tag: &str| tag.strip_suffix("-soci").is_some_and(|of| known.contains(of));
    all().filter(|(tag, _)| !is_of_digest(tag) && !is_of_tag(tag)).collect()
}

/// Whether a tag is named after the digest to which its image is attached.
fn is_of_digest(tag: &str) -> bool {
    tag.strip_prefix("sha256-").is_some_and(|rest| {
        let hex = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        hex == 64 && (rest.len() == 64 || rest.as_bytes()[64] == b'.')
    })
}

#[cfg(test)]
mod tests {
    use ecr_multiarch_core::Settings;

    use super::*;

    #[test]
    fn recent_is_what_the_sweep_does_not_report_yet() {
        let settings = Settings::from_lookup(|name| (name == "PLATFORMS").then(|| "linux/amd64".to_owned()));
        assert_eq!(settings.unwrap().sweep().incomplete_after, RECENT);
    }

    #[test]
    fn tag_of_a_digest_is_an_attachment() {
        let hex = "0a".repeat(32);
        for (tag, expected) in [
            (format!("sha256-{hex}"), true),
            (format!("sha256-{hex}.sig"), true),
            (format!("sha256-{hex}-amd64"), false),
            ("sha256-12".to_owned(), false),
            ("1.2.3".to_owned(), false),
        ] {
            assert_eq!(is_of_digest(&tag), expected, "{tag}");
        }
    }
}
