//! A repository with 10,000 versions is audited in a moment.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::time::{Duration, Instant, SystemTime};

use ecr_multiarch_audit::audit::Audit;
use ecr_multiarch_audit::audited_registry::AuditedRegistry;
use ecr_multiarch_audit::image::Image;
use ecr_multiarch_audit::scan::RepositoryScan;
use ecr_multiarch_audit::target::Target;
use ecr_multiarch_core::Digest;
use ecr_multiarch_core::oci::media_type::MediaType;

const VERSIONS: u64 = 10_000;

/// How long the audit may take: eight times what it takes without optimization on two shared cores, so that only an
/// audit that has become much slower fails.
const MOST_TIME: Duration = Duration::from_secs(10);

fn time(hours: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(hours)
}

/// Versions of two platforms with their lists, of 5,000 lines whose aliases are all behind.
fn scan() -> RepositoryScan {
    let mut images = Vec::new();
    for version in 0..VERSIONS {
        let (minor, patch) = (version / 2, version % 2);
        let tag = format!("1.{minor}.{patch}");
        let mut push = |tags: Vec<String>, media_type: MediaType| {
            images.push(Image {
                digest: Digest::sha256(&tags[0]),
                tags,
                pushed_at: time(version),
                media_type: media_type.to_string(),
                artifact_media_type: String::new(),
                is_archived: false,
            });
        };
        push(vec![format!("{tag}-amd64")], MediaType::OciManifest);
        push(vec![format!("{tag}-arm64")], MediaType::OciManifest);
        let alias = (patch == 0).then(|| format!("1.{minor}"));
        push([tag].into_iter().chain(alias).collect(), MediaType::OciIndex);
    }
    RepositoryScan { name: "app".parse().unwrap(), mutability: None, images, reading: None }
}

#[test]
fn ten_thousand_versions_are_audited_in_a_moment() {
    let scan = scan();
    let registry = AuditedRegistry { account: None, region: "eu-central-1".parse().unwrap() };
    let started = Instant::now();
    let mut audit = Audit::new(registry, Target::default(), time(2 * VERSIONS), false);
    audit.add(&scan);
    let report = audit.finish();
    let took = started.elapsed();
    assert_eq!((report.totals.versions, report.totals.findings), (10_000, 5_000));
    assert!(took < MOST_TIME, "{took:?}");
}
