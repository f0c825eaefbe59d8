//! Annotations of lists, compared with a naive computation from what the images state, and where.

use std::collections::BTreeMap;

use ecr_multiarch_core::oci::annotations::MAX_TAKEN_OVER_BYTES;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::repository::{SEPARATOR, published_list_of};

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const KEYS: [&str; 3] = ["org.b", "a", "org.a/c"];
const SETTING: &str = "org.b, fixed=v\\,w,a,org.a/c";

/// What a place states, by key.
type Statements = BTreeMap<&'static str, String>;

/// An image, and what each of its places states: the entry of its index, the index, its manifest, its config. Without an index,
/// the first two state nothing.
#[derive(Debug, Clone)]
struct Stating {
    has_index: bool,
    places: [Statements; 4],
}

impl Stating {
    /// The value of a key: that of the first place that states it, unless that is too long.
    fn value(&self, key: &str) -> Option<&String> {
        let places = if self.has_index { &self.places[..] } else { &self.places[2..] };
        let stated = places.iter().filter_map(|place| place.get(key));
        stated.clone().find(|value| !value.trim().is_empty()).filter(|value| value.len() <= MAX_TAKEN_OVER_BYTES)
    }

    /// Its index or manifest, its manifest if that is in an index, and its config.
    fn texts(&self, architecture: &str, [manifest, config]: [usize; 2]) -> [String; 3] {
        let [of_entry, of_index, of_manifest, of_config] = &self.places;
        let platform = json!({"os": "linux", "architecture": architecture});
        let entry = json!({"mediaType": OCI, "size": 1, "digest": format!("sha256:#{manifest}"), "platform": platform,
                           "annotations": of_entry});
        let index = json!({"manifests": [entry], "annotations": of_index});
        let descriptor = json!({"mediaType": OCI_CONFIG, "size": 9, "digest": format!("sha256:#{config}")});
        let image = json!({"config": descriptor, "annotations": of_manifest});
        let mut labels = platform;
        labels["config"] = json!({"Labels": of_config});
        let config = format!("c{labels}");
        if self.has_index {
            [format!("O{index}"), format!("o{image}"), config]
        } else {
            [format!("o{image}"), "-".to_owned(), config]
        }
    }
}

/// The list of these images.
fn list(images: &[Stating; 2]) -> String {
    let [amd64, amd64_manifest, amd64_config] = images[0].texts("amd64", [3, 5]);
    let [arm64, arm64_manifest, arm64_config] = images[1].texts("arm64", [4, 6]);
    let unlisted = "-".to_owned();
    let texts = [amd64, arm64, unlisted, amd64_manifest, arm64_manifest, amd64_config, arm64_config];
    let setting = format!("linux/amd64,linux/arm64|{SETTING}");
    published_list_of(&setting, texts.join(SEPARATOR).as_bytes()).unwrap().text
}

fn expected(images: &[Stating; 2]) -> BTreeMap<&'static str, String> {
    let mut expected = BTreeMap::from([("fixed", "v,w".to_owned())]);
    for key in KEYS {
        if let (Some(one), Some(other)) = (images[0].value(key), images[1].value(key))
            && one == other
        {
            expected.insert(key, one.clone());
        }
    }
    expected
}

fn statements() -> impl Strategy<Value = Statements> {
    let value = prop_oneof![
        4 => prop::sample::select(&["a", "a", "a ", "", " ", "<b>", "\u{2028}"][..]).prop_map(str::to_owned),
        1 => prop::sample::select(&[MAX_TAKEN_OVER_BYTES, MAX_TAKEN_OVER_BYTES + 1][..]).prop_map(|size| "x".repeat(size)),
    ];
    prop::collection::btree_map(prop::sample::select(&[KEYS[0], KEYS[1], KEYS[2], "other"][..]), value, 0..4)
}

fn stating() -> impl Strategy<Value = Stating> {
    let places = [statements(), statements(), statements(), statements()];
    (any::<bool>(), places).prop_map(|(has_index, places)| Stating { has_index, places })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn list_takes_over_what_all_images_state(images in [stating(), stating()]) {
        let text = list(&images);
        let document: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&document["annotations"], &json!(expected(&images)));
        let positions: Vec<_> = expected(&images).keys().map(|key| text.rfind(&format!("\"{key}\": "))).collect();
        prop_assert!(positions.is_sorted() && positions.iter().all(Option::is_some), "{}", text);
        prop_assert_eq!(list(&images), text);
    }
}

#[test]
fn place_with_more_than_is_kept_states_anything() {
    let state = |count: usize| {
        let pairs = (0..count).map(|number| (&*format!("k{number}").leak(), "x".repeat(1_000)));
        pairs.chain([("a", "of the manifest".to_owned())]).collect::<Statements>()
    };
    let image = |of_manifest: Statements| {
        let of_config = Statements::from([("a", "of the base".to_owned()), ("org.b", "of the base".to_owned())]);
        Stating { has_index: false, places: [Statements::new(), Statements::new(), of_manifest, of_config] }
    };
    for (count, taken_over) in
        [(10, json!({"fixed": "v,w", "a": "of the manifest", "org.b": "of the base"})), (20, json!({"fixed": "v,w"}))]
    {
        let document: Value = serde_json::from_str(&list(&[image(state(count)), image(state(count))])).unwrap();
        assert_eq!(document["annotations"], taken_over, "{count}");
    }
}
