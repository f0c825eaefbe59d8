//! What others do between a read and a write: the list that stays is that of the tags as they stand.

use std::sync::atomic::{AtomicU32, Ordering};

use local_ecr::image::Image;
use local_ecr::{CallInfo, LocalEcr, Mutability, Options, Repush};
use serde_json::json;

use crate::function::Setup;
use crate::world::{World, assert_failure, assert_outcome};

fn complete() -> World {
    let world = World::new();
    world.registry.push("app", Some("1-amd64"), &Image::oci("linux/amd64"));
    world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64"));
    world
}

/// Does something ahead of the first so many writes of the function.
fn ahead_of_writes(world: &World, writes: u32, act: impl Fn(&LocalEcr, u32) + Send + Sync + 'static) {
    let left = AtomicU32::new(writes);
    world.ecr.on_call(move |call: &CallInfo, ecr: &LocalEcr| {
        let is_write = call.operation == "PutImage";
        if is_write && let Ok(now) = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            act(ecr, now);
        }
    });
}

#[test]
fn a_platform_pushed_between_read_and_write_ends_in_the_newer_list() {
    let world = complete();
    ahead_of_writes(&world, 2, |ecr, round| {
        ecr.home().push("app", Some("1-arm64"), &Image::oci("linux/arm64").content(&round.to_string()));
    });
    let published = world.announce("1-arm64").unwrap();
    assert_eq!(published["outcome"], "published");
    assert_eq!(published["digest"], json!(world.registry.tag("app", "1")));
    assert_eq!(world.list("1")["manifests"][1]["digest"], json!(world.registry.tag("app", "1-arm64")));
    assert_eq!(world.calls("PutImage").len(), 3);
}

#[test]
fn writers_that_never_rest_are_given_way_to_after_a_bounded_number_of_rounds() {
    let world = complete();
    ahead_of_writes(&world, u32::MAX, |ecr, round| {
        ecr.home().push("app", Some("1-arm64"), &Image::oci("linux/arm64").content(&round.to_string()));
    });
    assert_failure(&world.announce("1-arm64"), "Contended", &["app:1", "5"]);
    assert_eq!(world.calls("PutImage").len(), 5);
    world.ecr.clear_hooks();
    assert_outcome(&world.announce("1-arm64"), "published");
}

#[test]
fn another_writer_of_the_same_list_is_no_error() {
    let world = complete();
    let first = world.announce("1-arm64").unwrap();
    let list = world.registry.tag("app", "1").unwrap();
    world.registry.untag("app", "1");
    ahead_of_writes(&world, 1, move |ecr, _| {
        ecr.home().retag("app", "1", &list);
    });
    let second = world.announce("1-arm64").unwrap();
    assert_eq!((&second["outcome"], &second["digest"]), (&json!("published"), &first["digest"]));
}

#[test]
fn the_same_list_under_an_immutable_tag_is_no_conflict_in_either_spelling() {
    for repush in [Repush::ImageAlreadyExists, Repush::ImageTagAlreadyExists] {
        let ecr = LocalEcr::start(Options { repush, ..Options::default() }).unwrap();
        let world = World { registry: ecr.home(), function: Setup::with(&ecr).start(), ecr };
        world.registry.push("app", Some("1-amd64"), &Image::oci("linux/amd64"));
        world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64"));
        world.announce("1-arm64").unwrap();
        let list = world.registry.tag("app", "1").unwrap();
        world.registry.untag("app", "1");
        world.registry.set_mutability("app", Mutability::Immutable);
        ahead_of_writes(&world, 1, move |ecr, _| {
            ecr.home().retag("app", "1", &list);
        });
        assert_outcome(&world.announce("1-arm64"), "published");
    }
}

#[test]
fn a_list_overwritten_by_another_before_it_was_confirmed_is_written_again() {
    let world = complete();
    let old = world.announce("1-arm64").unwrap();
    let old = old["digest"].as_str().unwrap().to_owned();
    world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").content("new"));
    let left = AtomicU32::new(1);
    world.ecr.after_call(move |call: &CallInfo, ecr: &LocalEcr| {
        let is_write = call.operation == "PutImage";
        if is_write && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            ecr.home().retag("app", "1", &old);
        }
    });
    let published = world.announce("1-arm64").unwrap();
    assert_eq!(published["digest"], json!(world.registry.tag("app", "1")));
    assert_eq!(world.list("1")["manifests"][1]["digest"], json!(world.registry.tag("app", "1-arm64")));
}

#[test]
fn a_plain_image_pushed_over_the_list_before_it_was_confirmed_is_a_conflict() {
    let world = complete();
    world.ecr.after_call(move |call: &CallInfo, ecr: &LocalEcr| {
        if call.operation == "PutImage" {
            ecr.home().push("app", Some("1"), &Image::oci("linux/s390x"));
        }
    });
    assert_failure(&world.announce("1-arm64"), "TagConflict", &["app:1"]);
}

#[test]
fn no_partial_list_is_ever_visible() {
    let world = World::new();
    for content in ["a", "b", "c"] {
        for platform in ["amd64", "arm64"] {
            let image = Image::oci(&format!("linux/{platform}")).content(content);
            world.push(&format!("1-{platform}"), &image).unwrap();
        }
    }
    let history = world.registry.history("app", "1");
    assert_eq!(history.len(), 5);
    for digest in history {
        assert_eq!(world.list(&digest)["manifests"].as_array().unwrap().len(), 2);
    }
}
