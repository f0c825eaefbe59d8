//! How much memory the process takes at the most, whatever a repository holds.

use std::fs;

use local_ecr::image::{Content, Image};
use local_ecr::media_type::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use local_ecr::{BLOB, Fault, FaultKind, digest_of};

use crate::faults::version::PLATFORMS;
use crate::function::{Failure, assemble, push_event};
use crate::world::World;

/// The longest manifest that ECR takes.
const MAX_MANIFEST: usize = 4 << 20;
/// Half of the memory of the smallest function that Lambda offers: its runtime needs some as well.
const ENOUGH: u64 = 64 << 20;

/// The most memory that the process ever had, in bytes.
fn peak(world: &World) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", world.function.process_id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// A text of as many parts as ECR takes.
fn filled(before: &str, part: impl Fn(usize) -> String, after: &str) -> String {
    let mut text = before.to_owned();
    for index in 0.. {
        let part = part(index);
        if text.len() + part.len() + after.len() > MAX_MANIFEST {
            break;
        }
        text.push_str(&part);
    }
    text + after
}

/// One of as many short fields of an object as there is room for.
fn field(index: usize) -> String {
    format!("{}\"{index:x}\":\"\"", if index == 0 { "" } else { "," })
}

/// Puts the text under both platforms' tags, and says how it was answered.
#[track_caller]
fn check(media_type: &str, text: &str, error_type: &str) {
    assert!(text.len() <= MAX_MANIFEST);
    let world = World::new();
    for platform in PLATFORMS {
        // One byte makes it another image, as two builds are.
        world.registry.store_raw(
            "app",
            Some(&format!("1-{platform}")),
            media_type,
            format!("{text}{platform:.0}"),
            None,
        );
    }
    let Err(Failure { error_type: found, message }) = world.function.invoke(&assemble("app", "1")) else {
        panic!("it was taken for an image");
    };
    assert_eq!(found, error_type, "{message:.300}");
    assert!(message.len() < 1_000, "the message has {} bytes", message.len());
    assert!(peak(&world) < ENOUGH, "it took {} bytes", peak(&world));
}

#[test]
fn the_largest_manifests_fit_into_the_smallest_function() {
    let entry = |index: usize| {
        let comma = if index == 0 { "" } else { "," };
        format!("{comma}{{\"mediaType\":\"m\",\"size\":1,\"digest\":\"{}\"}}", digest_of(index.to_string().as_bytes()))
    };
    check(OCI_INDEX, &filled("{\"manifests\":[", entry, "]}"), "UnsupportedImage");
    check(OCI_INDEX, &filled("{\"annotations\":{", field, "},\"manifests\":[]}"), "UnsupportedImage");
    check(OCI_MANIFEST, &filled("{\"annotations\":{", field, "}}"), "UnsupportedImage");
}

/// Indexes that hold an image of their platform and are published, however much else they say.
#[test]
fn the_largest_indexes_that_are_published_fit_into_the_smallest_function() {
    let world = World::new();
    for platform in PLATFORMS {
        let image = Image::oci(&format!("linux/{platform}")).artifact();
        world.registry.push("app", None, &image);
        let before = format!(
            "{{\"schemaVersion\":2,\"manifests\":[{{\"mediaType\":\"{OCI_MANIFEST}\",\"size\":{},\"digest\":\"{}\"}}],\"annotations\":{{",
            image.manifest.len(),
            image.digest()
        );
        world.registry.store_raw("app", Some(&format!("1-{platform}")), OCI_INDEX, filled(&before, field, "}}"), None);
    }
    let answer = world.function.invoke(&assemble("app", "1")).unwrap();
    assert_eq!(answer["outcome"], "published");
    assert!(peak(&world) < ENOUGH, "it took {} bytes", peak(&world));
}

#[test]
fn a_config_without_end_is_given_up() {
    let world = World::new();
    world.ecr.faults().add(Fault::on(BLOB, FaultKind::Endless));
    world.registry.push("app", Some("1-amd64"), &Image::docker("linux/amd64"));
    world.registry.push("app", Some("1-arm64"), &Image::docker("linux/arm64"));
    let failure = world.function.invoke(&push_event("app", "1-arm64")).unwrap_err();
    assert_eq!(failure.error_type, "CorruptImage");
    assert!(peak(&world) < ENOUGH, "it took {} bytes", peak(&world));
}

#[test]
fn the_largest_configs_fit_into_the_smallest_function() {
    let world = World::new();
    for platform in PLATFORMS {
        let before = format!("{{\"architecture\":\"{platform}\",\"os\":\"linux\",\"config\":{{\"Labels\":{{");
        let config = filled(&before, field, "}}}");
        let manifest = format!(
            "{{\"schemaVersion\":2,\"layers\":[],\"config\":{{\"mediaType\":\"{OCI_CONFIG}\",\"size\":{},\"digest\":\"{}\"}}}}",
            config.len(),
            digest_of(config.as_bytes())
        );
        world.registry.store_blob("app", config, None);
        world.registry.store_raw("app", Some(&format!("1-{platform}")), OCI_MANIFEST, manifest, None);
    }
    let answer = world.function.invoke(&assemble("app", "1")).unwrap();
    assert_eq!(answer["outcome"], "published");
    assert!(peak(&world) < ENOUGH, "it took {} bytes", peak(&world));
}

#[test]
fn a_config_that_says_it_is_larger_than_any_is_not_even_fetched() {
    let world = World::new();
    let artifact = Image::oci("linux/amd64").artifact();
    let size = format!("\"size\": {}", artifact.blobs[0].len());
    let text = String::from_utf8(artifact.manifest.to_vec()).unwrap().replacen(&size, "\"size\": 99999999999", 1);
    world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64"));
    world.registry.store_raw("app", Some("1-amd64"), OCI_MANIFEST, text, None);
    let failure = world.function.invoke(&assemble("app", "1")).unwrap_err();
    assert_eq!(failure.error_type, "UnsupportedImage");
    assert!(world.ecr.journal().iter().all(|call| call.operation != BLOB));
}
