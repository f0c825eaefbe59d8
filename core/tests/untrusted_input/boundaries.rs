//! Boundaries that mutation testing found untested: the last valid value and the first invalid one.

use std::time::SystemTime;

use ecr_multiarch_core::error::Conflict;
use ecr_multiarch_core::oci::image_config::{ImageConfig, MAX_CONFIG_BYTES};
use ecr_multiarch_core::oci::manifest::{MAX_ENTRIES, Manifest};
use ecr_multiarch_core::oci::media_type::{MediaType, is_image_config};
use ecr_multiarch_core::oci::platform::Platform;
use ecr_multiarch_core::settings::InvalidSetting;
use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
use ecr_multiarch_core::{Digest, Error, Inventory, ScannedImage, Settings};

use super::repository::{SEPARATOR, published_list_of, reconcile};
use super::target::published_list;

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const ARM64: &str = r#"c{"architecture":"arm64","os":"linux"}"#;
const AMD64: &str = r#"c{"architecture":"amd64","os":"linux"}"#;

/// An OCI image whose config is the text at this index.
fn image(config: usize) -> String {
    sized(config, 50, OCI_CONFIG)
}

fn sized(config: usize, size: u64, media_type: &str) -> String {
    format!(r#"o{{"config":{{"mediaType":"{media_type}","size":{size},"digest":"sha256:#{config}"}}}}"#)
}

/// An entry of an index for the text at this index, with additional fields.
fn entry(media_type: &str, text: usize, more: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","size":1,"digest":"sha256:#{text}"{more}}}"#)
}

fn index(entries: &[String]) -> String {
    format!(r#"O{{"manifests":[{}]}}"#, entries.join(","))
}

const ON_AMD64: &str = r#","platform":{"architecture":"amd64","os":"linux"}"#;

/// The list of a version whose amd64 tag names an index of these entries. Texts 3 and 4 are two images of amd64.
fn list_of_index(entries: &[String]) -> Option<String> {
    let texts =
        [index(entries), image(6), "-".to_owned(), image(5), image(5) + " ", AMD64.to_owned(), ARM64.to_owned()];
    published_list(texts.join(SEPARATOR).as_bytes()).map(|list| list.text)
}

#[test]
fn config_has_at_most_four_mebibytes() {
    for (size, is_read) in [(MAX_CONFIG_BYTES, true), (MAX_CONFIG_BYTES + 1, false)] {
        let texts = [&sized(3, size, OCI_CONFIG), &image(4), "-", AMD64, ARM64];
        assert_eq!(published_list(texts.join(SEPARATOR).as_bytes()).is_some(), is_read, "{size}");
    }
    assert_eq!(MAX_CONFIG_BYTES, 4 * 1024 * 1024);
}

#[test]
fn image_configs_are_those_of_docker_and_oci() {
    for (media_type, is_image) in
        [(OCI_CONFIG, true), (DOCKER_CONFIG, true), ("application/vnd.oci.empty.v1+json", false)]
    {
        assert_eq!(is_image_config(media_type), is_image, "{media_type}");
        let texts = [&sized(3, 50, media_type), &image(4), "-", AMD64, ARM64];
        assert_eq!(published_list(texts.join(SEPARATOR).as_bytes()).is_some(), is_image, "{media_type}");
    }
}

#[test]
fn empty_revision_is_absent() {
    let text = r#"{"architecture":"amd64","os":"linux","config":{"Labels":{"org.opencontainers.image.revision":""}}}"#;
    assert_eq!(ImageConfig::parse(Digest::sha256(text), text.as_bytes()).unwrap().labels.revision(), None);
}

#[test]
fn entry_of_an_artifact_is_not_an_image() {
    let the_image = entry(OCI, 3, ON_AMD64);
    assert!(list_of_index(std::slice::from_ref(&the_image)).is_some());
    let artifact = format!(r#"{ON_AMD64},"artifactType":"application/spdx+json""#);
    for other in [entry("application/x", 4, ON_AMD64), entry(OCI, 4, &artifact)] {
        assert!(list_of_index(&[the_image.clone(), other.clone()]).is_some(), "{other}");
        assert!(list_of_index(std::slice::from_ref(&other)).is_none(), "{other}");
    }
    let typed = format!(r#"{ON_AMD64},"artifactType":"{OCI_CONFIG}""#);
    assert!(list_of_index(&[entry(OCI, 3, &typed)]).is_some(), "an entry may state the artifact type of an image");
}

#[test]
fn two_entries_of_a_platform_are_ambiguous() {
    let the_image = entry(OCI, 3, ON_AMD64);
    assert!(list_of_index(&[the_image.clone(), the_image.clone()]).is_some());
    assert!(list_of_index(&[entry(OCI, 4, ON_AMD64)]).is_some() && list_of_index(&[entry(OCI, 4, "")]).is_some());
    assert!(list_of_index(&[the_image, entry(OCI, 4, ON_AMD64)]).is_none());
    assert!(list_of_index(&[entry(OCI, 3, ""), entry(OCI, 4, "")]).is_none());
    assert!(list_of_index(&[]).is_none());
}

const ATTESTS: &str =
    r#","annotations":{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"sha256:#3"}"#;

/// An attestation of text 3 whose platform is this JSON.
fn attestation(platform: &str) -> String {
    entry(OCI, 4, &format!(r#"{ATTESTS},"platform":{platform}"#))
}

/// How a version ends whose amd64 tag names an index of these entries. Text 3 is the image, text 4 another manifest.
fn end_of_index(entries: &[String], amd64: &str) -> Result<String, Error> {
    let texts = [&index(entries), &image(6), "-", &image(5), &(image(5) + " "), amd64, ARM64];
    let end = reconcile("linux/amd64,linux/arm64", texts.join(SEPARATOR).as_bytes()).unwrap();
    end.map(|outcome| outcome.manifest_list().unwrap().text.clone())
}

#[test]
fn attestation_has_no_platform_or_an_unknown_one() {
    let list = |platform: &str| end_of_index(&[attestation(platform), entry(OCI, 3, ON_AMD64)], AMD64);
    for harmless in ["null", "{}", r#"{"architecture":"","os":""}"#, r#"{"architecture":"unknown","os":"unknown"}"#] {
        let text = list(harmless).unwrap();
        assert!(text.contains("attestation-manifest"), "{text}");
    }
    for posing in [
        r#"{"architecture":"arm64","os":"linux"}"#,
        r#"{"architecture":"amd64","os":"linux"}"#,
        r#"{"architecture":"unknown","os":"linux"}"#,
        r#"{"architecture":"arm64","os":"unknown"}"#,
        r#"{"architecture":"arm64"}"#,
        r#"{"os":"linux"}"#,
        r#"{"architecture":"unknown","os":"unknown","variant":"v8"}"#,
        r#"{"architecture":"unknown","os":"unknown","os.version":"1"}"#,
    ] {
        let error = list(posing).unwrap_err();
        assert!(matches!(error, Error::UnsupportedImage { .. }), "{posing}: {error:?}");
        assert!(error.to_string().contains("attestation"), "{error}");
    }
}

#[test]
fn attestation_is_no_index() {
    let nested = entry(OCI_INDEX, 4, ATTESTS);
    let error = end_of_index(&[entry(OCI, 3, ON_AMD64), nested], AMD64).unwrap_err();
    assert!(matches!(error, Error::UnsupportedImage { .. }), "{error:?}");
}

/// The JSON of a platform such as `windows(10.0.1)/amd64` or `linux/arm/v7`; of `null`, itself.
fn platform(text: &str) -> String {
    let Some((os, rest)) = text.split_once('/') else { return text.to_owned() };
    let (os, os_version) = os.trim_end_matches(')').split_once('(').unwrap_or((os, ""));
    let (architecture, variant) = rest.split_once('/').unwrap_or((rest, ""));
    let [os, os_version, architecture, variant] = [os, os_version, architecture, variant].map(str::to_owned);
    serde_json::to_string(&Platform { architecture, os, os_version, variant }).unwrap()
}

/// How a version of one platform ends whose tag names an index with this entry of an image with this config.
fn end_of_entry(platforms: &str, media_type: &str, of_entry: &str, of_config: &str) -> Result<(), Error> {
    let index = index(&[entry(media_type, 2, &format!(r#","platform":{}"#, platform(of_entry)))]);
    let texts = [&index, "-", &image(3), &format!("c{}", platform(of_config))];
    reconcile(platforms, texts.join(SEPARATOR).as_bytes()).unwrap().map(|_| ())
}

#[test]
fn entry_that_contradicts_the_config_is_a_mismatch() {
    for (platforms, of_entry, of_config) in [
        ("linux/arm", "linux/arm/v5", "linux/arm/v7"),
        ("windows/amd64", "windows(10.0.17763)/amd64", "windows(10.0.20348)/amd64"),
        ("linux/arm", "linux/armel", "linux/arm/7"),
    ] {
        let error = end_of_entry(platforms, OCI, of_entry, of_config).unwrap_err();
        assert!(matches!(error, Error::PlatformMismatch { .. }), "{of_entry} {of_config}: {error:?}");
        assert!(error.to_string().contains("index"), "{error}");
    }
}

#[test]
fn what_an_entry_or_config_leaves_out_is_no_contradiction() {
    for (platforms, of_entry, of_config) in [
        // What buildx writes for arm64.
        ("linux/arm64", "linux/arm64", "linux/arm64/v8"),
        ("linux/arm64", "linux/arm64/v8", "linux/aarch64"),
        ("linux/amd64", "linux/amd64/v1", "linux/x86_64"),
        ("linux/arm", "linux/arm", "linux/arm/v7"),
        ("linux/arm/v7", "linux/arm/v7", "linux/arm"),
        ("windows/amd64", "windows/amd64", "windows(10.0.20348)/amd64"),
        ("windows/amd64", "windows(10.0.20348)/amd64", "windows/amd64"),
        ("linux/arm", "Linux/armhf", "linux/arm/7"),
        ("linux/arm64", "null", "linux/arm64"),
        ("linux/arm64", "linux/", "linux/arm64"),
    ] {
        let end = end_of_entry(platforms, OCI, of_entry, of_config);
        assert!(end.is_ok(), "{of_entry} {of_config}: {end:?}");
    }
}

#[test]
fn entry_with_another_media_type_is_unsupported() {
    let error = end_of_entry("linux/amd64", DOCKER, "linux/amd64", "linux/amd64").unwrap_err();
    assert!(matches!(error, Error::UnsupportedImage { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains(DOCKER) && message.contains(OCI), "{message}");
}

#[test]
fn foreign_list_of_entries_posing_as_attestations_conflicts() {
    let target = |platform: &str| {
        let target = index(&[entry(OCI, 5, ON_AMD64), entry(OCI, 6, &format!(r#"{ATTESTS},"platform":{platform}"#))]);
        let texts = [&image(3), &image(4), &target.replace("#3", "#5"), AMD64, ARM64, "o{}", "o{ }"];
        reconcile("linux/amd64,linux/arm64", texts.join(SEPARATOR).as_bytes()).unwrap()
    };
    let end = target(r#"{"architecture":"s390x","os":"linux"}"#);
    assert!(matches!(end, Err(Error::TagConflict { conflict: Conflict::ForeignPlatform { .. }, .. })), "{end:?}");
    assert!(target(r#"{"architecture":"unknown","os":"unknown"}"#).is_ok());
}

/// Asserts that a message is short although it quotes this text.
#[track_caller]
fn check_short(end: Result<String, String>, quoted: &str) {
    let (Ok(message) | Err(message)) = end;
    assert!(message.contains('…') && message.contains(&quoted[..8]), "{message:.300}");
    assert!(message.chars().count() < 1_500, "{} characters", message.chars().count());
}

#[test]
fn text_of_images_is_cut_in_errors_and_reasons() {
    let long = "long-text".repeat(100_000);
    let end = |platforms: &str, texts: &[&str]| {
        let end = reconcile(platforms, texts.join(SEPARATOR).as_bytes()).unwrap();
        end.map(|outcome| outcome.reason().unwrap().to_owned()).map_err(|error| error.to_string())
    };
    let config = |fields: &str| format!(r#"c{{"os":"linux",{fields}}}"#);
    check_short(end("linux/amd64", &[&sized(2, 50, &long), "-", AMD64]), &long);
    check_short(end("linux/amd64", &[&image(2), "-", &config(&format!(r#""architecture":"{long}""#))]), &long);
    let os_version = format!(r#""architecture":"amd64","os.version":"{long}""#);
    let of_entry = r#"{"os":"linux","architecture":"amd64","os.version":"1"}"#;
    let entry_of = |text, platform: &str| index(&[entry(OCI, text, &format!(r#","platform":{platform}"#))]);
    check_short(end("linux/amd64", &[&entry_of(2, of_entry), "-", &image(3), &config(&os_version)]), &long);
    let of_entry = format!(r#"{{"os":"linux","architecture":"amd64","os.version":"{long}"}}"#);
    let of_config = config(r#""architecture":"amd64","os.version":"1""#);
    check_short(end("linux/amd64", &[&entry_of(2, &of_entry), "-", &image(3), &of_config]), &long);
    check_short(end("linux/amd64", &[&format!(r#"o{{"config":"{long}"}}"#), "-"]), &long);
    let foreign = format!(r#","platform":{{"os":"linux","architecture":"{long}"}}"#);
    check_short(end("linux/amd64", &[&image(3), &index(&[entry(OCI, 2, &foreign)]), "o{}", AMD64]), &long);

    let revision = |text: &str| {
        format!(
            r#""architecture":"amd64","config":{{"Labels":{{"org.opencontainers.image.revision":"{long}{text}"}}}}"#
        )
    };
    let (one, other) = (config(&revision("1")), config(&revision("2")).replace("amd64", "arm64"));
    let texts = [&image(3), &image(4), "-", one.as_str(), other.as_str()];
    check_short(end("linux/amd64,linux/arm64", &texts), &long);
}

/// The property of [`published_list`] includes that a list which was published is recognized, whatever its size.
#[test]
fn list_of_more_entries_than_an_index_may_have_is_recognized() {
    let attested = |image: usize| {
        let attests = ATTESTS.replace("#3", &format!("#{image}"));
        let attestations = (0..MAX_ENTRIES - 1).map(|_| entry(OCI, image + 4, &attests));
        let platform = if image == 3 { ON_AMD64.to_owned() } else { ON_AMD64.replace("amd64", "arm64") };
        index(&attestations.chain([entry(OCI, image, &platform)]).collect::<Vec<_>>())
    };
    let texts = [&attested(3), &attested(4), "-", &image(5), &image(6), AMD64, ARM64, "o{}", "o{ }"];
    let list = published_list(texts.join(SEPARATOR).as_bytes()).unwrap();
    assert_eq!(list.text.matches("attestation-manifest").count(), 2 * (MAX_ENTRIES - 1));
}

#[test]
fn index_within_an_index_is_unsupported() {
    assert!(list_of_index(&[entry(OCI, 3, ON_AMD64), entry(OCI_INDEX, 4, ON_AMD64)]).is_none());
}

#[test]
fn entry_keeps_its_urls_in_the_layout_of_go() {
    let list = list_of_index(&[entry(OCI, 3, &format!(r#"{ON_AMD64},"urls":["a","b"]"#))]).unwrap();
    assert!(list.contains("\"urls\": [\n        \"a\",\n        \"b\"\n      ],\n"), "{list}");
}

#[test]
fn variant_is_that_of_the_image_or_configured() {
    for (platforms, stated, variant) in [
        ("linux/arm64/v8", r#""architecture":"arm64""#, None),
        ("linux/arm", r#""architecture":"arm","variant":"v7""#, Some("v7")),
        ("linux/arm/v6", r#""architecture":"arm""#, Some("v6")),
        ("linux/arm", r#""architecture":"arm""#, None),
    ] {
        let config = format!(r#"c{{"os":"linux",{stated}}}"#);
        let list = published_list_of(platforms, [&image(2), "-", &config].join(SEPARATOR).as_bytes()).unwrap();
        let document: serde_json::Value = serde_json::from_str(&list.text).unwrap();
        assert_eq!(document["manifests"][0]["platform"]["variant"].as_str(), variant, "{platforms} {stated}");
    }
}

#[test]
fn annotations_of_another_type_are_reported() {
    let text = r#"{"manifests":[],"annotations":7}"#;
    let fault = Manifest::parse(MediaType::OciIndex, text).unwrap_err();
    assert!(fault.to_string().contains("a map of strings"), "{fault}");
    assert!(Manifest::parse(MediaType::OciIndex, r#"{"manifests":[],"annotations":null}"#).is_ok());
}

#[test]
fn scan_shows_which_platforms_are_missing() {
    let platforms = "linux/amd64,linux/arm64,linux/s390x";
    let settings = Settings::from_lookup(|name| (name == "PLATFORMS").then(|| platforms.to_owned())).unwrap();
    let repository = settings.for_repository(&"app".parse().unwrap()).unwrap();
    let now = SystemTime::now();
    let mut inventory = Inventory::new(repository);
    for (tag, media_type) in [("1-arm64", OCI), ("2", OCI_INDEX)] {
        let image = ScannedImage::new(tag, Digest::sha256(tag), now, media_type);
        image.scanned_tags(repository).for_each(|scanned| inventory.add(&scanned));
    }
    let versions = inventory.versions(now, &settings.sweep(), None).served;
    assert_eq!(versions.iter().map(|version| version.tag.as_str()).collect::<Vec<_>>(), ["1"]);
    let mut missing: Vec<_> = versions[0].missing(&repository.tag_scheme).map(ToString::to_string).collect();
    missing.sort();
    assert_eq!(missing, ["linux/amd64", "linux/s390x"]);
}

#[test]
fn os_version_has_letters_digits_dots_and_hyphens() {
    for (text, is_platform) in
        [("windows(10.0-rc1)/amd64", true), ("windows(10_0)/amd64", false), ("windows(10 0)/amd64", false)]
    {
        assert_eq!(text.parse::<ConfiguredPlatform>().is_ok(), is_platform, "{text}");
    }
}

fn settings(variable: &str, value: &str) -> Result<Settings, InvalidSetting> {
    Settings::from_lookup(|name| match name {
        "PLATFORMS" => Some("linux/amd64".to_owned()),
        name => (name == variable).then(|| value.to_owned()),
    })
}

#[test]
fn duration_is_in_seconds_minutes_hours_or_days() {
    for (value, seconds) in [("90s", 90), ("90m", 5_400), ("2h", 7_200), ("1d", 86_400)] {
        let after = settings("INCOMPLETE_AFTER", value).unwrap().sweep().incomplete_after;
        assert_eq!(after.as_secs(), seconds, "{value}");
    }
}

#[test]
fn incomplete_until_is_longer_than_incomplete_after() {
    assert!(settings("INCOMPLETE_UNTIL", "61m").is_ok());
    let error = settings("INCOMPLETE_UNTIL", "1h").unwrap_err().to_string();
    assert!(error.contains("longer than INCOMPLETE_AFTER"), "{error}");
}
