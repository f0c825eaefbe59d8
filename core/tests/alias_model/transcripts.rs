//! What the model's bounds are too narrow to reach: conflicts, dry runs, retries, lack of time, call by call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use ecr_multiarch_core::alias::machine::{MAX_WRITES, ScanRepository};
use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::reconcile::machine::MAX_ROUNDS;
use ecr_multiarch_core::reconcile::step::{PAUSES_MS, PutResponse};
use ecr_multiarch_core::{AliasReconciliation, AliasScanBuilder, AliasStep, Error, IamAction};

use super::catalog::{repository, scanned_image};
use super::registry::{Registry, list, reports, stored, tag};

const LINES_AND_LATEST: &str = "{major}.{minor},{major},latest";

/// Plays cases: a name; the request and the tags, as of [`Registry::request`] and [`Registry::new`]; the calls with what
/// changes before them, as of [`Registry::run`]; the reports, those with a reason with a part of it.
#[track_caller]
pub fn check(aliases: &str, cases: &str) {
    for case in cases.split("# ").skip(1) {
        let lines: Vec<_> = case.lines().map(str::trim).collect();
        let (request, tags) = lines[1].split_once(": ").unwrap();
        let play = lines[2..].join(" ");
        let (calls, expected) = play.trim().split_once(" => ").unwrap();
        let mut registry = Registry::new(aliases, tags);
        let (found, end) = registry.run(registry.request(request), calls);
        assert_eq!(found, calls, "{case}");
        let found = reports(&end);
        let expected: Vec<_> = expected.split(", ").filter(|report| *report != "nothing").collect();
        let is_same = |(found, expected): (&String, &&str)| match expected.split_once(": ") {
            Some((report, reason)) => found.starts_with(&format!("{report}: ")) && found.contains(reason),
            None => found == expected,
        };
        assert!(found.len() == expected.len() && found.iter().zip(&expected).all(is_same), "{case}\n{found:?}");
    }
}

#[test]
fn aliases_of_several_lines_follow_their_releases() {
    check(
        LINES_AND_LATEST,
        "
        # a settled repository needs no call but the scan
            sweep: 1.0.0=a 1.1.0=b 1.0=a 1.1=b 1=b latest=b edge=c
            scan => nothing
        # a release just published is not read again
            1.2.3=a: 1.2.3=a
            scan; read 1 1.2 latest; put 1.2=1.2.3 1=1.2.3 latest=1.2.3; scan
            => 1.2 moved 1.2.3, 1 moved 1.2.3, latest moved 1.2.3
        # a backport leaves the aliases of higher releases
            1.1.9=b: 1.1.8=a 1.1.9=b 1.2.0=c 1.1=a 1.2=c 1=c latest=c
            scan; put 1.1=1.1.9; scan => 1.1 moved 1.1.9, 1 unchanged 1.2.0, latest unchanged 1.2.0
        # an immutable alias is left alone
            1.0.1=b: 1.0.0=a 1.0=a! 1=a latest=a! 1.0.1=b
            scan; put 1.0=1.0.1 1=1.0.1 latest=1.0.1; scan
            => 1.0 conflict 1.0.1: immutable, 1 moved 1.0.1, latest conflict 1.0.1: immutable
        # an alias without a release is left alone
            1.0.0: 1.0.0=a latest=a yanked-1.0.0=a 2026=b
            scan => 1.0 unchanged null, 1 unchanged null, latest conflict null: no release
        # a sweep reports the aliases without a release that name something
            sweep: 1.0.0=a latest=a yanked-1.0.0=a 2026=b
            scan => 2026 conflict null: no release, latest conflict null: no release
        # a dry run writes nothing
            1.0.1=b dry-run: 1.0.0=a 1.0=a latest=a
            scan; read 1 => 1.0 would_move 1.0.1, 1 would_move 1.0.1, latest would_move 1.0.1
        # a dry run of a sweep writes nothing
            sweep dry-run: 1.0.0=a 1.0=a latest=a
            scan; read 1 1.0.0 => 1 would_move 1.0.0
        ",
    );
}

#[test]
fn alias_names_the_highest_release_that_is_published() {
    check(
        "latest",
        "
        # the list of a higher release is read by its tag
            1.0.0=a: 1.0.0=a 1.1.0=b latest=a
            scan; read 1.1.0; put latest=1.1.0; scan => latest moved 1.1.0
        # versions other than served releases do not count
            1.0.0=a: 1.0.0=a 1.1.0-rc.1=b 1.1=c 2.0.0.0=d x1.0.0=e 2026=f
            scan; read latest; put latest=1.0.0; scan => latest moved 1.0.0
        # of equal releases, the tag that sorts last has the alias
            1.0.0=a: 1.0.0=a v1.0.0=b 1.00.0=c
            scan; read latest v1.0.0; put latest=v1.0.0; scan => latest moved v1.0.0
        # a release that names an image is not published
            1.0.0=a: 1.0.0=a latest=a 1.1.0=image
            scan => latest unchanged 1.0.0
        # an image that a read found is not read again
            1.0.0=a: 1.0.0=a 0.9.0=b latest=b 1.1.0=image untyped
            scan; read 1.1.0 latest; put latest=1.0.0; scan => latest moved 1.0.0
        # a release that is gone before its list is read gets no alias
            1.0.0=a: 1.0.0=a 1.1.0=b latest=a
            scan; read 1.1.0 (1.1.0 is gone); scan after 100 ms => latest unchanged 1.0.0
        # a release that another handler rebuilt meanwhile is accepted
            1.0.0=a: 1.0.0=b latest=b
            scan; read 1.0.0 => latest unchanged 1.0.0
        # an archived list is not written, since nothing can read it
            sweep: 1.0.0=a 1.1.0=archived latest=a
            scan => latest conflict 1.1.0: in ECR's archive
        # nor by a dry run
            sweep dry-run: 1.0.0=a 1.1.0=archived latest=a
            scan => latest conflict 1.1.0: in ECR's archive
        # an alias of an archived list is not read
            sweep: 1.0.0=archived latest=archived whole
            scan => nothing
        # a corrupt list is not written
            sweep: 1.0.0=corrupt 0.9.0=x latest=x
            scan; read 1.0.0 => latest CorruptImage
        ",
    );
}

#[test]
fn what_is_not_the_functions_own_is_left_alone() {
    check(
        "latest",
        "
        # a plain image under an alias needs no read
            1.0.0=a: 1.0.0=a latest=image
            scan => latest conflict 1.0.0: not a manifest list
        # a plain image is replaced by force
            1.0.0=a forced: 1.0.0=a latest=image
            scan; scan after 100 ms; put latest=1.0.0; scan => latest moved 1.0.0
        # a plain image of unknown media type is found by a read
            1.0.0=a: 1.0.0=a latest=image1 1.1.0=image2 untyped
            scan; read latest => latest conflict 1.1.0: not a manifest list
        # a list of unknown media type is found by a read
            1.0.0=a: 1.0.0=a latest=a 1.1.0=image2 untyped
            scan; read 1.1.0 => latest unchanged 1.0.0
        # a plain image under an alias and a version is left alone
            1.0.0=a: 1.0.0=a edge=image latest=image
            scan => latest conflict 1.0.0: not a manifest list
        # a plain image of unknown media type under an alias and a version is left alone
            1.0.0=a: 1.0.0=a edge=image latest=image untyped
            scan; read latest => latest conflict 1.0.0: not a manifest list
        # a list with another platform is left alone
            1.0.0=a: 1.0.0=a latest=s390x
            scan; read latest => latest conflict 1.0.0: linux/s390x
        # a list with another platform is replaced by force
            1.0.0=a forced: 1.0.0=a latest=s390x
            scan; scan after 100 ms; put latest=1.0.0; scan => latest moved 1.0.0
        # a list of the own platforms is replaced after a second scan
            1.0.0=a: 1.0.0=a latest=of-nobody
            scan; read latest; scan after 100 ms; put latest=1.0.0; scan => latest moved 1.0.0
        # the list of a lower release is replaced at once
            1.0.0=a: 1.0.0=a 0.9.0=b latest=b
            scan; put latest=1.0.0; scan => latest moved 1.0.0
        # the list of a version that is not a release may be that of a higher release
            1.0.0=a: 1.0.0=a 1.1.0-rc.1=b latest=b
            scan; scan after 100 ms; put latest=1.0.0; scan => latest moved 1.0.0
        # an immutable alias that another handler wrote is unchanged
            1.0.0=a: 1.0.0=a
            scan; read latest; put latest=1.0.0 (latest=a!); scan => latest unchanged 1.0.0
        ",
    );
}

#[test]
fn scan_that_misses_a_tag_is_repeated() {
    check(
        "latest",
        "
        # the own write is looked for again
            1.0.0=a: 1.0.0=a
            scan (1.0.0 is hidden); read 1.0.0; scan after 100 ms; read latest; put latest=1.0.0;
            scan (latest is hidden); read latest; scan after 200 ms
            => latest moved 1.0.0
        # an alias that moved during the scan is not taken back
            1.0.0=a: 1.0.0=a 1.1.0=b latest=b
            scan (1.1.0 is hidden, latest is hidden); read latest; scan after 100 ms => latest unchanged 1.1.0
        # a release that scans miss is read by its tag before its alias goes
            1.0.0=a: 1.0.0=a 1.1.0=b 1.1.0-amd64=image latest=b
            scan (1.1.0 is hidden); read latest; scan after 100 ms (1.1.0 is hidden); read 1.1.0; scan after 200 ms
            => latest unchanged 1.1.0
        # an alias goes once its release is gone
            1.0.0=a: 1.0.0=a 1.1.0-amd64=image latest=b
            scan; read latest; scan after 100 ms; read 1.1.0; put latest=1.0.0; scan => latest moved 1.0.0
        # a yanked release may be there when its line loses an alias
            1.0.0=a: 1.0.0=a 1.1.0=c yanked-1.1.0=c latest=b
            scan; read latest; scan after 100 ms; put latest=1.0.0; scan => latest moved 1.0.0
        ",
    );
}

#[test]
fn marker_follows_the_release_that_it_marks() {
    check(
        "latest",
        "
        # a rebuilt release takes its marker along
            1.1.0=c: 1.0.0=a 1.1.0=c yanked-1.1.0=b yanked-1.0.0-rc.1=x latest=a
            scan; read yanked-1.1.0; put yanked-1.1.0=1.1.0; scan => latest unchanged 1.0.0, yanked-1.1.0 moved 1.1.0
        # a sweep moves markers, too
            sweep: 1.0.0=a 1.1.0=c yanked-1.1.0=b yanked-1.0.0-rc.1=x latest=a
            scan; read 1.1.0 yanked-1.1.0; put yanked-1.1.0=1.1.0; scan => yanked-1.1.0 moved 1.1.0
        # a marker on an image is left alone
            sweep: 1.0.0=a latest=a 1.1.0=b yanked-1.1.0=image
            scan => yanked-1.1.0 conflict 1.1.0: not a manifest list
        # a marker of a release that is gone is not reported
            1.1.0: 1.0.0=a yanked-1.1.0=b latest=a
            scan => latest unchanged 1.0.0
        # nor by a sweep
            sweep: 1.0.0=a yanked-1.1.0=b latest=a
            scan => nothing
        ",
    );
}

#[test]
fn version_that_is_no_served_release_has_no_aliases() {
    let registry = Registry::new("latest", "");
    for version in ["1.1.0-rc.1", "1.1", "latest", "x1.0.0"] {
        assert_eq!(registry.settings.release(&tag(version)), None, "{version}");
    }
}

#[test]
fn write_that_no_scan_shows_is_an_error() {
    let mut registry = Registry::new("latest", "1.0.0=a");
    let calls = "scan; read latest; put latest=1.0.0".to_owned() + &"; scan (latest is hidden); read latest".repeat(6);
    let (calls, end) = registry.run(registry.request("1.0.0=a"), &calls);
    assert_eq!(calls.matches("scan after").count(), 5, "{calls}");
    assert_eq!(reports(&end), ["latest NotYetVisible"]);
    assert!(end.into_result().unwrap_err().to_string().contains("3000 ms"));
}

#[test]
fn alias_that_others_keep_changing_is_contended() {
    let rewritten = "scan; ".to_owned() + &"put latest=1.1.0; scan (latest=a); read latest; ".repeat(9);
    let moving = "scan (latest is hidden); read latest; ".repeat(9);
    for (case, script, writes, attempts) in [
        ("1.1.0=b: 1.0.0=a 1.1.0=b latest=a", rewritten, usize::from(MAX_ROUNDS), MAX_ROUNDS.into()),
        ("1.0.0=a: 1.0.0=a latest=b", moving, 0, 1 + PAUSES_MS.len()),
    ] {
        let (request, tags) = case.split_once(": ").unwrap();
        let mut registry = Registry::new("latest", tags);
        let (calls, end) = registry.run(registry.request(request), &script);
        assert_eq!(calls.matches("put").count(), writes, "{calls}");
        assert_eq!(reports(&end), ["latest Contended"]);
        assert!(end.failed[0].error.to_string().contains(&format!("each of {attempts} attempts")), "{:?}", end.failed);
    }
}

#[test]
fn write_without_a_response_is_pending_and_an_error_is_reported() {
    let registry = Registry::new(LINES_AND_LATEST, "1.0.1=a 1.0=x 1=x latest=x 1.0.0=x");
    let denied = || Error::AccessDenied {
        action: IamAction::PutImage,
        resource: Resource::Repository(repository()),
        message: "".into(),
    };
    let step = ScanRepository::start(Arc::new(registry.request("1.0.1=a"))).resume(registry.scan());
    let AliasStep::Put(put) = step else { panic!("{step:?}") };
    let responses = [(tag("1.0"), Ok(PutResponse::Stored)), (tag("1"), Err(denied()))].into();
    let AliasStep::Scan(scan) = put.clone().resume(responses) else { panic!("a write is to be confirmed") };
    assert!(scan.is_confirmation());
    let mut after = Registry::new(LINES_AND_LATEST, "1.0.1=a 1.0=a 1=x latest=x 1.0.0=x");
    let AliasStep::Done(end) = scan.resume(after.scan()) else { panic!("nothing is left") };
    let left = "there was no time left to write it and to confirm the write; the next sweep does";
    let pending = |alias: &str| format!("{alias} pending 1.0.1: {left}");
    assert_eq!(reports(&end), ["1.0 moved 1.0.1".to_owned(), pending("latest"), "1 AccessDenied".to_owned()]);
    assert!(end.into_result().is_err());

    let AliasStep::Done(end) = put.resume(BTreeMap::new()) else { panic!("nothing was written, nothing is confirmed") };
    assert_eq!(reports(&end), ["1.0", "1", "latest"].map(pending));
    assert_eq!(after.reports(after.request("sweep")), ["1 moved 1.0.1", "latest moved 1.0.1"]);
}

#[test]
fn every_step_can_be_deferred() {
    let mut registry = Registry::new("{major}.{minor},latest", "1.0.0=a 1.1.0=b 1.0=a latest=a");
    let mut step = AliasStep::start(Arc::new(registry.request("1.0.0")));
    for (call, expected) in [
        ("scan", ["1.0 pending 1.0.0", "latest pending 1.0.0"]),
        ("read 1.1.0", ["1.0 unchanged 1.0.0", "latest pending 1.1.0"]),
        ("put latest=1.1.0", ["1.0 unchanged 1.0.0", "latest pending 1.1.0"]),
        ("scan", ["1.0 pending 1.0.0", "latest pending 1.0.0"]),
        ("done", ["1.0 unchanged 1.0.0", "latest moved 1.1.0"]),
    ] {
        assert_eq!(registry.describe(&step), call);
        let deferred = reports(&step.clone().defer());
        let outcomes: Vec<_> = deferred.iter().map(|report| report.split(':').next().unwrap()).collect();
        assert_eq!(outcomes, expected, "{call}");
        step = if call == "done" { step } else { registry.answer(step) };
    }
    let unstarted = AliasStep::start(Arc::new(registry.request("sweep"))).defer();
    assert_eq!(unstarted, AliasReconciliation::default());
}

#[test]
fn image_that_stays_missing_is_an_error() {
    let mut registry = Registry::new("latest", "1.0.0=a 0.9.0=x latest=x");
    let mut step = AliasStep::start(Arc::new(registry.request("1.0.0=a")));
    let mut waited = 0;
    let end = loop {
        step = match step {
            AliasStep::Put(put) => put.resume([(tag("latest"), Ok(PutResponse::ReferencedImageNotFound))].into()),
            AliasStep::Done(end) => break end,
            AliasStep::Read(read) => panic!("{read:?}"),
            AliasStep::Scan(scan) => {
                waited += scan.after().as_millis();
                registry.answer(AliasStep::Scan(scan))
            }
        };
    };
    assert_eq!((waited, reports(&end)), (3_000, vec!["latest NotYetVisible".to_owned()]));
}

#[test]
fn many_aliases_are_written_in_groups_that_a_scan_confirms() {
    let releases: Vec<_> = (0..120).map(|minor| format!("1.{minor}.0={minor}")).collect();
    let mut registry = Registry::new("{major}.{minor}", &releases.join(" "));
    let (calls, end) = registry.run(registry.request("sweep"), "");
    assert!(reports(&end).len() == 120 && reports(&end).iter().all(|report| report.contains(" moved ")));
    let calls: Vec<_> = calls.split("; ").collect();
    let kinds: Vec<_> = calls.iter().map(|call| call.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["scan", "read", "put", "scan", "read", "put", "scan", "read", "put", "scan"]);
    assert_eq!(calls[2].split(' ').count(), 1 + MAX_WRITES);
    assert_eq!(registry.run(registry.request("sweep"), "").1, AliasReconciliation::default());
}

/// Each call with the number of its tags.
fn sizes(calls: &str) -> Vec<String> {
    let size = |call: &str| format!("{} {}", call.split(' ').next().unwrap(), call.split(' ').count() - 1);
    calls.split("; ").map(size).collect()
}

/// Every other alias is a conflict, so that writes and reads are due at the same time.
#[test]
fn writes_are_made_before_more_conflicts_are_read() {
    let name = |minor| if minor % 2 == 0 { format!("1.{minor}=s390x{minor}") } else { String::new() };
    let tags: Vec<_> = (0..200).map(|minor| format!("1.{minor}.0={minor} {}", name(minor))).collect();
    let mut registry = Registry::new("{major}.{minor}", &tags.join(" "));
    let (calls, end) = registry.run(registry.request("sweep"), "");
    assert_eq!(reports(&end).iter().filter(|report| report.contains(" moved ")).count(), 100);
    let groups =
        ["scan 0", "read 74", "read 100", "read 15", "put 50", "scan 0", "read 87", "read 74", "put 50", "scan 0"];
    assert_eq!(sizes(&calls), groups);
}

/// Of the line of the first alias, one read follows another.
#[test]
fn writes_are_made_while_an_alias_is_still_read() {
    let incomplete = (0..60).map(|minor| format!("1.{minor}.0=partial{minor}"));
    let complete = (2..150).map(|major| format!("{major}.0.0={major}"));
    let mut registry = Registry::new("{major}", &incomplete.chain(complete).collect::<Vec<_>>().join(" "));
    let (calls, end) = registry.run(registry.request("sweep"), "");
    assert_eq!(reports(&end).iter().filter(|report| report.contains(" moved ")).count(), 148);
    let groups = [
        "scan 0", "read 100", "read 100", "read 21", "put 50", "scan 0", "read 61", "read 100", "read 19", "put 50",
        "scan 0", "read 55", "put 48", "scan 0",
    ];
    assert_eq!(sizes(&calls), groups);
}

#[test]
fn report_says_when_the_newest_platform_was_pushed() {
    let mut registry = Registry::new("latest", "1.0.0=a latest=b 0.9.0=b");
    let end = registry.run(registry.request("1.0.0=a"), "").1;
    assert_eq!(end.aliases[0].since, Some(SystemTime::UNIX_EPOCH));
}

#[test]
fn alias_that_is_too_long_for_a_tag_is_a_conflict() {
    let mut registry = Registry::new(&format!("{}{{major}},latest", "y".repeat(127)), "10.0.0=a latest=a");
    let conflict = format!("{}10 conflict 10.0.0: it is not a legal tag", "y".repeat(127));
    for (request, others) in [("sweep", vec![]), ("10.0.0=a", vec!["latest unchanged 10.0.0"])] {
        let found = registry.reports(registry.request(request));
        assert!(found[0].starts_with(&conflict), "{found:?}");
        assert_eq!(found[1..], others);
    }
}

/// More higher releases are being pushed than one read takes, and two scans in a row miss the release that the alias names.
#[test]
fn release_below_many_incomplete_ones_keeps_its_alias() {
    for incomplete in [1, 10, 250] {
        let pushed: Vec<_> = (0..incomplete).map(|minor| format!("2.{minor}.0-amd64=image{minor}")).collect();
        let tags = format!("1.0.0=a 1.1.0=b 1.1.0-amd64=image latest=b {}", pushed.join(" "));
        let mut registry = Registry::new("latest", &tags);
        let script = "scan (1.1.0 is hidden); read latest; scan (1.1.0 is hidden)";
        let (calls, end) = registry.run(registry.request("1.0.0=a"), script);
        assert!(!calls.contains("put"), "{incomplete}: {calls}");
        assert_eq!(reports(&end), ["latest unchanged 1.1.0"]);
    }
}

#[test]
fn line_of_many_releases_that_lack_a_platform_takes_few_reads() {
    let releases: Vec<_> = (0..800).map(|minor| format!("1.{minor}.0=partial{minor}")).collect();
    let mut registry = Registry::new("latest", &format!("whole {}", releases.join(" ")));
    let (calls, end) = registry.run(registry.request("sweep"), "");
    assert!(reports(&end)[0].starts_with("latest conflict null"), "{:?}", reports(&end));
    let sizes: Vec<_> = calls.split("; read").skip(1).map(|call| call.split(' ').skip(1).count()).collect();
    assert_eq!(sizes, [2, 21, 41, 81, 100, 61, 100, 100, 100, 21, 100, 74]);
}

#[test]
fn many_aliases_that_others_made_take_few_reads() {
    let tags: Vec<_> = (0..1_000).map(|minor| format!("1.{minor}.0={minor} 1.{minor}=s390x-{minor}")).collect();
    let mut registry = Registry::new("{major}.{minor}", &tags.join(" "));
    let (calls, end) = registry.run(registry.request("sweep"), "");
    assert!(reports(&end).len() == 1_000 && reports(&end).iter().all(|report| report.contains(" conflict ")));
    let sizes: Vec<_> = calls.split("; read").skip(1).map(|call| call.split(' ').skip(1).count()).collect();
    assert_eq!(sizes, [50, 100, 100, 100, 100, 100, 100, 100, 100, 100, 50]);
}

#[test]
fn alias_that_one_read_does_not_show_is_written_at_once() {
    let registry = Registry::new("latest", "1.0.0=a");
    let start = || ScanRepository::start(Arc::new(registry.request("1.0.0=a")));
    assert_eq!(registry.describe(&start().resume(registry.scan().of_one_read())), "put latest=1.0.0");
    assert_eq!(registry.describe(&start().resume(registry.scan())), "read latest");
}

#[test]
fn sweep_adds_what_it_published_to_its_scan() {
    let registry = Registry::new("latest", "1.0.0=a latest=a 1.1.0=b");
    let mut builder = AliasScanBuilder::new(&registry.settings);
    for name in ["1.0.0", "latest"] {
        let StoredManifest { digest, media_type, .. } = &stored("a");
        builder.add_image(&scanned_image(&tag(name), *digest, media_type));
    }
    builder.add_list(&tag("1.1.0"), &list("b"));
    let request = Arc::new(registry.request("sweep").with_list(&list("b")));
    assert_eq!(registry.describe(&ScanRepository::start(request).resume(builder.finish())), "put latest=1.1.0");
}
