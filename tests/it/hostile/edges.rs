//! Edges at which mutation testing found the core unwatched: what is just within, and what is just beyond.

use std::time::SystemTime;

use ecr_multiarch::config::{ImageConfig, MAX_BYTES, is_image_config};
use ecr_multiarch::digest::Digest;
use ecr_multiarch::inventory::{Inventory, Sighting};
use ecr_multiarch::manifest::{Manifest, MediaType};
use ecr_multiarch::platform::RequiredPlatform;
use ecr_multiarch::repository::AccountId;
use ecr_multiarch::settings::{InvalidSetting, Settings};

use super::target::{SEPARATOR, list_of, list_of_platforms};

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const ARM64: &str = r#"c{"architecture":"arm64","os":"linux"}"#;
const AMD64: &str = r#"c{"architecture":"amd64","os":"linux"}"#;

/// An OCI image whose config is the text of this number.
fn image(config: usize) -> String {
    sized(config, 50, OCI_CONFIG)
}

fn sized(config: usize, size: u64, media_type: &str) -> String {
    format!(r#"o{{"config":{{"mediaType":"{media_type}","size":{size},"digest":"sha256:#{config}"}}}}"#)
}

/// An entry of an index for the text of this number, with more to it.
fn entry(media_type: &str, text: usize, more: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","size":1,"digest":"sha256:#{text}"{more}}}"#)
}

fn index(entries: &[String]) -> String {
    format!(r#"O{{"manifests":[{}]}}"#, entries.join(","))
}

const ON_AMD64: &str = r#","platform":{"architecture":"amd64","os":"linux"}"#;

/// The list of a version whose amd64 tag names an index of these entries. Text 3 is an image of amd64, text 4 another.
fn list_of_index(entries: &[String]) -> Option<String> {
    let texts =
        [index(entries), image(6), "-".to_owned(), image(5), image(5) + " ", AMD64.to_owned(), ARM64.to_owned()];
    list_of(texts.join(SEPARATOR).as_bytes()).map(|list| list.text)
}

#[test]
fn a_config_may_have_four_mebibytes_and_not_a_byte_more() {
    for (size, is_read) in [(MAX_BYTES, true), (MAX_BYTES + 1, false)] {
        let texts = [&sized(3, size, OCI_CONFIG), &image(4), "-", AMD64, ARM64];
        assert_eq!(list_of(texts.join(SEPARATOR).as_bytes()).is_some(), is_read, "{size}");
    }
    assert_eq!(MAX_BYTES, 4 * 1024 * 1024);
}

#[test]
fn the_configs_of_images_are_those_of_docker_and_oci() {
    for (media_type, is_image) in
        [(OCI_CONFIG, true), (DOCKER_CONFIG, true), ("application/vnd.oci.empty.v1+json", false)]
    {
        assert_eq!(is_image_config(media_type), is_image, "{media_type}");
        let texts = [&sized(3, 50, media_type), &image(4), "-", AMD64, ARM64];
        assert_eq!(list_of(texts.join(SEPARATOR).as_bytes()).is_some(), is_image, "{media_type}");
    }
}

#[test]
fn an_empty_revision_is_none() {
    let text = r#"{"architecture":"amd64","os":"linux","config":{"Labels":{"org.opencontainers.image.revision":""}}}"#;
    assert_eq!(ImageConfig::read(Digest::of(text), text.as_bytes()).unwrap().revision, None);
}

#[test]
fn an_entry_that_is_no_image_does_not_stand_for_the_platform() {
    let the_image = entry(OCI, 3, ON_AMD64);
    assert!(list_of_index(std::slice::from_ref(&the_image)).is_some());
    let artifact = format!(r#"{ON_AMD64},"artifactType":"application/spdx+json""#);
    for other in [entry("application/x", 4, ON_AMD64), entry(OCI, 4, &artifact)] {
        assert!(list_of_index(&[the_image.clone(), other.clone()]).is_some(), "{other}");
        assert!(list_of_index(std::slice::from_ref(&other)).is_none(), "{other}");
    }
    let typed = format!(r#"{ON_AMD64},"artifactType":"{OCI_CONFIG}""#);
    assert!(list_of_index(&[entry(OCI, 3, &typed)]).is_some(), "an image may say that it is one");
}

#[test]
fn two_entries_for_one_platform_are_one_too_many_unless_they_are_the_same() {
    let the_image = entry(OCI, 3, ON_AMD64);
    assert!(list_of_index(&[the_image.clone(), the_image.clone()]).is_some());
    assert!(list_of_index(&[entry(OCI, 4, ON_AMD64)]).is_some() && list_of_index(&[entry(OCI, 4, "")]).is_some());
    assert!(list_of_index(&[the_image, entry(OCI, 4, ON_AMD64)]).is_none());
    assert!(list_of_index(&[entry(OCI, 3, ""), entry(OCI, 4, "")]).is_none());
    assert!(list_of_index(&[]).is_none());
}

#[test]
fn an_index_within_an_index_is_refused_whatever_stands_beside_it() {
    assert!(list_of_index(&[entry(OCI, 3, ON_AMD64), entry(OCI_INDEX, 4, ON_AMD64)]).is_none());
}

#[test]
fn an_entry_keeps_its_urls_in_go_s_layout() {
    let list = list_of_index(&[entry(OCI, 3, &format!(r#"{ON_AMD64},"urls":["a","b"]"#))]).unwrap();
    assert!(list.contains("\"urls\": [\n        \"a\",\n        \"b\"\n      ],\n"), "{list}");
}

#[test]
fn a_variant_is_the_image_s_own_but_for_arm_images_that_state_none() {
    for (platforms, stated, variant) in [
        ("linux/arm64/v8", r#""architecture":"arm64""#, None),
        ("linux/arm", r#""architecture":"arm","variant":"v7""#, Some("v7")),
        ("linux/arm/v6", r#""architecture":"arm""#, Some("v6")),
        ("linux/arm", r#""architecture":"arm""#, None),
    ] {
        let config = format!(r#"c{{"os":"linux",{stated}}}"#);
        let list = list_of_platforms(platforms, [&image(2), "-", &config].join(SEPARATOR).as_bytes()).unwrap();
        let document: serde_json::Value = serde_json::from_str(&list.text).unwrap();
        assert_eq!(document["manifests"][0]["platform"]["variant"].as_str(), variant, "{platforms} {stated}");
    }
}

#[test]
fn annotations_of_another_shape_are_told() {
    let text = r#"{"manifests":[],"annotations":7}"#;
    let fault = Manifest::read(MediaType::OciIndex, text).unwrap_err();
    assert!(fault.to_string().contains("a map of texts"), "{fault}");
    assert!(Manifest::read(MediaType::OciIndex, r#"{"manifests":[],"annotations":null}"#).is_ok());
}

#[test]
fn a_listing_tells_which_platforms_a_version_lacks_and_a_list_alone_is_no_version() {
    let platforms = "linux/amd64,linux/arm64,linux/s390x";
    let settings = Settings::read(|name| (name == "PLATFORMS").then(|| platforms.to_owned())).unwrap();
    let policy = settings.policy(&"app".parse().unwrap()).unwrap();
    let now = SystemTime::now();
    let mut inventory = Inventory::new(policy);
    for (tag, media_type) in [("1-arm64", OCI), ("2", OCI_INDEX)] {
        inventory.add(Sighting { tag, pushed_at: now, media_type });
    }
    let versions = inventory.versions(now, &settings.sweep());
    assert_eq!(versions.iter().map(|version| version.tag.as_str()).collect::<Vec<_>>(), ["1"]);
    let mut missing: Vec<_> = versions[0].missing(&policy.naming).map(ToString::to_string).collect();
    missing.sort();
    assert_eq!(missing, ["linux/amd64", "linux/s390x"]);
}

#[test]
fn a_version_of_an_os_has_letters_digits_full_stops_and_hyphens() {
    for (text, is_platform) in
        [("windows(10.0-rc1)/amd64", true), ("windows(10_0)/amd64", false), ("windows(10 0)/amd64", false)]
    {
        assert_eq!(text.parse::<RequiredPlatform>().is_ok(), is_platform, "{text}");
    }
}

fn settings(variable: &str, value: &str) -> Result<Settings, InvalidSetting> {
    Settings::read(|name| match name {
        "PLATFORMS" => Some("linux/amd64".to_owned()),
        name => (name == variable).then(|| value.to_owned()),
    })
}

#[test]
fn an_age_is_in_seconds_minutes_hours_or_days() {
    for (value, seconds) in [("90s", 90), ("90m", 5_400), ("2h", 7_200), ("1d", 86_400)] {
        let after = settings("INCOMPLETE_AFTER", value).unwrap().sweep().incomplete_after;
        assert_eq!(after.as_secs(), seconds, "{value}");
    }
    let refusal = settings("INCOMPLETE_UNTIL", "30m").unwrap_err().to_string();
    assert!(refusal.contains("an age above that of INCOMPLETE_AFTER"), "{refusal}");
}

#[test]
fn the_accounts_are_those_of_the_setting() {
    let accounts = settings("ACCOUNTS", "111122223333, 444455556666").unwrap().accounts().to_vec();
    assert_eq!(accounts.iter().map(AccountId::as_str).collect::<Vec<_>>(), ["111122223333", "444455556666"]);
    assert!(settings("ACCOUNTS", "").unwrap().accounts().is_empty());
}
