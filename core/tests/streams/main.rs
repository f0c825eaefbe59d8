//! Streams: which versions are releases of which stream, in what order, and which aliases follow them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by a panic")]

mod invalid;
mod properties;

use std::sync::Arc;

use ecr_multiarch_core::{Release, RepositorySettings, Settings, Tag, TagMeaning};

fn parse(variables: &[(&str, &str)]) -> Result<Arc<RepositorySettings>, String> {
    let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let platforms = lookup("PLATFORMS").unwrap_or_else(|| "linux/amd64,linux/arm64".to_owned());
    let settings =
        Settings::from_lookup(|name| if name == "PLATFORMS" { Some(platforms.clone()) } else { lookup(name) });
    let settings = settings.map_err(|error| error.to_string())?;
    Ok(Arc::clone(settings.for_repository(&"app".parse().unwrap()).unwrap()))
}

fn streams(json: &str) -> Arc<RepositorySettings> {
    parse(&[("STREAMS", json)]).unwrap()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn release(settings: &RepositorySettings, version: &str) -> Option<Release> {
    settings.release(&tag(version))
}

/// The aliases of a version, or `None` where it is not a release. What cannot be an alias has its reason in brackets.
fn aliases(settings: &RepositorySettings, version: &str) -> Option<String> {
    let aliases = settings.aliases(&release(settings, version)?).into_iter().map(|alias| match alias {
        Ok(alias) => alias.to_string(),
        Err(unusable) => format!("{} ({})", unusable.text, unusable.reason),
    });
    Some(aliases.collect::<Vec<_>>().join(" "))
}

#[track_caller]
fn check_aliases(json: &str, cases: &[(&str, Option<&str>)]) {
    let settings = streams(json);
    for (version, expected) in cases {
        assert_eq!(aliases(&settings, version).as_deref(), *expected, "{version}");
    }
}

/// Versions in ascending order, each of a line of its own, or all of one.
#[track_caller]
fn check_order(json: &str, ascending: &str) {
    let settings = streams(json);
    let releases: Vec<_> = ascending.split(' ').map(|version| release(&settings, version).expect(version)).collect();
    assert!(releases.is_sorted_by(|one, other| one < other), "{releases:?}");
}

#[test]
fn builds_of_a_trunk_are_ordered_by_their_number() {
    let json = r#"[{"releases":"main-(?<build>\\d+)-[0-9a-f]{7,40}","aliases":"main,edge"}]"#;
    check_aliases(
        json,
        &[
            ("main-412-3f9c2d1", Some("main edge")),
            ("main-3f9c2d1", None),
            ("1.2.3", None),
            ("main-412-3f9c2d1x", None),
        ],
    );
    check_order(json, "main-9-ffffff9 main-010-bbbbbbb main-10-aaaaaaa main-11-0000000");
}

#[test]
fn text_parts_the_lines() {
    check_aliases(
        r#"[{"releases":"(?<major>\\d+)\\.(?<minor>\\d+)\\.(?<patch>\\d+)(-(?<flavor>alpine|slim))?",
             "aliases":"{major}.{minor},latest,{major}.{minor}-{flavor},latest-{flavor}"}]"#,
        &[
            ("1.2.3", Some("1.2 latest")),
            ("1.2.3-alpine", Some("1.2-alpine latest-alpine")),
            ("1.2.3-debian", None),
            ("v1.2.3", None),
        ],
    );
}

#[test]
fn text_may_carry_its_own_hyphen() {
    check_aliases(
        r#"[{"releases":"(?<major>\\d+)\\.(?<minor>\\d+)(?<flavor>-alpine|)","aliases":"{major}{flavor},latest{flavor},{flavor}"}]"#,
        &[(
            "16.2",
            Some(
                "16 latest  (it is not a legal tag, which has at most 128 characters and begins with neither a \
                           dot nor a hyphen; change the alias template)",
            ),
        )],
    );
}

#[test]
fn further_numbers_and_calendars_are_ordered() {
    check_order(
        r#"[{"releases":"(?<a>\\d+)\\.(?<b>\\d+)\\.(?<c>\\d+)\\.(?<d>\\d+)","aliases":"{a}.{b}.{c},{a}"}]"#,
        "1.2.3.4 1.2.3.10 1.2.4.0 1.10.0.0",
    );
    check_order(
        r#"[{"releases":"(?<year>20\\d\\d)\\.(?<month>\\d{1,2})(?:\\.(?<fix>\\d+))?","aliases":"{year},latest"}]"#,
        "2024.04 2024.4 2024.4.1 2024.10 2025.1",
    );
}

#[test]
fn absent_number_is_zero() {
    check_order(r#"[{"releases":"(?<a>\\d+)(\\.(?<b>\\d+))?","aliases":"v{a},latest"}]"#, "1 1.0 1.1 2");
}

#[test]
fn last_match_of_a_repeated_group_counts() {
    check_order(r#"[{"releases":"r(-(?<n>\\d+))+","aliases":"latest"}]"#, "r-9-1 r-1-2");
}

#[test]
fn branches_are_lines_of_their_own() {
    check_aliases(
        r#"[{"releases":"(?<branch>[a-z][a-z0-9-]*)-(?<build>\\d+)","aliases":"{branch}"}]"#,
        &[
            ("main-7", Some("main")),
            ("feature-x-12", Some("feature-x")),
            ("x-amd64-7", Some("x-amd64 (it is a platform tag, which no alias replaces; change the alias template)")),
            ("a-1-2", Some("a-1 (it is itself a release, which no alias replaces; change the alias template)")),
        ],
    );
    let yanked = streams(r#"[{"releases":"(?<branch>[a-z0-9-]+)/?-b(?<build>\\d+)","aliases":"{branch}"}]"#);
    let aliases = aliases(&yanked, "yanked-x-b1-b2");
    assert_eq!(aliases, None, "{aliases:?}: it is the marker of x-b1-b2, or none");
}

#[test]
fn number_template_that_gives_a_release_is_found_when_it_does() {
    check_aliases(
        r#"[{"releases":"20(?<a>2\\d)(-(?<b>\\d+))?","aliases":"{a},20{a}"}]"#,
        &[
            ("2024-1", Some("24 2024 (it is itself a release, which no alias replaces; change the alias template)")),
            ("2024", Some("24 2024 (it is itself a release, which no alias replaces; change the alias template)")),
        ],
    );
}

#[test]
fn alias_belongs_to_the_first_stream_that_can_give_it() {
    check_aliases(
        r#"[{"aliases":"{major},latest"},{"releases":"nightly-(?<date>\\d+)-x","aliases":"{date},nightly"}]"#,
        &[
            ("1.2.3", Some("1 latest")),
            (
                "nightly-20261129-x",
                Some(
                    "20261129 (it belongs to an earlier stream, whose alias template \"{major}\" can give it; change one \
                     of the templates) nightly",
                ),
            ),
        ],
    );
}

#[test]
fn version_belongs_to_the_first_stream_that_matches() {
    check_aliases(
        r#"[{"releases":"(?<n>\\d+)\\..*","aliases":"first"},{"aliases":"second"}]"#,
        &[("1.2.3", Some("first")), ("v1.2.3", Some("second"))],
    );
}

#[test]
fn release_of_a_stream_is_not_an_alias() {
    let settings = streams(r#"[{"aliases":"{major}.{minor},{major}"},{"releases":"(?<commit>\\d{7})"}]"#);
    assert!(matches!(settings.meaning(&tag("1234567")), TagMeaning::Version(_)));
    assert!(matches!(settings.meaning(&tag("123456")), TagMeaning::Alias(_)));
    assert_eq!(aliases(&settings, "1234567").unwrap(), "");
}

#[test]
fn version_that_the_pattern_excludes_is_not_a_release() {
    let json = r#"[{"releases":"v?(?<n>\\d+)","aliases":"latest,v{n}x"}]"#;
    let settings = parse(&[("STREAMS", json), ("VERSION_PATTERN", r"\d+")]).unwrap();
    assert!(release(&settings, "1").is_some() && release(&settings, "v1").is_none());
}

#[test]
fn rule_replaces_both_variables() {
    let trunk = r#"[{"releases":"b(?<n>\\d+)","aliases":"edge"}]"#;
    let rule = |fields: &str| format!(r#"[{{"repositories":["app"],{fields}}}]"#);
    let settings = |variable, value, fields: &str| parse(&[(variable, value), ("RULES", &rule(fields))]).unwrap();
    for (variable, value, fields, expected) in [
        ("STREAMS", trunk, r#""aliases":"latest""#.to_owned(), [None, Some("latest")]),
        ("ALIASES", "latest", format!(r#""streams":{trunk}"#), [Some("edge"), None]),
        ("STREAMS", trunk, r#""aliases":"""#.to_owned(), [None, None]),
        ("STREAMS", "[]", r#""aliases":"latest","streams":[]"#.to_owned(), [None, Some("latest")]),
        ("ALIASES", "latest", r#""streams":[]"#.to_owned(), [None, None]),
        ("ALIASES", "latest", r#""streams":"""#.to_owned(), [None, None]),
        ("STREAMS", trunk, r#""revisions":"any""#.to_owned(), [Some("edge"), None]),
    ] {
        let settings = settings(variable, value, &fields);
        assert_eq!(
            ["b1", "1.2.3"].map(|version| aliases(&settings, version)),
            expected.map(|one| one.map(str::to_owned))
        );
    }
}

#[test]
fn yank_marker_names_a_release_of_any_stream() {
    let settings = streams(r#"[{"releases":"main-(?<build>\\d+)","aliases":"main"}]"#);
    assert!(matches!(settings.meaning(&tag("yanked-main-7")), TagMeaning::Marker(_)));
    assert!(matches!(settings.meaning(&tag("yanked-1.2.3")), TagMeaning::Version(_)));
}
