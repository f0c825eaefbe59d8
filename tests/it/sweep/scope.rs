//! What a sweep leaves out, and says so: versions beyond its age, versions that no setting publishes, archived images.

use std::time::{Duration, SystemTime};

use local_ecr::image::{Entry, Image, Index, chart};
use local_ecr::{ArchivedAnswer, Fault, FaultKind, LocalEcr, Options};
use serde_json::{Value, json};

use super::{counts, fast_bed, fast_bed_with};
use crate::support::assertions::{assert_contains, assert_failure, assert_outcome};
use crate::support::function::FunctionBuilder;
use crate::support::test_bed::{TestBed, push_images};

const DAY: Duration = Duration::from_hours(24);

/// The versions of a list of a sweep's answer.
fn versions(swept: &Value, list: &str) -> Vec<String> {
    swept[list].as_array().unwrap().iter().map(|entry| entry["version"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn versions_beyond_the_age_are_left_as_they_are() {
    let bed = fast_bed();
    for (version, days) in [("old", 40), ("new", 20)] {
        bed.ecr.clock().set(SystemTime::now() - DAY * days);
        bed.store_images(version);
    }
    // A tag on an older image counts by the image.
    bed.ecr.clock().set(SystemTime::now());
    bed.registry.push("app", Some("retagged-amd64"), &Image::oci("linux/amd64").content("old"));
    bed.registry.push("app", Some("retagged-arm64"), &Image::oci("linux/arm64").content("old"));
    let swept = bed.sweep(&json!({"max_age": "30d"}));
    assert_eq!(counts(&swept), [3, 1, 0, 0, 0]);
    assert!(bed.digest("new").is_some() && bed.digest("old").is_none() && bed.digest("retagged").is_none());
    assert_eq!(counts(&bed.sweep(&json!({}))), [3, 2, 1, 0, 0]);
    assert_failure(&bed.try_sweep(&json!({"max_age": "30"})), "InvalidRequest", &["max_age", "30d"]);
}

#[test]
fn young_list_is_compared_at_any_age_of_its_images() {
    let bed = fast_bed();
    bed.ecr.clock().set(SystemTime::now() - DAY * 40);
    bed.store_images("1");
    bed.registry.push("app", Some("2"), &Index::oci([Entry::new(&Image::oci("linux/amd64").content("1"))]));
    bed.ecr.clock().set(SystemTime::now());
    let amd64 = Image::oci("linux/amd64").content("1");
    bed.registry.push("app", Some("1"), &Index::oci([Entry::new(&amd64)]).annotation("young", "true"));
    assert_eq!(counts(&bed.sweep(&json!({"max_age": "30d"}))), [1, 1, 0, 0, 0]);
}

#[test]
fn deleted_version_beyond_the_age_stays_deleted() {
    let bed = fast_bed();
    bed.ecr.clock().set(SystemTime::now() - DAY * 40);
    bed.store_images("1");
    assert_eq!(bed.sweep(&json!({}))["published"], 1);
    bed.ecr.clock().set(SystemTime::now());
    bed.registry.untag("app", "1");
    assert_eq!(counts(&bed.sweep(&json!({"max_age": "30d"}))), [1, 0, 0, 0, 0]);
    assert_eq!(bed.digest("1"), None);
}

#[test]
fn version_whose_platform_tags_are_deleted_first_stays_deleted() {
    let bed = fast_bed();
    bed.store_images("1");
    assert_eq!(bed.sweep(&json!({}))["published"], 1);
    for tag in ["1-amd64", "1-arm64", "1"] {
        bed.registry.untag("app", tag);
        assert_eq!(bed.sweep(&json!({}))["published"], 0);
    }
    assert_eq!(bed.digest("1"), None);
}

#[test]
fn versions_that_no_setting_publishes_are_listed_as_ignored() {
    let bed = fast_bed_with(|function| {
        function.env("ALIASES", "{major}.{minor},{major},latest").env("VERSION_PATTERN", "[^x].*")
    });
    for version in ["latest", "1234567", "x1", "feature-arm64", "yanked-1.0.0"] {
        bed.store_images(version);
    }
    bed.registry.push("app", Some("2-amd64"), &Image::oci("linux/amd64"));
    let swept = bed.sweep(&json!({}));
    assert_eq!(versions(&swept, "ignored"), ["1234567", "feature-arm64", "latest", "x1", "yanked-1.0.0"]);
    assert_eq!(
        (&swept["ignored_total"], &swept["published"], &swept["failed_total"]),
        (&json!(5), &json!(0), &json!(0))
    );
    let reason = |at: usize| swept["ignored"][at]["reason"].as_str().unwrap();
    assert_contains(reason(0), &["{major}", "another name"]);
    assert_contains(reason(1), &["linux/arm64 of version feature", "another name", "tag part"]);
    let lines = bed.function.final_log_lines();
    assert_eq!(lines.iter().filter(|line| line["message"] == "ignored").count(), 5);
    assert!(lines.iter().any(|line| line["IgnoredVersions"] == 5));
}

/// Names and globs of the settings, where globs make the sweep scan all names.
#[test]
fn pattern_that_matches_no_repository_is_logged() {
    let bed = TestBed::with(|function| function.env("REPOSITORIES", "app,bsae,taem-a/*"));
    bed.store_images("1");
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["repositories"], &swept["failed_total"]), (&json!(1), &json!(1)), "{swept:#}");
    assert_eq!(swept["failed"][0]["repository"], "bsae");
    let lines = bed.function.final_log_lines();
    let unmatched = lines.iter().filter_map(|line| line["unmatched"].as_str()).collect::<Vec<_>>();
    assert_eq!(unmatched, ["taem-a/*"]);
}

#[test]
fn repository_that_is_named_beside_globs_is_missed_in_an_empty_registry() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let function = FunctionBuilder::new(&ecr).env("REPOSITORIES", "base,team-*").start();
    let swept = function.invoke(&json!({"action": "sweep"})).unwrap();
    let failed = &swept["failed"];
    assert_eq!((&swept["failed_total"], &failed[0]["repository"]), (&json!(1), &json!("base")), "{swept:#}");
    assert_eq!(failed[0]["error"], "RepositoryNotFound");
}

/// While it is swept, by whatever call that is found out.
#[test]
fn repository_that_is_deleted_meanwhile_is_not_a_failure() {
    for (operation, skip) in [("BatchGetImage", 0), ("GetDownloadUrlForLayer", 0), ("BatchGetImage", 1)] {
        let bed = fast_bed_with(|function| function.env("ALIASES", "latest").env("IMAGE_TAGS", "{version}_{platform}"));
        for version in ["1.0.0", "2.0.0"] {
            bed.store_images(version);
            push_images(&bed.registry, "other", version);
        }
        let error = FaultKind::client_error("RepositoryNotFoundException", "no");
        for operation in [operation, "DescribeImages"] {
            let skip = if operation == "DescribeImages" { 1 } else { skip };
            bed.ecr.faults().add(Fault::on(operation, error.clone()).repository("app").skip(skip));
        }
        let swept = bed.sweep(&json!({}));
        assert_eq!((&swept["failed"], &swept["complete"]), (&json!([]), &json!(true)), "{operation}: {swept:#}");
        assert!(bed.registry.tag("other", "latest").is_some());
    }
}

#[test]
fn artifacts_under_platform_tags_are_not_swept() {
    let bed = fast_bed();
    for tag in ["cache-amd64", "cache-arm64"] {
        bed.registry.push("app", Some(tag), &chart("cache"));
    }
    let swept = bed.sweep(&json!({}));
    assert_eq!((counts(&swept), &swept["ignored_total"]), ([0; 5], &json!(0)));
}

/// It would make the list wrong that has an image there.
#[test]
fn artifact_under_a_platform_tag_of_a_published_version_is_left_alone() {
    let bed = fast_bed_with(|function| function.env("INCOMPLETE_AFTER", "1h"));
    bed.ecr.clock().set(SystemTime::now() - DAY);
    for version in ["1", "2"] {
        bed.store_images(version);
    }
    assert_outcome(&bed.assemble("1"), "published");
    for version in ["1", "2"] {
        bed.registry.push("app", Some(&format!("{version}-amd64")), &chart("app"));
    }
    bed.ecr.clock().set(SystemTime::now());
    // Where its list is not right, the version is reported.
    let arm64 = Image::oci("linux/arm64").content("3");
    bed.ecr.clock().set(SystemTime::now() - DAY);
    bed.registry.push("app", Some("3-amd64"), &chart("app"));
    bed.registry.push("app", Some("3-arm64"), &arm64);
    bed.registry.push("app", Some("3"), &Index::oci([Entry::new(&arm64)]));
    bed.ecr.clock().set(SystemTime::now());
    for request in [json!({}), json!({"deep": true})] {
        let swept = bed.sweep(&request);
        assert_eq!(counts(&swept), [3, 0, 1, 2, 0], "{swept:#}");
        let mut incomplete = versions(&swept, "incomplete");
        incomplete.sort();
        assert_eq!(incomplete, ["2", "3"]);
    }
}

/// A test bed for each of the ways in which ECR may answer for archived images, with version 1 published long ago.
fn archive_beds() -> impl Iterator<Item = TestBed> {
    [ArchivedAnswer::Inaccessible, ArchivedAnswer::NotFound, ArchivedAnswer::AlreadyExists].into_iter().map(
        |archived| {
            let options = Options { archived, ..Options::default() };
            let bed = TestBed::start(options, |function| {
                function.env("SWEEP_PUTS_PER_SECOND", "1000").env("SETTLED_AFTER", "2h").env("ALIASES", "latest")
            });
            bed.ecr.clock().set(SystemTime::now() - DAY);
            bed.store_images("1.0.0");
            assert_outcome(&bed.assemble("1.0.0"), "published");
            bed.ecr.clock().set(SystemTime::now());
            bed
        },
    )
}

#[test]
fn archived_list_is_left_alone() {
    for bed in archive_beds() {
        assert!(bed.registry.archive("app", "1.0.0"));
        bed.ecr.clear_journal();
        for fields in [json!({}), json!({"deep": true})] {
            let swept = bed.sweep(&fields);
            assert_eq!((counts(&swept), &swept["archived_total"]), ([1, 0, 0, 0, 0], &json!(1)), "{swept}");
            assert_eq!(
                (&swept["archived"][0]["version"], &swept["archived"][0]["platforms"]),
                (&json!("1.0.0"), &json!([]))
            );
            assert_eq!(swept["alias_conflicts_total"], 0, "{swept}");
        }
        assert!(bed.calls("PutImage").is_empty());
    }
}

#[test]
fn archived_platform_under_a_list_is_reported() {
    for bed in archive_beds() {
        assert!(bed.registry.archive("app", "1.0.0-arm64"));
        for fields in [json!({}), json!({"deep": true})] {
            let swept = bed.sweep(&fields);
            assert_eq!((counts(&swept), &swept["archived_total"]), ([1, 0, 1, 0, 0], &json!(1)), "{swept}");
            assert_eq!(swept["archived"][0]["platforms"], json!(["linux/arm64"]));
        }
        assert_outcome(&bed.assemble("1.0.0"), "unchanged");
        assert_outcome(&bed.deliver_event("1.0.0-amd64"), "unchanged");
    }
}

#[test]
fn archived_image_that_is_needed_is_an_error() {
    for bed in archive_beds() {
        assert!(bed.registry.archive("app", "1.0.0-arm64"));
        bed.registry.untag("app", "1.0.0");
        bed.registry.untag("app", "latest");
        let parts = ["app:1.0.0-arm64", "archive storage class", "imageTag=1.0.0-arm64", "STANDARD"];
        assert_failure(&bed.assemble("1.0.0"), "ImageArchived", &parts);
        let swept = bed.sweep(&json!({}));
        assert_eq!((counts(&swept), &swept["failed"][0]["error"]), ([1, 0, 0, 0, 1], &json!("ImageArchived")));
        assert_eq!(counts(&bed.sweep(&json!({"max_age": "1h"}))), [1, 0, 0, 0, 0]);
        bed.registry.untag("app", "1.0.0-amd64");
        assert_failure(&bed.assemble("1.0.0"), "ImageArchived", &parts);
    }
}

#[test]
fn alias_stays_on_an_archived_release() {
    for bed in archive_beds() {
        bed.ecr.clock().set(SystemTime::now() - DAY);
        bed.store_images("1.1.0");
        assert_outcome(&bed.assemble("1.1.0"), "published");
        bed.ecr.clock().set(SystemTime::now());
        let latest = bed.digest("latest");
        assert_eq!(latest, bed.digest("1.1.0"));
        bed.registry.archive("app", "1.1.0");
        let swept = bed.sweep(&json!({}));
        assert_eq!((&swept["aliases_moved"], &swept["alias_conflicts_total"]), (&json!(0), &json!(0)), "{swept}");
        bed.store_images("1.0.1");
        let published = bed.assemble("1.0.1").unwrap();
        assert_eq!(published["aliases"][0]["outcome"], "unchanged", "{published}");
        assert_eq!(bed.digest("latest"), latest);
        // Only the bytes of an archived list are out of reach.
        bed.registry.untag("app", "latest");
        let swept = bed.sweep(&json!({}));
        assert_eq!((&swept["aliases_moved"], &swept["alias_conflicts_total"]), (&json!(0), &json!(1)), "{swept}");
        bed.store_images("1.2.0");
        let published = bed.assemble("1.2.0").unwrap();
        assert_eq!(published["aliases"][0]["outcome"], "moved", "{published}");
    }
}

#[test]
fn push_of_a_version_whose_list_is_archived_publishes_it() {
    for bed in archive_beds() {
        bed.registry.archive("app", "1.0.0");
        let published = bed.push("1.0.0-arm64", &Image::oci("linux/arm64").content("rebuilt")).unwrap();
        assert_eq!(
            (&published["outcome"], &published["aliases"][0]["outcome"]),
            (&json!("published"), &json!("conflict"))
        );
        assert_contains(published["aliases"][0]["reason"].as_str().unwrap(), &["archive storage class"]);
        let forced = bed.assemble_with("1.0.0", &json!({"force": true})).unwrap();
        assert_eq!(forced["aliases"][0]["outcome"], "moved", "{forced}");
    }
}

#[test]
fn archived_platform_of_a_list_of_conversions_does_not_matter() {
    for bed in archive_beds() {
        let images = ["linux/amd64", "linux/arm64"].map(|platform| Image::oci(platform).content("converted"));
        bed.ecr.clock().set(SystemTime::now() - DAY / 2);
        for (tag, image) in ["2.0.0-amd64", "2.0.0-arm64"].into_iter().zip(&images) {
            bed.registry.push("app", Some(tag), image);
        }
        bed.ecr.clock().set(SystemTime::now() - DAY / 4);
        let converted = images.map(|image| Entry::new(&image.annotation("converted", "yes")));
        bed.registry.push("app", Some("2.0.0"), &Index::oci(converted));
        bed.ecr.clock().set(SystemTime::now());
        assert!(bed.registry.archive("app", "2.0.0-arm64"));
        assert_outcome(&bed.assemble("2.0.0"), "unchanged");
        assert_eq!(bed.sweep(&json!({}))["failed"], json!([]));
    }
}

#[test]
fn archived_list_that_ecr_does_not_restore_is_an_error() {
    let options = Options { archived: ArchivedAnswer::AlreadyExists, ..Options::default() };
    let bed = TestBed::start(options, |function| function);
    bed.store_images("1");
    assert_outcome(&bed.assemble("1"), "published");
    bed.registry.archive("app", "1");
    assert_failure(&bed.deliver_event("1-arm64"), "ImageArchived", &["imageDigest=sha256:", "archive storage class"]);
}
