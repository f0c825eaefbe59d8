//! Untrusted input: any bytes from outside are accepted, or rejected with a typed error.
//!
//! The properties are in [`target`], which the fuzz targets under `fuzz/` share. The inputs that those kept are
//! in `corpus/`, and are replayed here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test crate exports nothing")]

mod annotations;
mod boundaries;
mod hostile;
#[path = "../support/memory.rs"]
mod memory;
mod repository;
mod target;

use std::fs;
use std::path::Path;

use ecr_multiarch_core::ManifestList;
use ecr_multiarch_core::oci::media_type::MediaType;
use proptest::prelude::*;

use target::ALL;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/untrusted_input/corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

#[test]
fn corpus_holds() {
    for (name, target) in ALL {
        let files = corpus(name);
        assert!(files.len() >= 5, "the corpus of {name} is gone");
        for (file, bytes) in files {
            let held = std::panic::catch_unwind(|| target(&bytes));
            assert!(held.is_ok(), "{file}");
        }
    }
}

#[test]
fn corpus_has_versions_that_are_published() {
    let published = corpus("version").into_iter().filter(|(_, bytes)| target::published_list(bytes).is_some());
    let names = published.map(|(file, _)| file.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>();
    for name in ["plain", "oci", "attested", "docker-lists", "mixed-unsaid-platform", "os-features", "replaces-a-list"]
    {
        assert!(names.iter().any(|one| one == name), "{name} is not among {names:?}");
    }
}

/// The words of valid inputs, and the empty one.
const WORDS: &str = "action,assemble,sweep,repository,repositories,version,dry_run,force,deep,account,region,source,\
    aws.ecr,detail-type,ECR Image Action,detail,action-type,PUSH,result,SUCCESS,repository-name,image-tag,app,\
    1.2.3-amd64,123456789012,eu-central-1,time,";

/// JSON of any shape, with these words.
fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let words: Vec<_> = WORDS.split(',').map(str::to_owned).collect();
    let word = prop_oneof![4 => prop::sample::select(words), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(word.clone(), inner, 0..9).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Text of the corpus with a part of it cut out, doubled or replaced.
fn mutated(target: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let files: Vec<_> = corpus(target).into_iter().map(|(_, bytes)| bytes).collect();
    let at = any::<prop::sample::Index>;
    (prop::sample::select(files), at(), at(), prop::collection::vec(any::<u8>(), 0..3), any::<bool>()).prop_map(
        |(mut bytes, one, other, put, doubled)| {
            if bytes.is_empty() {
                return put;
            }
            let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
            let (from, to) = (one.min(other), one.max(other).min(one.min(other) + 12));
            let cut = bytes[from..to].to_vec();
            let put = if doubled { [cut.clone(), put, cut].concat() } else { put };
            bytes.splice(from..to, put);
            bytes
        },
    )
}

fn tag() -> impl Strategy<Value = String> {
    // Composed of few parts, so that versions often contain the parts of platforms and templates.
    let part = prop::sample::select(&["1", "a", "aa", "amd64", "windows", "arm", "v7", "-", "_", "."][..]);
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.concat())
}

/// A platform of the settings, an image that may be one of it, and how its tag names the image.
#[derive(Debug, Clone)]
struct Pushed {
    configured: &'static str,
    kind: char,
    config: String,
    entry: String,
}

/// The JSON of a platform close to a configured one.
fn similar_platform(os: &'static str, architecture: &'static str) -> impl Strategy<Value = String> {
    let variants = prop::sample::select(&["", "", "v5", "v6", "v7", "6", "7", "v2", "v8"][..]);
    let os_versions = prop::sample::select(&["", "", "1", "1.5", "2", "10.0.1", "10.0.2"][..]);
    (variants, os_versions).prop_map(move |(variant, os_version)| {
        format!(r#"{{"os":"{os}","architecture":"{architecture}","variant":"{variant}","os.version":"{os_version}"}}"#)
    })
}

fn pushed() -> impl Strategy<Value = Pushed> {
    const CONFIGURED: [(&str, &str, &str); 14] = [
        ("linux/arm", "linux", "arm"),
        ("linux/arm/v6", "linux", "arm"),
        ("linux/arm/v6", "linux", "armel"),
        ("linux/arm/v7", "linux", "arm"),
        ("linux/arm/7", "linux", "armhf"),
        ("linux(1)/arm", "linux", "arm"),
        ("linux(1)/arm/v7", "linux", "arm"),
        ("freebsd/arm/v7", "freebsd", "arm"),
        ("linux/amd64", "linux", "x86_64"),
        ("linux/amd64/v2", "linux", "amd64"),
        ("linux/arm64", "linux", "aarch64"),
        ("windows/amd64", "windows", "amd64"),
        ("windows(10.0)/amd64", "windows", "amd64"),
        ("windows(10.0.1)/amd64", "windows", "amd64"),
    ];
    let kind = prop::sample::select(&['d', 'o', 'O', 'D'][..]);
    (prop::sample::select(&CONFIGURED[..]), kind).prop_flat_map(|((configured, os, architecture), kind)| {
        let entry = prop_oneof![Just("null".to_owned()), similar_platform(os, architecture)];
        (similar_platform(os, architecture), entry).prop_map(move |(config, entry)| Pushed {
            configured,
            kind,
            config,
            entry,
        })
    })
}

/// The input of [`target::platforms`] for these images.
fn platforms_input(images: &[Pushed]) -> String {
    let (count, config_type) = (images.len(), "application/vnd.docker.container.image.v1+json");
    let platforms = images.iter().enumerate().map(|(index, image)| format!("{}=p{index}", image.configured));
    let line = platforms.collect::<Vec<_>>().join(",");
    let manifest = |letter: char, index: usize| {
        let config = 2 * count + 1 + index;
        format!(
            r#"{letter}{{"config":{{"mediaType":"{config_type}","size":9,"digest":"sha256:#{config}"}},"n":{index}}}"#
        )
    };
    let tagged = images.iter().enumerate().map(|(index, image)| match image.kind {
        kind @ ('O' | 'D') => {
            let media_type = if kind == 'O' { MediaType::OciManifest } else { MediaType::DockerManifest };
            let (child, entry) = (count + 1 + index, &image.entry);
            format!(
                r#"{kind}{{"manifests":[{{"mediaType":"{media_type}","size":9,"digest":"sha256:#{child}","platform":{entry}}}]}}"#
            )
        }
        kind => manifest(kind, index),
    });
    let children = images.iter().enumerate().map(|(index, image)| match image.kind {
        'O' => manifest('o', index),
        'D' => manifest('d', index),
        _ => "-".to_owned(),
    });
    let configs = images.iter().map(|image| format!("c{}", image.config));
    let texts = tagged.chain(["-".to_owned()]).chain(children).chain(configs).collect::<Vec<_>>();
    format!("{line}\n{}", texts.join(repository::SEPARATOR))
}

/// The list that is published for an input of [`target::platforms`].
fn published(input: &str) -> Option<ManifestList> {
    let (line, texts) = input.split_once('\n').unwrap();
    repository::published_list_of(line, texts.as_bytes())
}

/// The variant of each entry of that list.
fn variants(input: &str) -> Vec<Option<String>> {
    let document: serde_json::Value = serde_json::from_str(&published(input).unwrap().text).unwrap();
    let entries = document["manifests"].as_array().unwrap().iter();
    entries.map(|entry| entry["platform"]["variant"].as_str().map(str::to_owned)).collect()
}

/// An image whose config and entry leave the variant open.
fn open(configured: &'static str, kind: char, architecture: &str) -> Pushed {
    let open = format!(r#"{{"os":"linux","architecture":"{architecture}"}}"#);
    Pushed { configured, kind, config: open.clone(), entry: open }
}

/// The images of the audit: classic builders leave the variant of arm open.
#[test]
fn open_variants_are_told_apart_in_every_layout() {
    for kinds in [['d', 'd'], ['o', 'd'], ['O', 'O'], ['D', 'D'], ['O', 'd']] {
        let input = platforms_input(&[open("linux/arm/v6", kinds[0], "arm"), open("linux/arm/v7", kinds[1], "arm")]);
        assert_eq!(variants(&input), [Some("v6".to_owned()), Some("v7".to_owned())], "{kinds:?}");
        target::platforms(input.as_bytes());
    }
}

/// With one platform of arm, the bytes are those of the docker tools.
#[test]
fn open_variant_of_the_only_arm_platform_stays_open() {
    for (kind, variant) in [('d', None), ('O', None), ('D', None), ('o', Some("v6"))] {
        let input = platforms_input(&[open("linux/arm/v6", kind, "arm"), open("linux/amd64", kind, "amd64")]);
        assert_eq!(variants(&input)[0].as_deref(), variant, "{kind}");
    }
}

#[test]
fn platforms_property_is_not_vacuous() {
    let files = corpus("platforms");
    let published = files.iter().filter(|(_, bytes)| published(std::str::from_utf8(bytes).unwrap()).is_some());
    assert!(published.count() >= 5);
}

fn alias_template() -> impl Strategy<Value = String> {
    let part = prop::sample::select(
        &["{major}", "{minor}", "{major}", "{minor}", ".", ".", "-", "v", "0", "1", "2", "latest", "yanked-", "a"][..],
    );
    let any = prop::collection::vec(part, 1..6).prop_map(|parts| parts.concat());
    // What can give a release, or almost can.
    let number = || prop::sample::select(&["{major}", "{minor}", "0", "10", "x", ""][..]);
    let start = prop::sample::select(&["", "v", "yanked-", "a"][..]);
    let like_release = (start, number(), number(), number());
    prop_oneof![2 => any, 1 => like_release.prop_map(|(start, one, two, three)| format!("{start}{one}.{two}.{three}"))]
}

/// Releases, and what almost is one.
fn release_like() -> impl Strategy<Value = String> {
    let part = prop::sample::select(&["0", "1", "2", "01", "12", "2022", ".", ".", ".", "v", "-", "yanked-", "a"][..]);
    let release = "v?(0|1|2|01|10|22)\\.(0|1|2|01|10|22)\\.(0|1|2|01|10|22)";
    prop_oneof![2 => release, 1 => prop::collection::vec(part, 1..7).prop_map(|parts| parts.concat())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_is_parsed_or_refused(value in json()) {
        target::input(value.to_string().as_bytes());
    }

    #[test]
    fn any_tag_parses_both_ways(
        (before, between, after) in ("[a1_.-]{0,2}", "[a1_.-]{0,2}", "[a1_.-]{0,2}"),
        version_first: bool,
        parts in prop::collection::vec(tag(), 1..4),
        tags in prop::collection::vec(tag(), 4),
    ) {
        let (first, second) = if version_first { ("{version}", "{platform}") } else { ("{platform}", "{version}") };
        let architectures = ["amd64", "arm64", "s390x"];
        let platforms = architectures.iter().zip(&parts).map(|(architecture, part)| format!("linux/{architecture}={part}"));
        let platforms = platforms.collect::<Vec<_>>().join(",");
        let [before, between, after] = [before.as_str(), &between, &after];
        let composed = tags.iter().flat_map(|version| {
            parts.iter().map(move |part| {
                let (one, other) = if version_first { (version, part) } else { (part, version) };
                [before, one, between, other, after].concat()
            })
        });
        let lines = composed.chain(tags.iter().cloned()).collect::<Vec<_>>().join("\n");
        target::tag_scheme(format!("{before}{first}{between}{second}{after}\n{platforms}\n{lines}").as_bytes());
    }

    #[test]
    fn no_tag_has_two_meanings(
        templates in prop::collection::vec(alias_template(), 1..=2),
        (before, between) in ("[a1.-]{0,1}", "[a1.-]{0,2}"),
        version_first: bool,
        part in prop::sample::select(&["amd64", "1", "2022", "v1", "0.1"][..]),
        tags in prop::collection::vec(release_like(), 6),
    ) {
        let (first, second) = if version_first { ("{version}", "{platform}") } else { ("{platform}", "{version}") };
        let tag_template = format!("{before}{first}{between}{second}");
        let platform_tag = tag_template.replace("{version}", &tags[0]).replace("{platform}", part);
        let lines = [templates.join(","), tag_template, format!("linux/amd64={part}"), platform_tag, tags.join("\n")];
        target::aliases(lines.join("\n").as_bytes());
    }

    #[test]
    fn releases_are_ordered_as_numbers(tags in prop::collection::vec("v?(0{0,2}[0-9]{1,25}\\.){2}[0-9]{1,3}", 4)) {
        target::aliases(format!("\n{{version}}-{{platform}}\nlinux/amd64\n{}", tags.join("\n")).as_bytes());
    }

    #[test]
    fn any_aliases_are_a_policy_or_refused(bytes in mutated("aliases")) {
        target::aliases(&bytes);
    }

    #[test]
    fn any_bytes_are_a_config_or_refused(bytes in prop_oneof![mutated("config"), prop::collection::vec(any::<u8>(), 0..64)]) {
        target::config(&bytes);
    }

    #[test]
    fn any_variables_are_settings_or_one_is_named(bytes in mutated("settings")) {
        target::settings(&bytes);
    }

    #[test]
    fn any_platforms_stand_once_in_a_list(images in prop::collection::vec(pushed(), 2..4)) {
        target::platforms(platforms_input(&images).as_bytes());
    }

    #[test]
    fn any_bytes_of_platforms_hold(bytes in mutated("platforms")) {
        target::platforms(&bytes);
    }

    #[test]
    fn any_images_give_a_complete_list_or_none(bytes in mutated("version")) {
        target::version(&bytes);
    }
}
