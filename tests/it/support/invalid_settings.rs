//! Values that stop the start of the function.

use ecr_multiarch_core::settings::variable::Variable;

/// Variables with an invalid value, and what the message must say about valid ones.
pub const INVALID_SETTINGS: [(&str, &str, &str); 14] = [
    ("PLATFORMS", "amd64", "os[(os.version)]/arch"),
    ("TAG_TEMPLATE", "{version}", "{platform}"),
    ("REPOSITORIES", "No Such", "team-a/*"),
    ("VERSION_PATTERN", "(", "regular expression"),
    ("REVISIONS", "some", "same or any"),
    ("ATTESTATIONS", "maybe", "keep or drop"),
    ("STREAMS", r#"[{"name":"main"}]"#, "\"releases\""),
    ("IMAGE_TAGS", "{version}-{platform}", "which is a platform tag"),
    ("ANNOTATIONS", "org.opencontainers.image.created", "equal images must give equal lists"),
    ("ACCOUNTS", "1", "12 digits"),
    ("RULES", "[{}]", "JSON array"),
    ("SWEEP_PUTS_PER_SECOND", "fast", "0.01 to 1000"),
    ("INCOMPLETE_AFTER", "soon", "7d"),
    ("INCOMPLETE_UNTIL", "never", "7d"),
];

/// What stops the start in `STREAMS`, with what the message says.
pub const INVALID_STREAMS: [(&str, [&str; 2]); 5] = [
    (r#"[{"releases":"main-("}]"#, ["STREAMS[0].releases is \"main-(\"", "without closing"]),
    (r#"[{"releases":"main-.*"}]"#, ["STREAMS[0].releases is \"main-.*\"", "no number to order versions by"]),
    (r#"[{},{"releases":"b(?<n>[0-9]+)","aliases":"b{build}"}]"#, ["STREAMS[1].aliases", "only the placeholders {n}"]),
    (r#"[{"releases":"b(?<n>[0-9]+)","aliases":"b{n}"}]"#, ["STREAMS[0].aliases", "can give b1, which is a release"]),
    ("[{},{}]", ["STREAMS is", "a second stream has no \"releases\""]),
];

/// The endpoint variables of the SDK, with invalid values and a part of what is expected.
pub const INVALID_ENDPOINTS: [(&str, &[&str], &str); 4] = [
    ("AWS_ENDPOINT_URL_ECR", INVALID_URLS, "https://"),
    ("AWS_ENDPOINT_URL", INVALID_URLS, "https://"),
    ("AWS_USE_FIPS_ENDPOINT", &["yes"], "not a boolean. Expected true or false"),
    ("AWS_USE_DUALSTACK_ENDPOINT", &["1"], "not a boolean. Expected true or false"),
];
const INVALID_URLS: &[&str] =
    &["not a url", "localhost:4566", "ftp://ecr.example", "http://", "https://a b", "http://a?b=c"];

/// Values that the deployment template rejects as well.
pub const REJECTED_BY_THE_TEMPLATE: [(Variable, &[&str]); 16] = [
    (
        Variable::Platforms,
        &["", "amd64", "linux/amd64,", "linux/amd64;linux/arm64", "Linux/amd64", "linux/amd64=a/b", "windows(/amd64"],
    ),
    (
        Variable::TagTemplate,
        &["", "{version}", "{version}-{platform}-{platform}", "{version}/{platform}", "-{version}-{platform}", "x"],
    ),
    (Variable::Repositories, &["", "Team", "team a", "app:1", "app,", "a?"]),
    (Variable::Revisions, &["", "Same", "none"]),
    (Variable::Attestations, &["", "Keep", "yes"]),
    (
        Variable::Aliases,
        &["latest,", "a/b", "latest;1", "{major} {minor}", "{patch}", "-latest", ".{major}", "{major", "major}"],
    ),
    (Variable::Streams, &["latest", "{}", r#"["latest"]"#, r#"{"aliases":"latest"}"#, r#"[{"release":"x"}]"#]),
    (Variable::ImageTags, &["{version}", "{version}_{arch}", "-{version}_{platform}", "{version}/{platform}"]),
    (Variable::Annotations, &[",", "a,", "=b", "a=b,=c", "a b", "index:a=b", r"a\,b=c", ".a=b", " "]),
    (Variable::Accounts, &["123", "1111222233334", "a"]),
    (Variable::Regions, &["eu", "EU-west-1", "eu-west-1/x"]),
    (
        Variable::Rules,
        &["{", r#"{"repositories":["a*"]}"#, "none", "[{}]", r#"["a*"]"#, r#"[{"platforms":"linux/amd64"}]"#],
    ),
    (Variable::SweepPutsPerSecond, &["", "0", "-1", "1001", "NaN", "inf", "two"]),
    (Variable::SettledAfter, &["", "3", "3 h"]),
    (Variable::IncompleteAfter, &["", "1", "h", "1w", "+1h", "1.5h", "1 h"]),
    (Variable::IncompleteUntil, &["", "7", "d", "1w", "-1d"]),
];

/// Two settings that contradict each other, with what the message says.
pub type Contradiction = ([(Variable, &'static str); 2], [&'static str; 2]);

/// Settings of which each is valid alone. The template has a rule for each pair.
pub const INVALID_TOGETHER: [Contradiction; 3] = [
    (
        [(Variable::Streams, r#"[{"aliases":"newest"}]"#), (Variable::Aliases, "latest")],
        ["STREAMS is", "aliases are set, too"],
    ),
    (
        [(Variable::TagTemplate, "{version}_{platform}"), (Variable::ImageTags, "{version}_{platform}")],
        ["IMAGE_TAGS is", "which is a platform tag"],
    ),
    (
        [(Variable::IncompleteAfter, "2d"), (Variable::IncompleteUntil, "2d")],
        ["INCOMPLETE_UNTIL is", "not longer than INCOMPLETE_AFTER"],
    ),
];
