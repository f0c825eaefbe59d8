//! The properties of any bytes, shared by the tests of this crate and by the fuzz targets in `fuzz/`.

use std::collections::BTreeMap;

use ecr_multiarch_core::input::{ImageAction, invalid_event};
use ecr_multiarch_core::oci::descriptor::Descriptor;
use ecr_multiarch_core::oci::image_config::ImageConfig;
use ecr_multiarch_core::oci::media_type::MediaType;
use ecr_multiarch_core::reconcile::right_list::CompleteList;
use ecr_multiarch_core::settings::Streams;
use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
use ecr_multiarch_core::settings::tag_scheme::{PlatformTag, TagScheme, TagTemplate};
use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_core::settings::yank_marker::YankMarker;
use ecr_multiarch_core::{
    Access, Digest, Error, Input, ManifestList, Outcome, Release, RepositorySettings, Settings, Tag, TagMeaning,
};
use serde::Deserialize;

use super::memory::Limit;
use super::repository::{expanded, published, published_list_of, run, stored, texts};

/// A target: its name, and the check of any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Target; 8] = [
    ("input", input),
    ("config", config),
    ("manifest", manifest),
    ("settings", settings),
    ("tag_scheme", tag_scheme),
    ("version", version),
    ("platforms", platforms),
    ("aliases", aliases),
];

/// A config is dropped while it is parsed, except for short texts. The parser copies a string that has escapes, into a
/// buffer that takes up to three times as much as it grows. The labels that are kept, of 16 KiB at most, are a map, of which
/// short strings take some thirteen bytes for each of their own.
const CONFIG: Limit = Limit { per_byte: 4, constant: 256 << 10 };
/// An entry of 115 bytes takes 288, and all of them three times as much as their vector grows. The annotations of one of
/// them, of 64 KiB at most, are a map, of which short strings take some twelve bytes for each of their own.
const MANIFEST: Limit = Limit { per_byte: 8, constant: 512 << 10 };

/// Any JSON is an input, or is rejected with a message of what was expected. Who waits may have it assembled at most.
pub fn input(bytes: &[u8]) {
    #[derive(Deserialize)]
    struct Event {
        account: Option<String>,
        region: Option<String>,
        detail: ImageAction,
    }
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let event = serde_json::from_value(value.clone()).map_err(invalid_event);
    let event =
        event.and_then(|Event { account, region, detail }| Input::from_image_action(account, region, None, detail));
    for input in [Input::from_request(value), event] {
        match input {
            Ok(input) => match Access::Wait.admit(input) {
                Ok(Input::Assemble(request)) => assert!(!request.force),
                Ok(other) => panic!("who waits may not ask for {other:?}"),
                Err(_) => {}
            },
            Err(Error::InvalidRequest(message)) => assert!(message.contains("expected one of")),
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Any bytes, [`expanded`] if they are a text, are a config that states a platform, or are rejected.
pub fn config(bytes: &[u8]) {
    let bytes = &std::str::from_utf8(bytes).map_or_else(|_| bytes.to_vec(), |text| expanded(text).into_bytes());
    let digest = Digest::sha256(bytes);
    if let Ok(config) = CONFIG.check(bytes.len(), || ImageConfig::parse(digest, bytes)) {
        assert!(!config.platform.is_unspecified());
        assert_ne!(config.labels.revision(), Some(""));
        let normalized = config.platform.normalized();
        assert_eq!(normalized, normalized.normalized());
        let labels = ["a", "org.opencontainers.image.revision"];
        let fewer = config.clone().with_labels(labels);
        assert_eq!(fewer.labels.of_keys(labels), config.labels.of_keys(labels));
        assert_eq!(fewer.labels.revision(), config.labels.revision());
    }
    assert!(ImageConfig::parse(Digest::sha256("other bytes"), bytes).is_err());
}

/// A character for the media type, and any text: it is a manifest or is rejected, also as the list that a version's tag
/// names already.
pub fn manifest(bytes: &[u8]) {
    let Some(stored) = std::str::from_utf8(bytes).ok().and_then(stored) else { return };
    let size = stored.text.len();
    let parsed = MANIFEST.check(size, || stored.parse());
    if let Ok((descriptor, _)) = &parsed {
        assert_eq!((descriptor.digest, descriptor.size), (stored.digest, size as u64));
    }
    assert!(MANIFEST.check(size, || stored.artifact_type()).is_none() || !stored.is_list());
    let platforms = ["linux/amd64", "linux/arm64"];
    let platforms =
        platforms.map(|platform| PlatformTag { platform: platform.parse().unwrap(), tag: "1".parse().unwrap() });
    if let Some(complete) = MANIFEST.check(size, || CompleteList::of(&stored, &platforms)) {
        assert_eq!((complete.list.digest, complete.images.len()), (stored.digest, platforms.len()));
    }
}

/// Any variables are valid settings, or the error names one of them.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let variables: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once('=')).collect();
    match Settings::from_lookup(|name| variables.get(name).map(|value| (*value).to_owned())) {
        Ok(settings) => {
            assert!(!settings.taken_over().contains("org.opencontainers.image.created"));
            for repository in ["app", "team-a/app"] {
                let repository = repository.parse().unwrap();
                let Some(of_repository) = settings.for_repository(&repository) else { continue };
                assert!(settings.repositories().iter().any(|glob| glob.matches(&repository)));
                for version in ["1", "1.2.3-rc.1", "amd64"] {
                    assert_parses_both_ways(&of_repository.tag_scheme, &version.parse().unwrap());
                }
            }
        }
        Err(error) => {
            let message = error.to_string();
            assert!(Variable::ALL.iter().any(|variable| message.contains(variable.name())), "{message}");
        }
    }
}

/// A template, platforms and tags, each on its own line. A platform tag parses to the version and platform that it is
/// rendered from.
pub fn tag_scheme(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.lines();
    let (Some(template), Some(platforms)) = (lines.next(), lines.next()) else { return };
    let Ok(template) = template.parse::<TagTemplate>() else { return };
    let Ok(platforms) = platforms.split(',').map(str::parse).collect::<Result<Vec<ConfiguredPlatform>, _>>() else {
        return;
    };
    let Ok(scheme) = TagScheme::new(template, platforms) else { return };
    for line in lines.take(8) {
        if let Ok(tag) = line.parse() {
            assert_parses_both_ways(&scheme, &tag);
        }
    }
}

/// Alias templates or streams in JSON, tag template, platforms and tags, each on a line of its own. No tag has two meanings, an alias is
/// recognized as one, and the order of releases is that of their numbers.
pub fn aliases(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.lines();
    let (Some(templates), Some(tag_template), Some(platforms)) = (lines.next(), lines.next(), lines.next()) else {
        return;
    };
    let variable = if templates.starts_with('[') { "STREAMS" } else { "ALIASES" };
    let settings = |image_tags: &str| {
        Settings::from_lookup(|name| match name {
            "TAG_TEMPLATE" => Some(tag_template.to_owned()),
            "PLATFORMS" => Some(platforms.to_owned()),
            "IMAGE_TAGS" => Some(image_tags.to_owned()),
            _ => (name == variable).then(|| templates.to_owned()),
        })
    };
    let settings = settings("{version}_{platform}").or_else(|_| settings(""));
    let tags: Vec<Tag> = lines.take(8).filter_map(|line| line.parse().ok()).collect();
    let releases: Vec<_> = tags.iter().filter_map(Release::from_tag).collect();
    assert_ordered(&releases);
    let settings = match settings {
        Ok(settings) => settings.for_repository(&"app".parse().unwrap()).unwrap().clone(),
        Err(error) => {
            let message = error.to_string();
            assert!([variable, "TAG_TEMPLATE", "PLATFORMS"].iter().any(|name| message.contains(name)), "{message}");
            return;
        }
    };
    for tag in &tags {
        assert_one_meaning(&settings, tag);
        assert_image_tags_are_recognized(&settings, tag);
        let Some(release) = settings.streams.release(tag) else { continue };
        for alias in settings.aliases(&release).into_iter().flatten() {
            assert!(matches!(settings.meaning(&alias), TagMeaning::Alias(_)), "{alias} of {release} is not recognized");
            assert_one_meaning(&settings, &alias);
        }
    }
}

/// Asserts that what is written under an image tag of this version is taken for one.
fn assert_image_tags_are_recognized(settings: &RepositorySettings, version: &Tag) {
    for platform in settings.tag_scheme.platforms() {
        if let Some(Ok(tag)) = settings.image_tag(version, Some(platform), platform.platform()) {
            let TagMeaning::Image(parsed) = settings.meaning(&tag) else { panic!("{tag} is not only an image tag") };
            assert_eq!((&parsed.version, parsed.platform), (version, platform));
        }
    }
}

/// Asserts that the tag has one meaning, also beside the tags that belong to it.
fn assert_one_meaning(settings: &RepositorySettings, tag: &Tag) {
    let (is_release, is_marker) = (settings.streams.release(tag).is_some(), settings.streams.marker(tag).is_some());
    match settings.meaning(tag) {
        TagMeaning::Alias(template) => {
            assert!(
                !is_release
                    && !is_marker
                    && settings.tag_scheme.parse(tag).is_none()
                    && settings.image_tags.as_ref().is_none_or(|scheme| scheme.parse(tag).is_none()),
                "{tag} is not only an alias"
            );
            assert!(template.gives(tag), "{tag}");
        }
        TagMeaning::Version(platform_tags) => {
            assert!(!is_marker, "{tag} is both a version and a yank marker");
            for PlatformTag { tag: platform_tag, platform } in platform_tags {
                let TagMeaning::Platform(parsed) = settings.meaning(&platform_tag) else {
                    panic!("{platform_tag} of {tag} is not only a platform tag");
                };
                assert_eq!((&parsed.version, parsed.platform), (tag, &platform));
            }
        }
        TagMeaning::Platform(parsed) | TagMeaning::Image(parsed) => assert_ne!(parsed.version, *tag),
        TagMeaning::Marker(marker) => assert_eq!(marker.tag(), tag),
        TagMeaning::NotServed(_) => {}
    }
    assert_eq!(settings.serves(tag), settings.platform_tags(tag).is_ok());
}

/// Asserts that releases are ordered by their numbers, and those of equal numbers by their tags.
fn assert_ordered(releases: &[Release]) {
    let key = |release: &Release| {
        let numbers = [0, 1, 2].map(|position| release.number(position).unwrap());
        // Numbers of equal length are in the order of their texts.
        (numbers.map(|number| format!("{number:0>128}")), release.tag().clone())
    };
    for one in releases {
        for other in releases {
            assert_eq!(one.cmp(other), key(one).cmp(&key(other)), "{one} {other}");
            assert_eq!(one == other, one.cmp(other).is_eq());
        }
        let v = if one.has_v() { "v" } else { "" };
        let [major, minor, patch] = [0, 1, 2].map(|position| one.number(position).unwrap());
        assert_eq!(one.to_string(), format!("{v}{major}.{minor}.{patch}"));
        if let Some(marker) = YankMarker::of(one) {
            assert_eq!(Streams::of_three_numbers([]).unwrap().marker(marker.tag()), Some(marker));
        }
    }
}

/// Uses the tag as a platform tag and as a version: parsing reverses rendering, and no tag is both.
fn assert_parses_both_ways(scheme: &TagScheme, tag: &Tag) {
    if let Some(parsed) = scheme.parse(tag) {
        assert!(scheme.platform_tags(tag).is_err(), "{tag} is both a version and a platform tag");
        if let Ok(tags) = scheme.platform_tags(&parsed.version) {
            let is_same = |one: &PlatformTag| one.tag == *tag && one.platform == *parsed.platform;
            assert!(tags.iter().any(is_same), "{tag} is not among {tags:?}");
        }
    }
    let Ok(tags) = scheme.platform_tags(tag) else { return };
    assert_eq!(tags.len(), scheme.platforms().len());
    assert!(tags.is_sorted_by(|one, other| one.tag < other.tag), "{tags:?}");
    for PlatformTag { tag: platform_tag, platform } in &tags {
        let parsed = scheme.parse(platform_tag).unwrap();
        assert_eq!((&parsed.version, parsed.platform), (tag, platform));
        assert_ne!(platform_tag, tag);
    }
}

/// The content of a repository for one version, as several texts. The first is the manifest under the tag of amd64, the
/// second that of arm64, the third that of the version; the others are manifests and configs that are read by digest.
/// Each text begins with a character for its media type. In a text, `sha256:#4` is replaced with the digest of the text
/// at index 4, counted from 0, which must be a later one.
pub fn version(bytes: &[u8]) {
    published_list(bytes);
}

/// A line with any platforms and annotations, and the texts of [`version`] for them: a manifest list names each platform once,
/// and has these annotations at most.
pub fn platforms(bytes: &[u8]) {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(platforms) = std::str::from_utf8(line) else { return };
    if let Some(list) = published_list_of(platforms, bytes.get(line.len() + 1..).unwrap_or_default()) {
        assert_names_each_platform_once(&list);
        assert_is_annotated(&list, platforms.split_once('|').map_or("", |(_, annotations)| annotations));
    }
}

/// The manifest list that is published for the content that [`version`] describes, if any.
pub fn published_list(bytes: &[u8]) -> Option<ManifestList> {
    let mut texts = texts(bytes)?;
    let list = published(run("linux/amd64,linux/arm64", &texts)?);
    let reversed = published(run("linux/arm64,linux/amd64", &texts)?);
    assert_eq!(list, reversed, "the order of PLATFORMS changes the manifest list");
    let list = list?;
    assert_complete(&list);
    texts.resize(texts.len().max(3), None);
    texts[2] = Some((&list).into());
    let again = run("linux/amd64,linux/arm64", &texts)?;
    assert_eq!(again, Ok(Outcome::Unchanged(list.clone())), "an up-to-date manifest list is not recognized");
    Some(list)
}

/// Asserts that the manifest list names an image of each platform, in order, and nothing that ECR rejects.
fn assert_complete(list: &ManifestList) {
    assert_eq!(list.digest, Digest::sha256(&list.text));
    let document: serde_json::Value = serde_json::from_str(&list.text).unwrap();
    let entries = document["manifests"].as_array().unwrap();
    let descriptors = entries.iter().map(|entry| serde_json::from_value::<Descriptor>(entry.clone()).unwrap());
    let images = descriptors.filter(Descriptor::is_image_of_a_platform);
    let architectures: Vec<_> = images.map(|image| image.platform.unwrap().architecture).collect();
    assert_eq!(architectures, ["amd64", "arm64"], "{}", list.text);
    for entry in entries {
        assert!(entry["platform"]["os.features"].is_null() && entry["platform"]["features"].is_null());
    }
}

/// Asserts that a list has annotations of these keys only, and is of OCI if it has some.
fn assert_is_annotated(list: &ManifestList, setting: &str) {
    let document: serde_json::Value = serde_json::from_str(&list.text).unwrap();
    let Some(annotations) = document["annotations"].as_object() else { return };
    assert!(!annotations.is_empty() && list.media_type == MediaType::OciIndex, "{}", list.text);
    assert!(annotations.keys().all(|key| setting.contains(key.as_str())), "{}", list.text);
}

/// Asserts that a client finds one image of each platform, where it takes an open variant of arm for v7, as containerd
/// does.
fn assert_names_each_platform_once(list: &ManifestList) {
    #[derive(Deserialize)]
    struct Document {
        manifests: Vec<Descriptor>,
    }
    let document: Document = serde_json::from_str(&list.text).unwrap();
    let mut seen = Vec::new();
    for entry in document.manifests.iter().filter(|entry| entry.is_image_of_a_platform()) {
        let mut platform = entry.platform.as_ref().unwrap().normalized();
        if platform.architecture == "arm" && platform.variant.is_empty() {
            "v7".clone_into(&mut platform.variant);
        }
        assert!(!seen.contains(&platform), "{platform} stands twice in {}", list.text);
        seen.push(platform);
    }
}
