//! The peak memory of the process, with the largest images that a repository can hold.

// Lists and images of image tags.
mod image_tags;

use std::ops::Range;
use std::time::Duration;

use local_ecr::image::{Image, ToArtifact};
use local_ecr::media_type::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use local_ecr::{BLOB, Fault, FaultKind, RegistryHandle, digest_of};
use serde_json::json;

use crate::support::assertions::{assert_failure, assert_outcome};
use crate::support::expected_list::PLATFORMS;
use crate::support::function::REGION;
use crate::support::input::{batch, push_event, with_fields};
use crate::support::test_bed::TestBed;

/// The longest manifest that ECR stores.
const MAX_MANIFEST: usize = 4 << 20;
/// Longer than any error message, and much shorter than the manifest that causes it.
const MAX_MESSAGE: usize = 1_000;
/// What the contract allows the assembler, of the smallest memory size of Lambda: the rest is for the system.
const MAX_MEMORY: u64 = 96 << 20;

/// What the contract allows the sweeper.
const MAX_SWEEPER_MEMORY: u64 = 256 << 20;

/// Asserts that the process never had more memory than [`MAX_MEMORY`].
#[track_caller]
fn assert_peak_memory(bed: &TestBed) {
    assert_peak_memory_below(bed, MAX_MEMORY);
}

/// Asserts that the process never had so much memory.
#[track_caller]
fn assert_peak_memory_below(bed: &TestBed, max: u64) {
    let peak = bed.function.peak_memory();
    assert!(peak < max, "the process had {peak} bytes");
}

/// Text with as many parts as fit into a manifest with one byte to spare.
fn fill(before: &str, part: impl Fn(usize) -> String, after: &str) -> String {
    fill_to(before, part, after, MAX_MANIFEST)
}

/// Text with as many parts as fit into so many bytes.
fn fill_to(before: &str, part: impl Fn(usize) -> String, after: &str, size: usize) -> String {
    let mut text = before.to_owned();
    for index in 0.. {
        let part = part(index);
        if text.len() + part.len() + after.len() >= size {
            break;
        }
        text.push_str(&part);
    }
    text + after
}

fn comma(index: usize) -> &'static str {
    if index == 0 { "" } else { "," }
}

/// The nth field of an object, as short as possible.
fn field(index: usize) -> String {
    format!(r#"{}"{index:x}":"""#, comma(index))
}

/// The nth entry of an index.
fn entry(index: usize) -> String {
    let digest = digest_of(index.to_string().as_bytes());
    format!(r#"{}{{"mediaType":"m","size":1,"digest":"{digest}"}}"#, comma(index))
}

/// Stores the text under the tags of both platforms and asserts that it is unsupported, in little memory.
#[track_caller]
fn check_unsupported(media_type: &str, text: &str) {
    let bed = TestBed::new();
    // The space makes it a different manifest, since two platforms have different ones.
    for (platform, text) in PLATFORMS.into_iter().zip([text.to_owned(), format!("{text} ")]) {
        assert!(text.len() <= MAX_MANIFEST);
        bed.registry.store_raw("app", Some(&format!("1-{platform}")), media_type, text, None);
    }
    assert_ne!(bed.digest("1-amd64"), bed.digest("1-arm64"));
    let answer = bed.assemble("1");
    assert_failure(&answer, "UnsupportedImage", &[]);
    let message = answer.unwrap_err().message;
    assert!(message.len() < MAX_MESSAGE, "the message has {} bytes", message.len());
    assert_peak_memory(&bed);
}

#[test]
fn index_with_maximal_entries_fits() {
    check_unsupported(OCI_INDEX, &fill(r#"{"manifests":["#, entry, "]}"));
}

#[test]
fn index_with_maximal_annotations_fits() {
    check_unsupported(OCI_INDEX, &fill(r#"{"annotations":{"#, field, r#"},"manifests":[]}"#));
}

#[test]
fn manifest_with_maximal_annotations_fits() {
    check_unsupported(OCI_MANIFEST, &fill(r#"{"annotations":{"#, field, "}}"));
}

/// An index of a pushed image of the platform, with these fields in its entry, of nearly this size.
fn index_of(registry: &RegistryHandle, platform: &str, before: &str, after: &str, size: usize) -> String {
    let image = Image::oci(&format!("linux/{platform}")).to_artifact();
    registry.push("app", None, &image);
    let entry =
        format!(r#"{{"mediaType":"{OCI_MANIFEST}","size":{},"digest":"{}","#, image.manifest.len(), image.digest());
    let before = format!(r#"{{"schemaVersion":2,"manifests":[{entry}{before}"#);
    fill_to(&before, field, &format!("{after}}}]}}"), size)
}

#[test]
fn entry_with_maximal_annotations_is_refused_in_little_memory() {
    for (size, error) in [(MAX_MANIFEST, "index of"), (1 << 20, "its entry sha256"), (100 << 10, "its entry sha256")] {
        let bed = TestBed::new();
        for platform in PLATFORMS {
            let index = index_of(&bed.registry, platform, r#""annotations":{"#, "}", size);
            bed.registry.store_raw("app", Some(&format!("1-{platform}")), OCI_INDEX, index, None);
        }
        assert_failure(&bed.assemble("1"), "UnsupportedImage", &[error]);
        assert_peak_memory(&bed);
    }
}

#[test]
fn published_entries_of_maximal_size_fit() {
    let bed = TestBed::new();
    for platform in PLATFORMS {
        let index = index_of(&bed.registry, platform, r#""annotations":{"#, "}", 64 << 10);
        bed.registry.store_raw("app", Some(&format!("1-{platform}")), OCI_INDEX, index, None);
    }
    assert_outcome(&bed.assemble("1"), "published");
    assert_outcome(&bed.assemble("1"), "unchanged");
    assert_peak_memory(&bed);
}

#[test]
fn sweep_of_many_indexes_of_maximal_size_fits() {
    let bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", "1000"));
    for platform in PLATFORMS {
        let index = index_of(&bed.registry, platform, r#""annotations":{"#, "}", 400 << 10);
        for version in 0..33 {
            let index = index.clone() + &" ".repeat(version);
            bed.registry.store_raw("app", Some(&format!("{version}-{platform}")), OCI_INDEX, index, None);
        }
    }
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["failed_total"], &swept["complete"]), (&json!(33), &json!(true)));
    assert_peak_memory(&bed);
}

#[test]
fn published_configs_of_maximal_size_fit() {
    let bed = TestBed::new();
    for platform in PLATFORMS {
        let before = format!(r#"{{"architecture":"{platform}","os":"linux","config":{{"Labels":{{"#);
        let config = fill(&before, field, "}}}");
        let manifest = format!(
            r#"{{"schemaVersion":2,"layers":[],"config":{{"mediaType":"{OCI_CONFIG}","size":{},"digest":"{}"}}}}"#,
            config.len(),
            digest_of(config.as_bytes())
        );
        bed.registry.store_blob("app", config, None);
        bed.registry.store_raw("app", Some(&format!("1-{platform}")), OCI_MANIFEST, manifest, None);
    }
    assert_outcome(&bed.assemble("1"), "published");
    assert_peak_memory(&bed);
}

/// The largest values that lists take over, from entries, indexes, manifests and configs that are as large as they may be.
#[test]
fn annotations_of_maximal_size_fit() {
    let keys: Vec<_> = (0..15).map(|key| format!("key-{key}")).collect();
    let value = "x".repeat(1_000);
    let pairs = keys.iter().map(|key| format!(r#""{key}":"{value}""#)).collect::<Vec<_>>().join(",");
    let bed = TestBed::with(|function| function.env("ANNOTATIONS", &keys.join(",")));
    for platform in PLATFORMS {
        let before = format!(r#"{{"architecture":"{platform}","os":"linux","config":{{"Labels":{{{pairs}}}}},"x":{{"#);
        let config = fill(&before, field, "}}");
        let manifest = manifest_with(&bed.registry, "app", &config, "");
        let manifest = manifest.replacen(r#""annotations":{"#, &format!(r#""annotations":{{{pairs},"#), 1);
        let digest = bed.registry.store_raw("app", None, OCI_MANIFEST, manifest.clone(), None);
        let platform_of_entry = format!(r#"{{"os":"linux","architecture":"{platform}"}}"#);
        let before = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{OCI_MANIFEST}","size":{},"digest":"{digest}","platform":{platform_of_entry},"annotations":{{{pairs}}}}}],"annotations":{{{pairs}}},"x":{{"#,
            manifest.len()
        );
        let index = fill_to(&before, field, "}}", 1 << 20);
        bed.registry.store_raw("app", Some(&format!("1-{platform}")), OCI_INDEX, index, None);
    }
    assert_outcome(&bed.assemble("1"), "published");
    let list = bed.list("1");
    assert!(keys.iter().all(|key| list["annotations"][key] == value));
    assert_peak_memory(&bed);
}

/// The manifest of an image with this config, which is stored with it.
fn manifest_with(registry: &RegistryHandle, repository: &str, config: &str, annotation: &str) -> String {
    registry.store_blob(repository, config.to_owned(), None);
    let (size, digest) = (config.len(), digest_of(config.as_bytes()));
    let config = format!(r#"{{"mediaType":"{OCI_CONFIG}","size":{size},"digest":"{digest}"}}"#);
    format!(r#"{{"schemaVersion":2,"layers":[],"config":{config},"annotations":{{"v":"{annotation}"}}}}"#)
}

#[test]
fn invalid_config_is_read_once_however_many_tags_name_it() {
    let bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", "1000"));
    for version in 0..40 {
        for platform in PLATFORMS {
            let manifest = manifest_with(&bed.registry, "app", "{}", &format!("{version} {platform}"));
            bed.registry.store_raw("app", Some(&format!("{version}-{platform}")), OCI_MANIFEST, manifest, None);
        }
    }
    for _ in 0..2 {
        assert_eq!(bed.sweep(&json!({}))["failed_total"], 40);
    }
    assert_eq!(bed.calls(BLOB).len(), 1);
}

/// In one invocation: the next one may find other bytes.
#[test]
fn config_of_other_bytes_is_read_once_in_an_invocation() {
    let config = |architecture: &str| format!(r#"{{"architecture":"{architecture}","os":"linux"}}"#);
    let bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", "1000"));
    for version in 0..20 {
        for platform in PLATFORMS {
            let manifest = manifest_with(&bed.registry, "app", &config(platform), &version.to_string());
            bed.registry.store_raw("app", Some(&format!("{version}-{platform}")), OCI_MANIFEST, manifest, None);
        }
    }
    let broken = config(PLATFORMS[0]);
    bed.registry.store_blob("app", broken.replace("linux", "LINUX"), Some(&digest_of(broken.as_bytes())));
    for reads in [2, 3] {
        let swept = bed.sweep(&json!({}));
        assert_eq!((&swept["failed_total"], &swept["failed"][0]["error"]), (&json!(20), &json!("CorruptImage")));
        assert_eq!(bed.calls(BLOB).len(), reads);
    }
    bed.registry.store_blob("app", broken, None);
    assert_eq!(bed.sweep(&json!({}))["published"], 20);
}

#[test]
fn config_of_other_bytes_in_one_repository_harms_no_other() {
    let config = |architecture: &str| format!(r#"{{"architecture":"{architecture}","os":"linux"}}"#);
    let bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", "1000"));
    bed.registry.create("zzz");
    for (repository, platform) in ["app", "zzz"].into_iter().flat_map(|name| PLATFORMS.map(|one| (name, one))) {
        let manifest = manifest_with(&bed.registry, repository, &config(platform), "1");
        bed.registry.store_raw(repository, Some(&format!("1-{platform}")), OCI_MANIFEST, manifest, None);
    }
    let broken = config(PLATFORMS[0]);
    bed.registry.store_blob("app", broken.replace("linux", "LINUX"), Some(&digest_of(broken.as_bytes())));
    // So that the broken one is read first.
    let late = FaultKind::Latency(Duration::from_millis(300));
    bed.ecr.faults().add(Fault::on("BatchGetImage", late).repository("zzz"));
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["published"], &swept["failed"][0]["repository"]), (&json!(1), &json!("app")), "{swept:#}");
}

#[test]
fn batch_with_maximal_configs_of_many_platforms_fits() {
    let architectures = ["amd64", "arm64", "s390x", "ppc64le", "riscv64", "386", "mips64le"];
    let platforms = architectures.map(|architecture| format!("linux/{architecture}")).join(",");
    let bed = TestBed::with(|function| function.env("PLATFORMS", &platforms));
    for repository in ["app", "other"] {
        bed.registry.create(repository);
        for (version, architecture) in (0..2).flat_map(|version| architectures.map(|name| (version, name))) {
            let before = format!(
                r#"{{"architecture":"{architecture}","os":"linux","v":"{repository}{version}","config":{{"Labels":{{"#
            );
            let config = fill(&before, field, "}}}");
            let manifest = manifest_with(&bed.registry, repository, &config, "");
            let tag = format!("{version}-{architecture}");
            bed.registry.store_raw(repository, Some(&tag), OCI_MANIFEST, manifest, None);
        }
    }
    // Slow blobs, so that all are read at the same time.
    bed.ecr.faults().add(Fault::on(BLOB, FaultKind::Latency(Duration::from_millis(500))));
    let events = ["app", "other"]
        .map(|repository| (0..2).map(move |version| push_event(repository, &format!("{version}-amd64"))));
    let events: Vec<_> = events.into_iter().flatten().collect();
    let mut bed = bed;
    bed.function = bed.function.with_remaining_time(Duration::from_mins(5));
    assert_eq!(bed.function.invoke(&batch(&events)).unwrap(), json!({"batchItemFailures": []}));
    assert_peak_memory(&bed);
}

#[test]
fn endless_config_fits() {
    let bed = TestBed::new();
    bed.ecr.faults().add(Fault::on(BLOB, FaultKind::Endless));
    bed.registry.push("app", Some("1-amd64"), &Image::docker("linux/amd64"));
    bed.registry.push("app", Some("1-arm64"), &Image::docker("linux/arm64"));
    assert_failure(&bed.deliver_event("1-arm64"), "CorruptImage", &[]);
    assert_peak_memory(&bed);
}

/// Stores both images of a version, with manifests of nearly the size that ECR allows.
fn store_maximal_images(registry: &RegistryHandle, repository: &str, version: &str) {
    for platform in PLATFORMS {
        store_maximal_image(registry, repository, &format!("{version}-{platform}"), &format!("linux/{platform}"));
    }
}

/// Stores an image with a manifest of nearly the size that ECR allows.
fn store_maximal_image(registry: &RegistryHandle, repository: &str, tag: &str, platform: &str) {
    let config = Image::oci(platform).to_artifact().blobs[0].clone();
    let before = format!(
        r#"{{"schemaVersion":2,"layers":[],"config":{{"mediaType":"{OCI_CONFIG}","size":{},"digest":"{}"}},"annotations":{{"v":"{tag}","t":""#,
        config.len(),
        digest_of(&config)
    );
    let text = "x".repeat(MAX_MANIFEST - before.len() - 3);
    let manifest = format!(r#"{before}{text}"}}}}"#);
    registry.store_blob(repository, config, None);
    registry.store_raw(repository, Some(tag), OCI_MANIFEST, manifest, None);
}

#[test]
fn batch_with_maximal_manifests_in_many_accounts_fits() {
    let accounts: Vec<_> = (0..9).map(|account| format!("20000000000{account}")).collect();
    let mut bed = TestBed::with(|function| function.env("ACCOUNTS", &accounts.join(",")));
    // So many manifests take long where other tests use the processor.
    bed.function = bed.function.with_remaining_time(Duration::from_mins(2));
    for account in &accounts {
        store_maximal_images(&bed.ecr.registry(account, REGION), "app", "1");
    }
    let event = |account| with_fields(push_event("app", "1-arm64"), &json!({"account": account}));
    let events: Vec<_> = accounts.iter().map(event).collect();
    assert_eq!(bed.function.invoke(&batch(&events)).unwrap(), json!({"batchItemFailures": []}));
    assert!(accounts.iter().all(|account| bed.ecr.registry(account, REGION).tag("app", "1").is_some()));
    assert_peak_memory(&bed);
}

#[test]
fn versions_whose_shared_read_is_too_large_are_read_apart() {
    let bed = TestBed::new();
    for version in ["1", "2", "3", "4"] {
        store_maximal_images(&bed.registry, "app", version);
    }
    let events = ["1", "2", "3", "4"].map(|version| push_event("app", &format!("{version}-arm64")));
    assert_eq!(bed.function.invoke(&batch(&events)).unwrap(), json!({"batchItemFailures": []}));
    // One read for all, one for each version; then each version observes and confirms.
    assert_eq!(bed.calls("BatchGetImage").len(), 1 + 4 + 2 * 4, "no read that is too large is repeated");
    assert_peak_memory(&bed);
}

#[test]
fn many_platforms_with_maximal_manifests_are_refused() {
    let platforms: Vec<_> = (0..12).map(|variant| format!("linux/arm/v{variant}")).collect();
    let bed = TestBed::with(|function| function.env("PLATFORMS", &platforms.join(",")));
    for (variant, platform) in platforms.iter().enumerate() {
        store_maximal_image(&bed.registry, "app", &format!("1-armv{variant}"), platform);
    }
    bed.store_images("2");
    assert_failure(&bed.assemble("1"), "UnsupportedImage", &["together"]);
    assert_peak_memory(&bed);
}

#[test]
fn config_of_excessive_size_is_not_fetched() {
    let bed = TestBed::new();
    let artifact = Image::oci("linux/amd64").to_artifact();
    let size = format!(r#""size": {}"#, artifact.blobs[0].len());
    let text = String::from_utf8(artifact.manifest.to_vec()).unwrap().replacen(&size, r#""size": 99999999999"#, 1);
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64"));
    bed.registry.store_raw("app", Some("1-amd64"), OCI_MANIFEST, text, None);
    assert_failure(&bed.assemble("1"), "UnsupportedImage", &[]);
    assert!(bed.calls(BLOB).is_empty());
}

/// The most tags that ECR allows an image, each of the length that a hash has.
const TAGS_PER_IMAGE: usize = 1_000;

/// Tags a few images as often as ECR allows: versions without platform tags, and releases.
fn tag_often(registry: &RegistryHandle, repository: &str, images: Range<usize>, patch: &str) {
    for image in images {
        let digest = registry.push(repository, None, &Image::oci("linux/amd64").content(&image.to_string()));
        for tag in 0..TAGS_PER_IMAGE {
            registry.retag(repository, &format!("{image}.{tag}.{patch}"), &digest);
        }
    }
}

/// Publishes a release, and sweeps, in a repository of so many images with the most tags.
#[track_caller]
fn check_images_with_the_most_tags(images: usize, patch: &str) -> TestBed {
    let mut bed = TestBed::with(|function| function.env("ALIASES", "{major}.{minor},latest"));
    // So many tags take long where other tests use the processor.
    bed.function = bed.function.with_remaining_time(Duration::from_mins(2));
    bed.store_images("1000.0.0");
    tag_often(&bed.registry, "app", 0..images, patch);
    assert_outcome(&bed.assemble("1000.0.0"), "published");
    assert_peak_memory(&bed);
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["failed_total"], &swept["complete"]), (&json!(0), &json!(true)));
    assert_peak_memory_below(&bed, MAX_SWEEPER_MEMORY);
    bed
}

#[test]
fn images_with_the_most_tags_fit() {
    let bed = check_images_with_the_most_tags(40, &"0".repeat(50));
    assert!(bed.calls("DescribeImages").len() > 10, "a page of all images is too large");
}

#[test]
#[ignore = "takes half a minute: .ci/memory"]
fn repository_of_a_quarter_of_a_million_tags_fits() {
    let bed = check_images_with_the_most_tags(249, "0");
    tag_often(&bed.registry, "app", 249..250, "0");
    bed.store_images("1000.0.1");
    assert_failure(
        &bed.assemble("1000.0.1"),
        "RepositoryTooLarge",
        &["1000.0.1 names its manifest list", "250000 tags"],
    );
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["failed"][0]["error"], &swept["failed_total"]), (&json!("RepositoryTooLarge"), &json!(1)));
    assert_peak_memory_below(&bed, MAX_SWEEPER_MEMORY);
}
