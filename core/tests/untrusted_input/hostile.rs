//! Images that are made to take memory, and how much they take at most: the limits are in [`target`] and
//! [`repository`].

use proptest::prelude::*;

use super::repository::{self, SEPARATOR, expanded};
use super::target;

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const ATTESTATION: &str = r#""vnd.docker.reference.type":"attestation-manifest""#;

/// What fills a document: the pairs of a map of strings, the fields of an object, and those of a platform. Fields begin
/// with a comma.
#[derive(Default)]
struct Filling {
    pairs: String,
    fields: String,
    platform: String,
}

/// The ways to fill a document: with many small values, with a large one, or with what grows once it is written.
const FILLERS: &str =
    "pairs,values,long pair,escapes,revision,attested,urls,data,types,platform,numbers,objects,nested,twice";

/// What fills about so many bytes in this way.
fn filling(filler: &str, bytes: usize) -> Filling {
    let pairs = |pairs: String| Filling { pairs, ..Filling::default() };
    let fields = |fields: String| Filling { fields, ..Filling::default() };
    let long = |text: &str| format!("#{{{}*{text}}}#", bytes / text.len());
    match filler {
        "pairs" => pairs(joined(bytes, r##""#n":"""##)),
        "values" => pairs(joined(bytes, &format!(r##""#n":"{}""##, "x".repeat(1_000)))),
        "long pair" => pairs(format!(r#""a":"{}""#, long("x"))),
        "escapes" => pairs(format!(r#""a":"{}""#, long("<"))),
        "revision" => pairs(format!(r#""org.opencontainers.image.revision":"{}""#, long("r"))),
        "attested" => pairs(format!(r#"{ATTESTATION},"vnd.docker.reference.digest":"{}""#, long("d"))),
        "urls" => fields(format!(r#","urls":[{}]"#, joined(bytes, r#""""#))),
        "data" => fields(format!(r#","data":"{}""#, long("x"))),
        "types" => fields(format!(r#","artifactType":"{}""#, long("\\u0001"))),
        "platform" => Filling { platform: format!(r#","variant":"{}""#, long("v")), ..Filling::default() },
        "numbers" => fields(format!(r#","layers":[{}]"#, joined(bytes, "1e308"))),
        "objects" => fields(format!(r#","history":[{}]"#, joined(bytes, r#"{"a":{}}"#))),
        "nested" => fields(format!(r#","rootfs":{}{}"#, "[".repeat(bytes.min(100)), "]".repeat(bytes.min(100)))),
        "twice" => fields(format!(r#","annotations":{{}},"x":{{{}}}"#, joined(bytes, r#""":0"#))),
        other => panic!("{other}"),
    }
}

/// The part so often that it has about so many bytes, and once more without a comma.
fn joined(bytes: usize, part: &str) -> String {
    format!("#{{{}*{part},}}#{}", bytes / (part.len() + 1), part.replace("#n", "last"))
}

/// The field of annotations, if there are any.
fn annotations(pairs: &str) -> String {
    if pairs.is_empty() { String::new() } else { format!(r#","annotations":{{{pairs}}}"#) }
}

/// A document of a certain size, filled in a certain way, in so many parts.
#[derive(Debug, Clone)]
struct Hostile {
    filler: &'static str,
    bytes: usize,
    parts: usize,
}

impl Hostile {
    /// An index of the image at `image`, of the platform, and of other parts that belong to it.
    fn index(&self, image: usize, architecture: &str) -> String {
        let entries: Vec<_> = (0..self.parts).map(|part| self.entry(part, image, architecture)).collect();
        format!(r#"O{{"manifests":[{}]}}"#, entries.join(","))
    }

    /// The first entry is the image of the platform, the others are attestations of it.
    fn entry(&self, part: usize, image: usize, architecture: &str) -> String {
        let Filling { pairs, fields, platform } = filling(self.filler, self.bytes / self.parts);
        let (pairs, fields) = match part {
            0 => {
                let platform = format!(r#"{{"os":"linux","architecture":"{architecture}"{platform}}}"#);
                (pairs, format!(r#"{fields},"platform":{platform}"#))
            }
            _ if self.filler == "attested" => (pairs, fields),
            _ => {
                let attested = format!(r#""vnd.docker.reference.digest":"sha256:#{image}""#);
                let comma = if pairs.is_empty() { "" } else { "," };
                (format!("{ATTESTATION},{attested}{comma}{pairs}"), fields)
            }
        };
        let digest = if part == 0 { format!("#{image}") } else { format!("{part:064x}") };
        format!(r#"{{"mediaType":"{OCI}","size":1,"digest":"sha256:{digest}"{}{fields}}}"#, annotations(&pairs))
    }

    /// An image whose config is the text at this index.
    fn image(&self, config: usize) -> String {
        let Filling { pairs, fields, .. } = filling(self.filler, self.bytes);
        let annotations = annotations(&pairs);
        format!(
            r#"o{{"config":{{"mediaType":"{OCI_CONFIG}","size":9,"digest":"sha256:#{config}"}}{annotations}{fields}}}"#
        )
    }

    fn config(&self, architecture: &str) -> String {
        let Filling { pairs, fields, platform } = filling(self.filler, self.bytes);
        format!(
            r#"c{{"os":"linux","architecture":"{architecture}"{platform}{fields},"config":{{"Labels":{{{pairs}}}}}}}"#
        )
    }
}

/// Sizes below and above the limits of an entry and of an index, with the number of parts.
fn sizes() -> impl Strategy<Value = (usize, usize)> {
    let bytes = prop::sample::select(&[100, 3_000, 60_000, 70_000, 390_000, 390_000, 1_000_000][..]);
    let parts = prop::sample::select(&[1, 1, 1, 1, 2, 10, 17, 900, 7_000][..]);
    (bytes, parts)
}

/// A document that is filled in any way.
fn hostile() -> impl Strategy<Value = Hostile> {
    let filler = prop::sample::select(FILLERS.split(',').collect::<Vec<_>>());
    (filler, sizes()).prop_map(|(filler, (bytes, parts))| Hostile { filler, bytes, parts })
}

/// The documents of one size that are filled in every way.
fn filled(sizes: (usize, usize)) -> impl Iterator<Item = Hostile> {
    FILLERS.split(',').map(move |filler| Hostile { filler, bytes: sizes.0, parts: sizes.1 })
}

/// The texts of a version of two platforms, of which these are filled.
fn version(indexes: &Hostile, list: Option<&Hostile>, images: &Hostile, configs: &Hostile) -> String {
    let list = list.map_or_else(|| "-".to_owned(), |list| list.index(5, "amd64"));
    let texts = [
        indexes.index(3, "amd64"),
        indexes.index(4, "arm64"),
        list,
        images.image(5),
        images.image(6),
        configs.config("amd64"),
        configs.config("arm64"),
    ];
    texts.join(SEPARATOR)
}

const SMALL: Hostile = Hostile { filler: "data", bytes: 10, parts: 2 };

#[test]
fn short_parts_of_a_text_are_repeated() {
    assert_eq!(expanded("a#{3*b#n,}#c#{2*}##{x*y}#"), "ab0,b1,b2,c#{x*y}#");
    assert!(expanded("#{99999999*xy}#").len() < 1 << 20);
}

/// Without versions that are published, the property below would say nothing of assembling.
#[test]
fn hostile_versions_are_published_below_the_limits() {
    for (filler, bytes) in [("pairs", 60_000), ("urls", 60_000), ("escapes", 60_000), ("data", 600_000)] {
        let filled = Hostile { filler, bytes, parts: 10 };
        let list = target::published_list(version(&filled, None, &SMALL, &filled).as_bytes());
        assert!(list.unwrap().text.len() > bytes, "{filler}");
    }
}

/// Escaped, the list would have 12 MB.
#[test]
fn list_that_is_too_large_for_ecr_takes_bounded_memory() {
    let escapes = Hostile { filler: "escapes", bytes: 1_000_000, parts: 17 };
    assert!(target::published_list(version(&escapes, None, &SMALL, &SMALL).as_bytes()).is_none());
}

/// All platforms share an image, so what is kept of it is kept for each of them.
#[test]
fn image_of_many_platforms_takes_its_memory_once() {
    let platforms: Vec<_> = (1..9).map(|variant| format!("linux/arm/v{variant}")).collect();
    for filler in FILLERS.split(',') {
        let indexes = platforms.iter().map(|_| SMALL.index(9, "arm"));
        let image = Hostile { filler, bytes: 1_000_000, parts: 1 }.image(9);
        let texts = indexes.chain(["-".to_owned(), image.replace("#9", &"0".repeat(64))]).collect::<Vec<_>>();
        assert!(repository::reconcile(&platforms.join(","), texts.join(SEPARATOR).as_bytes()).unwrap().is_err());
    }
}

proptest! {
    // Each with all fillers.
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_manifests_take_bounded_memory(sizes in sizes()) {
        for hostile in filled(sizes) {
            for text in [hostile.index(0, "amd64"), hostile.image(0)] {
                target::manifest(text.replace("#0", &"0".repeat(64)).as_bytes());
            }
        }
    }

    #[test]
    fn hostile_configs_take_bounded_memory(sizes in sizes()) {
        for hostile in filled(sizes) {
            target::config(&hostile.config("amd64").as_bytes()[1..]);
        }
    }
}

proptest! {
    // Each reconciles up to four times.
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_versions_take_bounded_memory(
        indexes in hostile(),
        list in prop::option::of(hostile()),
        (image, config) in prop_oneof![3 => Just((SMALL, SMALL)), 1 => (hostile(), hostile())],
    ) {
        let version = version(&indexes, list.as_ref(), &image, &config);
        target::version(version.as_bytes());
        repository::reconcile("linux/amd64,linux/arm64|a,0,1,2,3,f=v", version.as_bytes()).unwrap().ok();
    }
}
