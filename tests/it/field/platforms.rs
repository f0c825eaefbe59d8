//! Images whose configs state a platform in the words of some tool, or a wrong one.

use local_ecr::image::{Artifact, Entry, Image, Index, ToArtifact};
use serde_json::{Value, json};

use super::{bed_for, edited, push_both};
use crate::support::assertions::{assert_failure, assert_outcome};
use crate::support::test_bed::TestBed;

/// A platform as an entry of a list states it.
fn text(platform: &Value) -> String {
    let field = |name: &str| platform[name].as_str().unwrap_or_default();
    let version = Some(field("os.version")).filter(|it| !it.is_empty()).map(|it| format!("({it})")).unwrap_or_default();
    let variant = Some(field("variant")).filter(|it| !it.is_empty()).map(|it| format!("/{it}")).unwrap_or_default();
    format!("{}{version}/{}{variant}", field("os"), field("architecture"))
}

/// Publishes version 1 of images under these tag parts. Returns the platforms of the list, or how it fails.
fn publish(platforms: &str, images: &[(&str, Artifact)]) -> String {
    let bed = bed_for(platforms);
    for (part, image) in images {
        bed.registry.push("app", Some(&format!("1-{part}")), image);
    }
    match bed.assemble("1") {
        Ok(answer) => {
            assert_eq!(answer["outcome"], "published", "{answer:#}");
            let list = bed.list("1");
            let entries = list["manifests"].as_array().unwrap().iter();
            entries.map(|entry| text(&entry["platform"])).collect::<Vec<_>>().join(" ")
        }
        Err(failure) => format!("{}: {}", failure.error_type, failure.message),
    }
}

/// Publishes images of these configs, `part=os/architecture[/variant]`, both of Docker and of OCI.
fn publish_each(platforms: &str, configs: &str) -> [String; 2] {
    [Image::docker, Image::oci].map(|build| {
        let image = |config: &str| {
            let (part, platform) = config.split_once('=').unwrap();
            let image = build(platform).content(part).to_artifact();
            (part.to_owned(), image)
        };
        let images: Vec<_> = configs.split(' ').map(image).collect();
        publish(platforms, &images.iter().map(|(part, image)| (part.as_str(), image.clone())).collect::<Vec<_>>())
    })
}

/// Rows 14 and 44.
#[test]
fn words_of_uname_and_podman_become_those_of_clients() {
    for (platforms, configs, expected) in [
        ("linux/amd64,linux/arm64", "amd64=linux/x86_64 arm64=linux/aarch64", "linux/amd64 linux/arm64"),
        ("linux/amd64,linux/arm64", "amd64=Linux/AMD64 arm64=Linux/ARM64", "linux/amd64 linux/arm64"),
        ("linux/386,linux/arm/v7", "386=linux/i386 armv7=linux/armhf", "linux/386 linux/arm/v7"),
        ("linux/amd64,linux/arm/v7", "amd64=linux/amd64 armv7=linux/arm/7", "linux/amd64 linux/arm/v7"),
        ("linux/amd64,linux/arm/v7", "amd64=linux/amd64 armv7=linux/arm/V7", "linux/amd64 linux/arm/v7"),
    ] {
        assert_eq!(publish_each(platforms, configs), [expected; 2], "{configs}");
    }
    let stated = Index::oci([Entry::new(&Image::oci("linux/arm64")).platform("linux/aarch64")]);
    let images = [("amd64", Image::oci("linux/amd64").to_artifact()), ("arm64", stated.to_artifact())];
    assert_eq!(publish("linux/amd64,linux/arm64", &images), "linux/amd64 linux/arm64");
}

/// Rows 12, 14, 20, 21, 33, 35 and 44: the image of the first tag part is right, the other is refused.
#[test]
fn platform_that_an_image_does_not_have_is_refused() {
    for (platforms, configs, expected) in [
        // kaniko leaves the variant of arm64 on an amd64 image.
        ("linux/arm64,linux/amd64", "arm64=linux/arm64/v8 amd64=linux/amd64/v8", "linux/amd64/v8"),
        // rules_docker and others state amd64 whatever the binary is.
        ("linux/amd64,linux/arm64", "amd64=linux/amd64 arm64=linux/amd64", "linux/amd64"),
        ("linux/amd64,linux/amd64/v3", "amd64=linux/amd64 amd64v3=linux/amd64", "linux/amd64"),
        ("linux/arm64,linux/amd64", "arm64=linux/arm64 amd64=linux/amd64/v3", "linux/amd64/v3"),
        ("linux/amd64,linux/arm/v7", "amd64=linux/amd64 armv7=linux/armv7l/v7", "linux/armv7l/v7"),
        ("linux/amd64,linux/arm/v7", "amd64=linux/amd64 armv7=linux/arm/armv7", "linux/arm/armv7"),
        ("linux/amd64,linux/arm64", "amd64=linux/amd64 arm64=linux/arm64/v7", "linux/arm64/v7"),
        ("linux/amd64,linux/arm64", "amd64=linux/amd64 arm64=linux/arm/v7", "linux/arm/v7"),
        ("linux/amd64,windows(10.0.20348)/amd64=ltsc2022", "amd64=linux/amd64 ltsc2022=windows/amd64", "windows/amd64"),
    ] {
        for refused in publish_each(platforms, configs) {
            assert!(refused.starts_with("PlatformMismatch: "), "{configs}: {refused}");
            assert!(refused.contains(&format!("is an image of {expected}, but its tag is that of")), "{refused}");
        }
    }
    for nothing in ["arm64=/arm64", "arm64=linux/"] {
        for refused in publish_each("linux/amd64,linux/arm64", &format!("amd64=linux/amd64 {nothing}")) {
            assert!(refused.starts_with("UnsupportedImage: "), "{refused}");
            assert!(refused.contains("does not state os and architecture"), "{refused}");
        }
    }
}

/// Row 13: one build of files without code, under both platform tags.
#[test]
fn one_image_for_all_platforms_is_refused() {
    let bed = TestBed::new();
    let files = Image::docker("linux/amd64").content("wasm and configuration");
    push_both(&bed, &files, &files);
    assert_eq!(bed.digest("1-amd64"), bed.digest("1-arm64"));
    let parts = ["app:1-arm64 is an image of linux/amd64", "push an image of linux/arm64 there"];
    assert_failure(&bed.assemble("1"), "PlatformMismatch", &parts);
}

/// Row 19.
#[test]
fn wasm_stands_beside_linux() {
    for (platform, part) in [("wasi/wasm", "wasi-wasm"), ("wasip1/wasm", "wasip1-wasm"), ("linux/wasm", "wasm")] {
        let configs = format!("amd64=linux/amd64 {part}={platform}");
        let expected = format!("linux/amd64 {platform}");
        assert_eq!(publish_each(&format!("linux/amd64,{platform}"), &configs), [expected.clone(), expected]);
    }
}

/// An image of a release of Windows, whose base layer Microsoft alone distributes.
fn windows(release: &str) -> Artifact {
    let image = Image::docker("windows/amd64").content(release).os_version(release).os_features(["win32k"]);
    edited(&image, |manifest| {
        let base = &mut manifest["layers"][0];
        base["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".into();
        base["urls"] = json!(["https://mcr.example/v2/windows/blobs/base"]);
    })
}

/// Row 20.
#[test]
fn releases_of_windows_stand_beside_linux() {
    let platforms = "linux/amd64,windows(10.0.17763)/amd64=ltsc2019,windows(10.0.20348)/amd64=ltsc2022";
    let windows = |linux: Artifact| {
        [("amd64", linux), ("ltsc2019", windows("10.0.17763.6293")), ("ltsc2022", windows("10.0.20348.2700"))]
    };
    let expected = "linux/amd64 windows(10.0.17763.6293)/amd64 windows(10.0.20348.2700)/amd64";
    for linux in [Image::docker, Image::oci] {
        assert_eq!(publish(platforms, &windows(linux("linux/amd64").to_artifact())), expected);
    }
}

/// Row 21.
#[test]
fn levels_of_x86_64_stand_side_by_side() {
    let platforms = "linux/amd64,linux/amd64/v2,linux/amd64/v3,linux/arm64";
    let configs = "amd64=linux/amd64 amd64v2=linux/amd64/v2 amd64v3=linux/amd64/v3 arm64=linux/arm64";
    let expected = "linux/amd64 linux/amd64/v2 linux/amd64/v3 linux/arm64";
    assert_eq!(publish_each(platforms, configs), [expected; 2]);
}

/// Row 35.
#[test]
fn mislabelled_image_is_right_in_an_annotated_list_only() {
    let bed = TestBed::new();
    let [amd64, mislabelled] = ["amd64", "arm64"].map(|binary| Image::docker("linux/amd64").content(binary));
    push_both(&bed, &amd64, &mislabelled);
    assert_failure(&bed.deliver_event("1-arm64"), "PlatformMismatch", &["app:1-arm64", "linux/amd64"]);
    // docker manifest annotate --arch arm64
    let annotated = Index::docker([Entry::new(&amd64), Entry::new(&mislabelled).platform("linux/arm64")]);
    let digest = bed.registry.push("app", Some("1"), &annotated);
    assert_outcome(&bed.deliver_event("1-arm64"), "unchanged");
    assert_eq!(bed.sweep(&json!({"deep": true}))["unchanged"], 1);
    assert_eq!(bed.digest("1"), Some(digest));
}

/// Row 38. An arm image without a variant, as distroless has it, is of the platform of its tag.
#[test]
fn fifteen_platforms_make_one_list() {
    let platforms = "linux/386,linux/amd64,linux/arm/v5,linux/arm/v6,linux/arm/v7,linux/arm/v8,linux/arm64,\
        linux/loong64,linux/mips64le,linux/ppc64le,linux/riscv64,linux/s390x,darwin/arm64,freebsd/amd64,wasi/wasm";
    let part = |platform: &str| platform.trim_start_matches("linux/").replace("arm/", "arm").replace('/', "-");
    let config = |platform: &str| format!("{}={}", part(platform), platform.replace("arm/v7", "arm"));
    let configs: Vec<_> = platforms.split(',').map(config).collect();
    for list in publish_each(platforms, &configs.join(" ")) {
        let mut listed: Vec<_> = list.split(' ').collect();
        let mut expected: Vec<_> = platforms.split(',').collect();
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected);
    }
}
