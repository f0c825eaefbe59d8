//! The work of an audit grows with the tags, not with their square.
//!
//! It is measured as the time on a processor of the thread that audits, which other programs delay little, and only
//! Linux tells it without unsafe code.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::time::{Duration, SystemTime};

use ecr_multiarch_audit::audit::Audit;
use ecr_multiarch_audit::finding::RequestTarget;
use ecr_multiarch_audit::image::Image;
use ecr_multiarch_audit::reading::Reading;
use ecr_multiarch_audit::report::Report;
use ecr_multiarch_audit::scan::RepositoryScan;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::oci::media_type::MediaType;
use ecr_multiarch_core::{Digest, RegistryId};
use serde_json::json;

/// How many times as many versions the larger audit has.
const FACTOR: u64 = 10;

/// How many times as much work they may be: ten times is that of an audit which reads each version once. As much again
/// is the work of a square that matters, and more than a busy core or cold caches add to the least of several times.
const MOST_GROWTH: f64 = 20.0;

/// How many times both are measured at most, until the growth is within that limit. The least of the times counts, since
/// programs that share a core or its caches slow some of them.
const MEASUREMENTS: usize = 5;

/// How many trunks there are: as many as the audit judges.
const TRUNKS: u64 = 8;

fn time(hours: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(hours)
}

/// The time that this thread has spent on a processor.
fn processor_time() -> Duration {
    // The kernel adds up the time of a thread when it leaves a processor.
    std::thread::yield_now();
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
}

fn image(tags: Vec<String>, media_type: MediaType, version: u64) -> Image {
    Image {
        digest: Digest::sha256(&tags[0]),
        tags,
        pushed_at: time(version),
        media_type: media_type.to_string(),
        artifact_media_type: String::new(),
        is_archived: false,
    }
}

fn repository(images: Vec<Image>, reading: Option<Reading>) -> RepositoryScan {
    RepositoryScan { name: "app".parse().unwrap(), mutability: None, images, reading }
}

/// Versions of two platforms with their lists, of half as many lines whose aliases are all behind.
fn lines(versions: u64) -> RepositoryScan {
    let mut images = Vec::new();
    for version in 0..versions {
        let (minor, patch) = (version / 2, version % 2);
        let tag = format!("1.{minor}.{patch}");
        images.push(image(vec![format!("{tag}-amd64")], MediaType::OciManifest, version));
        images.push(image(vec![format!("{tag}-arm64")], MediaType::OciManifest, version));
        let alias = (patch == 0).then(|| format!("1.{minor}"));
        images.push(image([tag].into_iter().chain(alias).collect(), MediaType::OciIndex, version));
    }
    repository(images, None)
}

/// Builds of as many trunks as are judged, of two platforms with lists, whose aliases are all behind.
fn trunks(versions: u64) -> RepositoryScan {
    let mut images = Vec::new();
    for version in 0..versions {
        let (trunk, build) = (version % TRUNKS, version / TRUNKS);
        let tag = format!("t{trunk}x-main-{build}-{:07x}", build % 2 * 0xabc_def0 + 0x123_4567);
        images.push(image(vec![format!("{tag}-amd64")], MediaType::OciManifest, version));
        images.push(image(vec![format!("{tag}-arm64")], MediaType::OciManifest, version));
        let alias = (build == versions / TRUNKS / 2).then(|| format!("t{trunk}x-main"));
        images.push(image([tag].into_iter().chain(alias).collect(), MediaType::OciIndex, version));
    }
    repository(images, None)
}

/// A part of a tag in one of its spellings: the digits of a number choose the case of the letters and the separators.
fn spelling(part: &str, mut number: u64) -> String {
    let mut digit = |base| {
        let digit = number % base;
        number /= base;
        digit
    };
    let spelled = |char: char| match char {
        '-' => ['-', '_', '.'][usize::try_from(digit(3)).unwrap()],
        'a'..='z' if digit(2) == 1 => char.to_ascii_uppercase(),
        _ => char,
    };
    part.chars().map(spelled).collect()
}

/// Versions of two platforms, each in spellings of its own, with their lists, which name a platform of no tag.
fn spellings(versions: u64) -> RepositoryScan {
    let (mut images, mut reading) = (Vec::new(), Reading::default());
    for version in 0..versions {
        let tag = format!("1.{version}");
        for part in ["windows-ltsc2022-amd64", "windows-ltsc2022"] {
            let part = spelling(part, version);
            images.push(image(vec![format!("{tag}-{part}")], MediaType::OciManifest, version));
        }
        let entries = ["amd64", "arm64"].map(|architecture| {
            let digest = Digest::sha256(format!("{tag} {architecture}")).to_string();
            let platform = json!({"os": "linux", "architecture": architecture});
            json!({"mediaType": MediaType::OciManifest.to_string(), "digest": digest, "size": 2, "platform": platform})
        });
        let list = json!({
            "schemaVersion": 2, "mediaType": MediaType::OciIndex.to_string(), "manifests": entries,
        });
        let digest = Digest::sha256(list.to_string());
        images.push(Image { digest, ..image(vec![tag], MediaType::OciIndex, version) });
        let (media_type, text) = (MediaType::OciIndex.to_string(), list.to_string().into());
        reading.add_manifest(StoredManifest { digest, media_type, text });
        assert!(reading.entries(digest).is_some());
    }
    repository(images, Some(reading))
}

/// Measures audits of so many versions and of [`FACTOR`] times as many.
#[track_caller]
fn check(scan_of: fn(u64) -> RepositoryScan, versions: u64, is_as_meant: fn(u64, &Report)) {
    let scans = [versions, FACTOR * versions].map(|versions| (versions, scan_of(versions)));
    let mut least = [Duration::MAX; 2];
    for _ in 0..MEASUREMENTS {
        for ((versions, scan), least) in scans.iter().zip(&mut least) {
            let registry = RegistryId { account: None, region: "eu-central-1".parse().unwrap() };
            let started = processor_time();
            let mut audit = Audit::new(registry, RequestTarget::default(), time(2 * versions), false);
            audit.add(scan);
            let report = audit.finish();
            *least = (*least).min(processor_time().checked_sub(started).unwrap());
            assert_eq!(report.totals.versions as u64, *versions);
            is_as_meant(*versions, &report);
        }
        if least[1].as_secs_f64() < MOST_GROWTH * least[0].as_secs_f64() {
            return;
        }
    }
    panic!("{versions} versions take {:?}, and {FACTOR} times as many {:?}", least[0], least[1]);
}

#[test]
fn work_grows_with_versions_and_aliases() {
    check(lines, 2_000, |versions, report| assert_eq!(report.totals.findings as u64, versions / 2));
}

#[test]
fn work_grows_with_builds_of_trunks() {
    check(trunks, 1_600, |_, report| {
        let guess = &report.repositories[0].guess;
        assert_eq!((guess.streams.len() as u64, report.totals.findings as u64), (TRUNKS, TRUNKS));
    });
}

#[test]
fn work_grows_with_spellings_and_lists() {
    check(spellings, 500, |versions, report| {
        let guess = &report.repositories[0].guess;
        assert_eq!((guess.platforms.len() as u64, guess.platform_tags as u64), (2 * versions, 2 * versions));
        assert_eq!(report.repositories[0].platforms.len(), 3);
    });
}
