//! When a manifest list is right: lists of other tools, of other images and of other times, each reconciled call by call.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test crate exports nothing")]

mod repository;

use ecr_multiarch_core::oci::media_type::MediaType;
use local_ecr::image::{Artifact, Entry, Image, Index, ToArtifact, chart};
use repository::Repository;

/// The image of a platform, by what is built.
fn image(platform: &str, content: &str) -> Image {
    Image::oci(platform).content(content)
}

fn images(content: &str) -> [Image; 2] {
    ["linux/amd64", "linux/arm64"].map(|platform| image(platform, content))
}

/// A list of these entries, the last first, with an annotation: bytes that the function does not make.
fn list_of(entries: impl IntoIterator<Item = Entry, IntoIter: DoubleEndedIterator>) -> Index {
    Index::oci(entries.into_iter().rev()).annotation("org.opencontainers.image.title", "app")
}

fn entries(images: &[Image]) -> Vec<Entry> {
    images.iter().map(Entry::new).collect()
}

/// The image as a tool converts it: another manifest of the same config.
fn converted(image: &Image) -> Image {
    image.clone().annotation("com.amazon.soci.index-digest", "sha256:0")
}

/// A repository whose platform tags name these.
fn tagged(amd64: &impl ToArtifact, arm64: &impl ToArtifact) -> Repository {
    Repository::default().push("1-amd64", amd64).push("1-arm64", arm64)
}

const UNCHANGED: &str = "read => unchanged";
const REPLACED: &str = "read; configs; put; read => published";
const REPLACED_AFTER_TIMES: &str = "read; describe; configs; put; read => published";

#[test]
fn list_of_the_same_images_is_right_in_any_bytes() {
    let [amd64, arm64] = &images("new");
    let same = [Entry::new(amd64), Entry::new(arm64)];
    let variants = [Entry::new(amd64).platform("linux/amd64/v1"), Entry::new(arm64).platform("linux/arm64/v8")];
    let annotated = same.clone().map(|entry| entry.annotation("a", "b"));
    let more = || same.iter().cloned();
    for (case, list) in [
        ("another order, an annotation", list_of(same.clone())),
        ("a Docker list", Index::docker(same.clone())),
        ("variants", list_of(variants)),
        ("annotations of entries", list_of(annotated)),
        ("another platform", list_of(more().chain([Entry::new(&image("linux/s390x", "new"))]))),
        ("attestations of its own", list_of(more().chain([amd64.attestation()]))),
        ("attestations without annotations", list_of(more().chain([amd64.attestation().without_annotations()]))),
        ("a SOCI index", list_of(more().chain([amd64.soci_index()]))),
        (
            "an image of the platform after the one that is meant",
            Index::oci(more().chain([Entry::new(&image("linux/amd64", "x"))])),
        ),
    ] {
        tagged(amd64, arm64).push("1", &list).check(case, UNCHANGED);
        Repository::default().push("1", &list).push("1-amd64", amd64).push("1-arm64", arm64).check(case, UNCHANGED);
    }
}

#[test]
fn list_that_lacks_an_image_is_replaced_without_further_calls() {
    let [amd64, arm64] = &images("new");
    let nested = Index::oci([Entry::new(amd64), Entry::new(&Index::oci([Entry::new(arm64)])).platform("linux/arm64")]);
    for (case, list) in [
        ("no arm64", Index::oci([Entry::new(amd64)])),
        ("arm64 as an attestation", Index::oci([Entry::new(amd64), arm64.attestation().platform("linux/arm64")])),
        ("arm64 as an artifact", Index::oci([Entry::new(amd64), arm64.soci_index()])),
        ("arm64 of unknown platform", Index::oci([Entry::new(amd64), Entry::new(arm64).platform("unknown/unknown")])),
        ("an index within", nested),
    ] {
        tagged(amd64, arm64).push("1", &list).check(case, REPLACED);
    }
    let variant = Index::oci([Entry::new(amd64), Entry::new(arm64).platform("linux/arm64/v9")]);
    tagged(amd64, arm64).push("1", &variant).check("another variant", "read => TagConflict: linux/arm64/v9");
}

#[test]
fn list_with_further_platforms_is_judged_before_it_is_a_conflict() {
    let (old, new) = (images("old"), images("new"));
    let more = |images: &[Image; 2]| {
        let further = image("linux/s390x", "new");
        list_of(entries(images).into_iter().chain([Entry::new(&further)]).collect::<Vec<_>>())
    };
    let conversions = new.each_ref().map(converted);
    tagged(&new[0], &new[1]).push("1", &more(&conversions)).check("converted", "read; describe; read => unchanged");
    let stale = "read; describe; read => TagConflict: newer";
    tagged(&old[0], &old[1]).push("1", &more(&new)).check("stale platform tags", stale);
    let older = Repository::default().push("1", &more(&old)).push("1-amd64", &new[0]).push("1-arm64", &new[1]);
    older.check("older", "read; describe => TagConflict: linux/s390x");
}

#[test]
fn corrupt_list_is_replaced() {
    let [amd64, arm64] = &images("new");
    let list = list_of([Entry::new(amd64), Entry::new(arm64)]);
    tagged(amd64, arm64).push("1", &list).corrupting_the_list().check("other bytes", REPLACED);
}

#[test]
fn list_of_many_entries_is_right() {
    let [amd64, arm64] = &images("new");
    let further = (0..1_100).map(|number| Entry::new(amd64).annotation("number", &number.to_string()));
    let list = Index::oci([Entry::new(amd64), Entry::new(arm64)].into_iter().chain(further));
    tagged(amd64, arm64).push("1", &list).check("more entries than a source may have", UNCHANGED);
}

#[test]
fn forced_list_names_what_it_replaced_first() {
    let (old, new) = (images("old"), images("new"));
    let others = list_of(entries(&new));
    let repository = tagged(&old[0], &old[1]).push("1-amd64", &new[0]).push("1", &others).forced();
    let repository = repository.moved_during_write("1-amd64", &old[0]);
    assert_eq!(repository.replaced(), Some(others.digest()));
}

#[test]
fn list_of_older_or_mixed_images_is_replaced() {
    let ([amd64, arm64], old) = (&images("new"), images("old"));
    let older = Repository::default().push("1", &list_of(entries(&old))).push("1-amd64", amd64).push("1-arm64", arm64);
    older.check("older", REPLACED_AFTER_TIMES);
    let mixed = list_of([Entry::new(amd64), Entry::new(&old[1])]);
    tagged(amd64, arm64).push("1", &mixed).check("mixed", "read; describe; read; configs; put; read => published");
    let swapped = list_of([Entry::new(amd64).platform("linux/arm64"), Entry::new(arm64).platform("linux/amd64")]);
    tagged(amd64, arm64).push("1", &swapped).check("swapped", REPLACED_AFTER_TIMES);
}

#[test]
fn list_of_newer_images_stays() {
    let (old, new) = (images("old"), images("new"));
    let stale = || tagged(&old[0], &old[1]).push("1", &list_of(entries(&new)));
    stale().check("stale platform tags", "read; describe; read => TagConflict: newer");
    stale().forced().check("forced", REPLACED);
    stale().announced_now().check("a push since", "read; describe; read; configs; put; read => published");
    // One of the images is older than one of the platform tags.
    let since = Repository::default()
        .push("1-amd64", &old[0])
        .push("1", &Index::oci([Entry::new(&new[0])]))
        .push("1-arm64", &old[1])
        .push("1", &list_of(entries(&new)));
    since.check("between", "read; describe; read; configs; put; read => published");
}

#[test]
fn list_that_was_just_written_is_replaced_although_it_is_newer() {
    let (old, new) = (images("old"), images("new"));
    let moved = tagged(&old[0], &old[1]).push("1-amd64", &new[0]).push("1-arm64", &new[1]);
    let moved = moved.moved_during_write("1-amd64", &old[0]).moved_during_write("1-arm64", &old[1]);
    moved.check("moved back", "read; configs; put; read; configs; put; read => published");
}

#[test]
fn conversions_of_the_images_are_right() {
    let [amd64, arm64] = &images("new");
    let of_both = list_of([Entry::new(&converted(amd64)), Entry::new(&converted(arm64)), amd64.soci_index()]);
    let of_one = list_of([Entry::new(&converted(amd64)), Entry::new(arm64)]);
    let compared = "read; describe; read => unchanged";
    for (case, list) in [("both", &of_both), ("one", &of_one)] {
        tagged(amd64, arm64).push("1", list).check(case, compared);
        let attested = tagged(&amd64.attested(), &arm64.attested());
        // An image that is not converted must keep its attestation.
        let expected = if case == "both" { compared } else { "read; read; configs; put; read => published" };
        attested.push("1", list).check(case, expected);
    }
    let earlier = Repository::default().push("1", &of_both).push("1-amd64", amd64).push("1-arm64", arm64);
    earlier.check("a conversion that was pushed before", REPLACED_AFTER_TIMES);
}

#[test]
fn conversions_are_right_where_platform_tags_are_absent() {
    let [amd64, arm64] = &images("new");
    let list = list_of([Entry::new(&converted(amd64)), Entry::new(&converted(arm64))]);
    for (tag, image) in [("1-amd64", amd64), ("1-arm64", arm64)] {
        let one = || Repository::default().push(tag, image).push("1", &list);
        one().check(tag, "read; describe; read => unchanged");
        one().forced().check(tag, "read; describe; read => unchanged");
        one().without_times().check("an image that is gone", "read; describe => waiting");
    }
    let others = list_of([Entry::new(&image("linux/amd64", "x")), Entry::new(arm64)]);
    let other = Repository::default().push("1-amd64", amd64).push("1", &others);
    other.check("another image, pushed later", "read; describe; read => waiting");
    let newer = Repository::default().push("1-arm64", &images("old")[1]).push("1", &list_of(entries(&images("new"))));
    newer.check("newer images", "read; describe; read => waiting");
}

#[test]
fn conversion_that_is_lost_before_it_is_read_is_not_written_over_at_once() {
    let [amd64, arm64] = &images("new");
    let list = list_of([Entry::new(&converted(amd64)), Entry::new(arm64)]);
    let with_list = || tagged(amd64, arm64).push("1", &list);
    with_list().archived_when_described(&converted(amd64)).check("archived", "read; describe; read => ImageArchived");
    let observed = ["read; describe"; 5].join("; ");
    let replaced = format!("read; describe; read; {observed}; configs; put; read => published");
    with_list().deleted_when_described(&converted(amd64)).check("deleted", &replaced);
}

#[test]
fn list_keeps_what_belongs_to_its_images() {
    let [amd64, arm64] = &images("new");
    let (poor, rich) = (Index::oci([Entry::new(amd64), Entry::new(arm64)]), |image: &Image| image.attested());
    let replaced = "read; read; configs; put; read => published";
    tagged(&rich(amd64), &rich(arm64)).push("1", &poor).check("without attestations", replaced);
    tagged(&rich(amd64), &rich(arm64)).dropping().push("1", &poor).check("without those to be dropped", UNCHANGED);
    let all = list_of([Entry::new(amd64), Entry::new(arm64), amd64.attestation(), arm64.attestation()]);
    tagged(&rich(amd64), &rich(arm64)).push("1", &all).check("with attestations", UNCHANGED);
    tagged(&rich(amd64), &rich(arm64)).dropping().push("1", &all).check("with those to be dropped", UNCHANGED);
    tagged(amd64, arm64).push("1", &all).check("the images of an attested list", UNCHANGED);
    let soci = |image: &Image| Index::oci([Entry::new(image), image.soci_index()]);
    tagged(&soci(amd64), &soci(arm64)).push("1", &poor).check("without SOCI indexes", replaced);
    let all = list_of([Entry::new(amd64), Entry::new(arm64), amd64.soci_index(), arm64.soci_index()]);
    tagged(&soci(amd64), &soci(arm64)).push("1", &all).check("with SOCI indexes", UNCHANGED);
}

#[test]
fn right_list_needs_no_platform_tags() {
    let [amd64, arm64] = &images("new");
    let list = list_of([Entry::new(amd64), Entry::new(arm64)]);
    let without = Repository::default().push("1", &list);
    assert_eq!(without.tags_of_images(), [None, None]);
    without.check("no platform tags", UNCHANGED);
    let one = Repository::default().push("1", &list).push("1-arm64", arm64);
    assert_eq!(one.tags_of_images(), [None, Some("1-arm64".to_owned())]);
    one.check("one platform tag", UNCHANGED);
    Repository::default().push("1", &list).forced().check("forced without platform tags", UNCHANGED);
    let other = Repository::default().push("1", &list).push("1-arm64", &image("linux/arm64", "x"));
    other.check("another image", "read; describe => waiting");
    Repository::default().push("1", &Index::oci([Entry::new(amd64)])).check("an incomplete list", "read => waiting");
}

#[test]
fn right_list_needs_no_images_that_could_be_published() {
    let [amd64, arm64] = &images("new");
    let twice = Index::oci([Entry::new(amd64), Entry::new(&converted(amd64))]);
    let list = list_of([Entry::new(amd64), Entry::new(arm64)]);
    tagged(&twice, arm64).push("1", &list).check("one of two images of the platform", UNCHANGED);
    tagged(&twice, arm64).check("two images of the platform", "read => UnsupportedImage");
    tagged(&chart("app"), arm64).push("1", &list).check("a chart", "read => UnsupportedImage");
}

#[test]
fn force_writes_the_own_list_over_a_right_one() {
    let [amd64, arm64] = &images("new");
    let list = list_of([Entry::new(amd64), Entry::new(arm64)]);
    tagged(amd64, arm64).push("1", &list).forced().check("a right list", REPLACED);
    tagged(amd64, arm64).push("1", &chart("app")).forced().check("a chart", "read => TagConflict: an artifact");
    tagged(amd64, arm64).push("1", amd64).forced().check("an image", REPLACED);
    let own = with_manifest(&list, &tagged(amd64, arm64).written());
    tagged(amd64, arm64).push("1", &own).forced().check("its own list", "read; configs => unchanged");
}

#[test]
fn list_of_an_image_that_is_gone_is_replaced_in_the_end() {
    let (old, new) = (images("old"), images("new"));
    let repository = tagged(&old[0], &old[1]).push("1", &list_of(entries(&new))).without_times();
    let observed = ["read; describe"; 6].join("; ");
    repository.check("no times", &format!("{observed}; configs; put; read => published"));
}

#[test]
fn entry_may_leave_out_what_the_settings_state() {
    let windows = Image::docker("windows/amd64").os_version("10.0.20348.2322");
    let arm = image("linux/arm/v7", "new");
    let settings = "windows(10.0.20348)/amd64,linux/arm/v7";
    let list = |windows_entry: Entry, arm_entry: Entry| list_of([windows_entry, arm_entry]);
    let repository = || {
        let repository = Repository::default().platforms(settings);
        repository.push("1-windows-amd64", &windows).push("1-armv7", &arm)
    };
    let plain = list(Entry::new(&windows).platform("windows/amd64"), Entry::new(&arm).platform("linux/arm"));
    repository().push("1", &plain).check("no os.version and no variant", UNCHANGED);
    let full = list(Entry::new(&windows), Entry::new(&arm));
    repository().push("1", &full).check("both", UNCHANGED);
    // It is repaired where it must be.
    let rebuilt = repository().push("1", &plain).push("1-armv7", &image("linux/arm/v7", "rebuilt"));
    rebuilt.check("a rebuilt image", REPLACED_AFTER_TIMES);
    let other = list(Entry::new(&windows), Entry::new(&arm).platform("linux/arm/v6"));
    repository().push("1", &other).check("another variant", "read => TagConflict: linux/arm/v6");
}

#[test]
fn first_entry_that_contradicts_nothing_is_meant() {
    let (open, stated) = (image("linux/arm/v7", "open"), image("linux/arm/v7", "stated"));
    let list = Index::oci([Entry::new(&open).platform("linux/arm"), Entry::new(&stated)]);
    let repository = || Repository::default().platforms("linux/arm/v7").push("1", &list);
    repository().push("1-armv7", &open).check("the first", UNCHANGED);
    repository().push("1-armv7", &stated).check("another", "read; describe; configs; put; read => published");
    // Other platforms that share os and architecture change nothing for this one.
    let [one, three] = ["linux/amd64", "linux/amd64/v3"].map(|platform| image(platform, "x"));
    let entries = [Entry::new(&open).platform("linux/arm"), Entry::new(&stated), Entry::new(&one), Entry::new(&three)];
    let all =
        Repository::default().platforms("linux/arm/v7,linux/amd64,linux/amd64/v3").push("1", &Index::oci(entries));
    let all = all.push("1-armv7", &open).push("1-amd64", &one).push("1-amd64v3", &three);
    all.check("beside others", UNCHANGED);
}

#[test]
fn open_entry_is_left_to_the_platform_that_no_other_states() {
    let (six, seven) = (image("linux/arm/v6", "six"), image("linux/arm/v7", "seven"));
    let repository = || {
        let repository = Repository::default().platforms("linux/arm/v6,linux/arm/v7");
        repository.push("1-armv6", &six).push("1-armv7", &seven)
    };
    let list = Index::oci([Entry::new(&seven).platform("linux/arm"), Entry::new(&six)]);
    let further = Entry::new(&image("linux/arm/v7", "x"));
    let with_both = Index::oci([further.platform("linux/arm"), Entry::new(&seven), Entry::new(&six)]);
    for list in [list, with_both] {
        repository().push("1", &list).check("v7 is open", UNCHANGED);
    }
}

/// The manifest list that a reconciliation writes.
fn written(repository: Repository) -> Vec<String> {
    let list: serde_json::Value = serde_json::from_str(&repository.written()).unwrap();
    list["manifests"].as_array().unwrap().iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

/// A list with other bytes.
fn with_manifest(list: &Index, manifest: &str) -> Artifact {
    let mut list = list.to_artifact();
    list.manifest = manifest.to_owned().into();
    list
}

#[test]
fn entry_of_another_media_type_than_its_image_is_refused() {
    let [amd64, arm64] = &images("new");
    let index = amd64.attested();
    let text = String::from_utf8(index.to_artifact().manifest.into()).unwrap();
    let (oci, docker) = (MediaType::OciManifest.as_str(), MediaType::DockerManifest.as_str());
    let misstated = with_manifest(&index, &text.replacen(oci, docker, 1));
    tagged(&misstated, arm64).check("a Docker image", "read; read => UnsupportedImage");
}

#[test]
fn missing_image_of_an_index_is_named() {
    let [amd64, arm64] = &images("new");
    let error = tagged(&amd64.attested(), arm64).without(amd64).error();
    assert!(error.starts_with(&format!("app@{} could not be read back", amd64.digest())), "{error}");
}

#[test]
fn artifacts_follow_their_image_in_the_order_of_its_index() {
    let [amd64, arm64] = &images("new");
    let stripped = amd64.attestation().without_annotations();
    let source = Index::oci([amd64.soci_index(), Entry::new(amd64), stripped.clone(), amd64.attestation()]);
    let digest = |entry: &Entry| entry.digest();
    let expected = [
        Entry::new(amd64).digest(),
        digest(&amd64.soci_index()),
        digest(&stripped),
        digest(&amd64.attestation()),
        Entry::new(arm64).digest(),
    ];
    assert_eq!(written(tagged(&source, arm64)), expected);
    assert_eq!(written(tagged(&source, arm64).dropping()), [expected[0].clone(), expected[4].clone()]);
}

#[test]
fn artifacts_of_other_images_of_an_index_are_left_out() {
    let [amd64, arm64] = &images("new");
    let all = Index::oci([
        Entry::new(amd64),
        Entry::new(arm64),
        amd64.attestation(),
        arm64.attestation(),
        amd64.soci_index(),
        arm64.soci_index(),
        // It names nobody, and could belong to either.
        Entry::new(&image("linux/amd64", "x")).platform("unknown/unknown"),
    ]);
    let of = |image: &Image| [Entry::new(image), image.attestation(), image.soci_index()].map(|entry| entry.digest());
    assert_eq!(written(tagged(&all, &all)), [of(amd64), of(arm64)].concat());
}

#[test]
fn platforms_are_spelled_as_clients_compare_them() {
    for docker in [true, false] {
        let build = |platform: &str| if docker { Image::docker(platform) } else { Image::oci(platform) };
        let list = tagged(&build("Linux/x86_64"), &build("linux/aarch64")).written();
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        let platforms: Vec<_> = (0..2).map(|at| list["manifests"][at]["platform"].to_string()).collect();
        let expected = [r#"{"architecture":"amd64","os":"linux"}"#, r#"{"architecture":"arm64","os":"linux"}"#];
        assert_eq!(platforms, expected, "{docker}");
    }
}

#[test]
fn null_counts_as_absent_where_go_takes_it_so() {
    let [amd64, arm64] = &images("new");
    let index = Index::oci(entries(&images("new")));
    let mut list: serde_json::Value = serde_json::from_slice(&index.to_artifact().manifest).unwrap();
    for field in ["annotations", "urls", "data", "artifactType"] {
        list["manifests"][0][field] = serde_json::Value::Null;
    }
    list["annotations"] = serde_json::Value::Null;
    list["manifests"][1]["annotations"] = serde_json::json!({"key": null});
    let source = with_manifest(&index, &list.to_string());
    tagged(amd64, arm64).push("1", &source).check("as a list", UNCHANGED);
    tagged(&source, &source).check("as a source", "read; read; configs; put; read => published");
}
