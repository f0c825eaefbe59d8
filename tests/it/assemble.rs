//! From pushes to lists: what is published, when, and with which bytes.

use local_ecr::image::Image;
use serde_json::json;

use crate::world::World;

#[test]
fn the_last_platform_publishes_the_list() {
    let world = World::new();
    let waiting = world.push("1.2.3-amd64", &Image::docker("linux/amd64"));
    assert_eq!(waiting["outcome"], "waiting");
    assert_eq!(waiting["missing"], json!(["linux/arm64"]));
    assert_eq!(world.registry.tag("app", "1.2.3"), None);

    let published = world.push("1.2.3-arm64", &Image::docker("linux/arm64/v8"));
    assert_eq!(published["outcome"], "published", "{published:#}");
    assert_eq!(published["digest"], json!(world.registry.tag("app", "1.2.3")));
}
