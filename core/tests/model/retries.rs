//! The number of retries of the machine, response by response: the bounds of the model are too narrow to reach them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ecr_multiarch_core::reconcile::machine::MAX_ROUNDS;
use ecr_multiarch_core::reconcile::observation::tags;
use ecr_multiarch_core::reconcile::outcome::Reconciliation;
use ecr_multiarch_core::reconcile::step::{PAUSES_MS, PutResponse};
use ecr_multiarch_core::{Error, ReconcileRequest, Step};

use super::catalog::{Answer, Build, Catalog, Kind, List, PLATFORMS, Pushed, View};

/// How a play ended, and what it took.
struct Played {
    end: Option<Result<Reconciliation, Error>>,
    /// How many manifest lists were written.
    writes: u8,
    waited: Duration,
    /// How many reads confirm a write.
    confirmations: u8,
}

/// Plays the answers to the calls of a machine. First come words about its request: `dry-run`, `forced`, `pushed`.
/// `01/10` is a read that finds these builds under the platform tags and in the list, `-` for none, or `image` under the
/// version. The other words answer a write; a `dropped` one waited for so long that the version is observed again.
fn play(script: &str) -> Played {
    let catalog = Catalog::new(Kind::Plain);
    let has = |word| script.split(' ').any(|one| one == word);
    let request = Arc::unwrap_or_clone(catalog.request(has("pushed").then_some(1), 0));
    let request = ReconcileRequest { dry_run: has("dry-run"), force: has("forced"), ..request };
    let mut played = Played { end: None, writes: 0, waited: Duration::ZERO, confirmations: 0 };
    let mut step = Step::start(Arc::new(request));
    for word in script.split(' ').filter(|word| !["dry-run", "forced", "pushed"].contains(word)) {
        assert!(played.end.is_none(), "{script}: it has ended before {word}");
        let mut next = match (word, step.clone()) {
            ("stored", step) => catalog.resume(step, Answer::Put(PutResponse::Stored)),
            ("immutable", step) => catalog.resume(step, Answer::Put(PutResponse::TagImmutable)),
            ("unseen", step) => catalog.resume(step, Answer::Put(PutResponse::ReferencedImageNotFound)),
            ("dropped", Step::Put(put)) => Ok(Step::ReadManifests(put.restart())),
            (read, Step::ReadManifests(step)) => step.resume({
                let (tags, list) = read.split_once('/').unwrap();
                let mut manifests = catalog.manifests(View { tags: builds(tags), list: of_all(builds(list)) });
                let image = manifests.values().next().cloned().filter(|_| list == "image");
                manifests.extend(image.map(|image| (catalog.version_reference(), image)));
                manifests
            }),
            (word, step) => panic!("{word} is not an answer to {step:?}"),
        };
        loop {
            match &next {
                Ok(Step::Put(_)) => played.writes += 1,
                Ok(Step::ReadManifests(read)) => {
                    played.waited += read.after();
                    played.confirmations += u8::from(read.is_confirmation());
                }
                Ok(Step::DescribeImages(_) | Step::ReadConfigs(_)) => {}
                Ok(Step::Done(end)) => played.end = Some(Ok(end.clone())),
                Err(error) => played.end = Some(Err(error.clone())),
            }
            let Ok(step_of_content) = next else { break };
            match catalog.resume_with_content(step_of_content, &Pushed::default()) {
                Ok(result) => next = result,
                Err(other) => {
                    step = other;
                    break;
                }
            }
        }
    }
    played
}

/// The builds of the two platforms, digit by digit.
fn builds(text: &str) -> [Option<Build>; PLATFORMS] {
    let mut digits = text.bytes().map(|byte| byte.is_ascii_digit().then(|| byte - b'0'));
    [digits.next().flatten(), digits.next().flatten()]
}

fn of_all(builds: [Option<Build>; PLATFORMS]) -> Option<List> {
    Some(List::own([builds[0]?, builds[1]?]))
}

/// The word `writing` stands for a machine whose next call is a write. An error is given by a part of its message.
#[track_caller]
fn check(script: &str, end: &str, writes: u8, waited_ms: u64) {
    let played = play(script);
    match &played.end {
        None => assert_eq!(end, "writing", "{script}"),
        Some(Ok(found)) => assert_eq!(found.outcome.kind().name(), end, "{script}"),
        Some(Err(error)) => assert!(error.to_string().contains(end), "{script}: {error}"),
    }
    assert_eq!((played.writes, played.waited), (writes, Duration::from_millis(waited_ms)), "{script}");
}

/// The answers to so many rounds whose tags move each time, and the read after them.
fn outrun(rounds: u8, list_in_the_end: &str) -> String {
    let rounds: String = (0..rounds).map(|round| ["00/- stored ", "10/- stored "][usize::from(round % 2)]).collect();
    format!("{rounds}10/{list_in_the_end}")
}

#[test]
fn write_is_confirmed_by_the_read_after_it() {
    check("00/00", "unchanged", 0, 0);
    check("00/- stored 01/01", "published", 1, 0);
    check("dry-run 00/11", "would_publish", 0, 0);
    for (script, confirmations) in [("00/00", 0), ("00/- unseen 00/00", 0), ("00/- stored 01/- stored 01/01", 2)] {
        assert_eq!(play(script).confirmations, confirmations, "{script}");
    }
}

#[test]
fn fifth_write_that_the_tags_outran_is_the_last() {
    check(&outrun(5, "-"), "each of 5 attempts", 5, 0);
    assert_eq!(MAX_ROUNDS, 5);
}

#[test]
fn write_without_effect_does_not_count_as_a_round() {
    check(&format!("00/- unseen 00/- unseen {}", outrun(5, "10")), "published", 7, 300);
    check(&format!("{}00/- stored 00/00", "00/- dropped ".repeat(6)), "published", 7, 0);
}

#[test]
fn what_is_not_yet_visible_is_waited_for_for_three_seconds() {
    let again = |word: &str| [word].repeat(PAUSES_MS.len() + 1).join(" ");
    let unread = |image: &str| format!("{image} could not be read back within 3000 ms");
    check(&again("00/- unseen"), &unread("an image that app:1 refers to"), 6, 3_000);
    check(&format!("00/- stored {}", again("00/-")), &unread("app:1"), 1, 3_000);
    check(&format!("pushed {}", again("0-/-")), &unread("app:1-arm64"), 0, 3_000);
    // The tag may have been moved back.
    check(&format!("00/11 stored {}", again("00/11")), "writing", 2, 3_000);
}

#[test]
fn tag_that_another_writer_moved_is_written_again() {
    check("00/- stored 00/11", "writing", 2, 0);
    check("00/- stored 00/11 stored 00/00", "published", 2, 0);
}

#[test]
fn immutable_tag_of_another_list_conflicts() {
    check("00/- immutable 00/11", "it is immutable", 1, 0);
    check("00/- immutable 00/00", "published", 1, 0);
}

#[test]
fn image_under_the_version_tag_is_replaced_by_force_only() {
    check("00/image", "not a manifest list", 0, 0);
    check("forced 00/image", "writing", 1, 0);
}

#[test]
fn end_names_the_image_of_each_platform() {
    for script in ["01/01", "01/- stored 01/01", "dry-run 01/-"] {
        let images = play(script).end.unwrap().unwrap().images;
        let expected = Catalog::new(Kind::Plain).manifests(View { tags: [Some(0), Some(1)], list: None });
        let found: BTreeMap<_, _> = images.iter().map(|image| (image.tag.clone().unwrap(), image.digest)).collect();
        assert_eq!(found, tags(&expected), "{script}");
        let platforms: Vec<_> = images.iter().map(|image| image.platform.to_string()).collect();
        assert_eq!(platforms, ["linux/amd64", "linux/arm64"], "{script}");
    }
}
