//! The time of an audit grows with the versions, not with their square.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::time::{Duration, Instant, SystemTime};

use ecr_multiarch_audit::audit::Audit;
use ecr_multiarch_audit::audited_registry::AuditedRegistry;
use ecr_multiarch_audit::image::Image;
use ecr_multiarch_audit::scan::RepositoryScan;
use ecr_multiarch_audit::target::Target;
use ecr_multiarch_core::Digest;
use ecr_multiarch_core::oci::media_type::MediaType;

/// How much longer ten times as many versions may take: more than ten times, so that a busy machine fails no test, and
/// far less than the hundred times of an audit that compares each version with all others.
const MOST_GROWTH: f64 = 25.0;

fn time(hours: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(hours)
}

/// Versions of two platforms with their lists, of half as many lines whose aliases are all behind.
fn scan(versions: u64) -> RepositoryScan {
    let mut images = Vec::new();
    for version in 0..versions {
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

/// How long an audit of so many versions takes: the shorter of two times, since another program may delay one.
fn duration(versions: u64) -> Duration {
    let scan = scan(versions);
    let measure = || {
        let registry = AuditedRegistry { account: None, region: "eu-central-1".parse().unwrap() };
        let started = Instant::now();
        let mut audit = Audit::new(registry, Target::default(), time(2 * versions), false);
        audit.add(&scan);
        let report = audit.finish();
        let took = started.elapsed();
        let found = (report.totals.versions as u64, report.totals.findings as u64);
        assert_eq!(found, (versions, versions / 2));
        took
    };
    measure().min(measure())
}

#[test]
fn ten_times_as_many_versions_take_no_square_of_the_time() {
    let (few, many) = (duration(1_000), duration(10_000));
    let growth = many.as_secs_f64() / few.as_secs_f64();
    assert!(growth < MOST_GROWTH, "{few:?} and {many:?}");
}
