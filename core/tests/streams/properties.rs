//! Properties of all streams, over generated numbers, texts and tags.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use ecr_multiarch_core::{Release, RepositorySettings, TagMeaning};

use super::{release, streams, tag};

/// Streams of several kinds in one repository, and parts of which their versions are made.
const STREAMS: &str = r#"[
    {"aliases":"{major}.{minor},{major},latest"},
    {"releases":"(?<branch>main|[a-z]+-amd64|yanked-1\\.0\\.0|\\d)-(?<build>\\d+)(-(?<flavor>[a-z.-]*))?",
     "aliases":"{branch},{branch}-7,{flavor}{branch},{branch}{flavor},{branch}.{flavor},edge,{build}"},
    {"releases":"(?<a>\\d+)\\.(?<b>\\d+)\\.(?<c>\\d+)\\.(?<d>\\d+)","aliases":"r{a},{a}.{b}.{c}x"}]"#;

fn versions() -> impl Iterator<Item = String> {
    let numbers = ["0", "1", "01", "9", "10", "18446744073709551616"];
    let branches = ["main", "x-amd64", "yanked-1.0.0", "1"];
    let flavors = ["", "-", "-slim", "--x", "-.y", "-arm64"];
    let builds = branches.into_iter().flat_map(move |branch| {
        let flavored = move |number: &'static str| flavors.map(|flavor| format!("{branch}-{number}{flavor}"));
        numbers.into_iter().flat_map(flavored)
    });
    let dotted = numbers.into_iter().flat_map(move |one| {
        numbers
            .into_iter()
            .flat_map(move |two| [format!("{one}.{two}.1"), format!("v{two}.1.{one}"), format!("{two}.{one}.2.{two}")])
    });
    builds.chain(dotted)
}

fn releases(settings: &RepositorySettings) -> Vec<Release> {
    let releases: Vec<_> = versions().filter_map(|version| release(settings, &version)).collect();
    assert!(releases.len() > 150, "{}", releases.len());
    releases
}

#[test]
fn order_is_total() {
    let settings = streams(STREAMS);
    let releases = releases(&settings);
    let sorted: Vec<_> = releases.iter().collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(sorted.len(), releases.iter().map(Release::tag).collect::<BTreeSet<_>>().len());
    for (index, one) in sorted.iter().enumerate() {
        for other in &sorted[index + 1..] {
            assert_eq!((one.cmp(other), other.cmp(one)), (Ordering::Less, Ordering::Greater), "{one} {other}");
        }
    }
}

#[test]
fn usable_alias_has_no_other_meaning_and_one_stream() {
    let settings = streams(STREAMS);
    let (mut usable, mut unusable) = (BTreeSet::new(), BTreeSet::new());
    for release in releases(&settings) {
        for alias in settings.aliases(&release) {
            match alias {
                Ok(alias) => {
                    assert!(matches!(settings.meaning(&alias), TagMeaning::Alias(_)), "{alias} of {release}");
                    assert!(settings.release(&alias).is_none() && settings.streams.marker(&alias).is_none());
                    usable.insert(alias.to_string());
                }
                Err(alias) => {
                    let is_alias = |text: &str| {
                        text.parse().is_ok_and(|tag| matches!(settings.meaning(&tag), TagMeaning::Alias(_)))
                    };
                    let reason = alias.reason.to_string();
                    assert!(
                        !is_alias(alias.text.as_str()) || reason.contains("earlier stream"),
                        "{} {reason}",
                        alias.text
                    );
                    unusable.insert(reason.split(',').next().unwrap().to_owned());
                }
            }
        }
    }
    assert!(usable.contains("main") && usable.contains("main.slim") && usable.contains("r10"), "{usable:?}");
    assert_eq!(unusable.len(), 5, "{unusable:?}");
}

/// A version is matched in a time that is proportional to its length: the longest tags of every kind take no longer than a
/// bound that nothing else could keep.
#[test]
fn expressions_and_templates_with_ambiguous_parts_end() {
    let settings = streams(
        r#"[{"releases":"(?<a>\\d+)(?<b>\\d+)(?<c>\\d+)(x|xx|x+)*(?<t>(\\w+)*)","aliases":"r{a}{b}{c}y,{a}{b}{c}-{t}{c}"}]"#
            .replace("{t}{c}", "{t}").as_str(),
    );
    for tail in ["y", "-", "x", "."] {
        let version = format!("{}{tail}", "1".repeat(127));
        let aliases = release(&settings, &version).map(|release| settings.aliases(&release).len());
        assert_ne!(aliases, Some(0), "{version}");
        let _ = settings.meaning(&tag(&format!("r{}", &version[1..])));
    }
}
