//! The probes, on the local ECR: all that it models is as expected, and what it does differently is named.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::cell::RefCell;
use std::collections::BTreeMap;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecr::config::{Credentials, SharedCredentialsProvider};
use ecr_multiarch_conformance::bench::{Bench, PREFIX};
use ecr_multiarch_conformance::opt_in::OptIn;
use ecr_multiarch_conformance::report::{Finding, Verdict};
use ecr_multiarch_conformance::run::run;
use ecr_multiarch_engine::blob::BlobClient;
use ecr_multiarch_engine::connections::Connections;
use futures_util::future::join_all;
use local_ecr::image::Image;
use local_ecr::{ArchivedAnswer, Fault, FaultKind, LocalEcr, Options, RepushError, Rule};

const ACCOUNT: &str = "123456789012";

fn sdk(ecr: &LocalEcr) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-central-1"))
        .endpoint_url(ecr.url())
        .http_client(Connections::without_proxy().http_client())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("id", "secret", None, None, "tests")))
        .build()
}

/// What is seen on a local ECR with these options.
async fn findings(options: Options) -> Vec<Finding> {
    let ecr = LocalEcr::start(options).unwrap();
    let bench = Bench::new(&sdk(&ecr), BlobClient::new(Connections::without_proxy()), "test");
    bench.set_up(&[]).await.unwrap();
    let findings = RefCell::new(Vec::new());
    run(&bench, &[], |finding| findings.borrow_mut().push(finding)).await;
    assert_eq!(bench.tear_down().await, Vec::<String>::new());
    assert_eq!(ecr.home().repositories(), Vec::<String>::new());
    findings.into_inner()
}

/// What differs on a local ECR with these options, by the identifiers of the assumptions.
async fn differing(options: Options) -> BTreeMap<&'static str, String> {
    let differing = findings(options).await.into_iter().filter(|finding| finding.verdict == Verdict::Differs);
    differing.map(|finding| (finding.assumption.id, finding.seen)).collect()
}

#[tokio::test]
async fn all_assumptions_hold_on_the_local_ecr() {
    for finding in findings(Options::default()).await {
        let needs_consent = finding.seen.starts_with("not tried: it needs --");
        let expected = if needs_consent { Verdict::Unknown } else { Verdict::AsExpected };
        assert_eq!(finding.verdict, expected, "{}: {}", finding.assumption.id, finding.seen);
    }
}

#[tokio::test]
async fn each_broken_rule_is_named() {
    let broken = async |rule| differing(Options { broken: Some(rule), ..Options::default() }).await;
    let differing = join_all(Rule::ALL.map(broken)).await;
    for (rule, differing) in Rule::ALL.into_iter().zip(differing) {
        let id = match rule {
            Rule::EqualBytesAddATag => "equal-bytes-add-a-tag",
            Rule::TagsMove => "tag-moves",
            Rule::PushTimesStay => "new-tag-keeps-push-time",
            Rule::AbsenceIsNoException => "absent-tag",
            Rule::BytesStay => "stored-bytes",
            Rule::ImagesOfAListExist => "missing-child",
            Rule::DigestsMatch => "wrong-digest",
            Rule::ImmutableTagsStay => "immutable-other-image",
            Rule::ImagesOfAListStay => "child-is-kept",
            Rule::AllTagsAreListed => "scan-lists-all-tags",
            Rule::ConfigsHaveUrls => "url-of-a-config",
        };
        assert!(differing.contains_key(id), "{rule:?}: {differing:?}");
    }
}

#[tokio::test]
async fn answers_that_the_product_takes_alike_are_told_apart() {
    let options = Options { merge_tags_of_an_image: true, ..Options::default() };
    assert_eq!(differing(options).await.into_keys().collect::<Vec<_>>(), ["tags-of-one-image"]);
    let options = Options { refuses_filter_with_image_ids: true, ..Options::default() };
    assert_eq!(differing(options).await.into_keys().collect::<Vec<_>>(), ["status-beside-image-ids"]);
    let options = Options {
        repush_error: RepushError::ImageTagAlreadyExists,
        archived: ArchivedAnswer::AlreadyExists,
        ..Options::default()
    };
    let findings = findings(options).await;
    let seen = |id: &str| findings.iter().find(|finding| finding.assumption.id == id).unwrap().seen.as_str();
    assert_eq!(seen("immutable-same-image"), "ImageTagAlreadyExistsException");
    assert_eq!(seen("archived-is-not-read"), "ImageNotFound by tag, ImageNotFound by digest");
    assert_eq!(seen("archived-is-pushed-again"), "ImageAlreadyExistsException; the image cannot be read");
}

/// What is seen of an assumption that is tried only with consent.
async fn tried(ecr: &LocalEcr, consent: OptIn, id: &str) -> (Verdict, String) {
    let bench = Bench::new(&sdk(ecr), BlobClient::new(Connections::without_proxy()), "test");
    bench.set_up(&[]).await.unwrap();
    let seen = RefCell::new(None);
    run(&bench, &[consent], |finding| {
        if finding.assumption.id == id {
            *seen.borrow_mut() = Some((finding.verdict, finding.seen));
        }
    })
    .await;
    seen.into_inner().unwrap()
}

#[tokio::test]
async fn throttling_is_tried_where_it_is_allowed() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    ecr.faults().add(Fault::on("PutImage", FaultKind::RateLimit { per_second: 10.0, burst: 20.0 }));
    let (verdict, seen) = tried(&ecr, OptIn::Throttling, "throttling").await;
    assert!(verdict == Verdict::AsExpected && seen.ends_with("of 40 writes throttled"), "{verdict:?} {seen}");
}

#[tokio::test]
async fn thousand_tags_are_tried_where_it_is_allowed() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let (verdict, seen) = tried(&ecr, OptIn::ManyTags, "thousand-tags").await;
    assert_eq!((verdict, &*seen), (Verdict::AsExpected, "1000 tags listed; one more: LimitExceededException"));
}

#[tokio::test]
async fn other_repositories_are_not_touched() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    ecr.home().push("app", Some("1"), &Image::oci("linux/amd64"));
    let bench = Bench::new(&sdk(&ecr), BlobClient::new(Connections::without_proxy()), "test");
    bench.set_up(&[]).await.unwrap();
    run(&bench, &[], |_| {}).await;
    bench.tear_down().await;
    assert_eq!(ecr.home().repositories(), ["app"]);
    for call in ecr.journal().iter().filter(|call| call.operation != local_ecr::BLOB) {
        let name = call.request["repositoryName"].as_str().unwrap();
        assert!(name.starts_with(PREFIX), "{call:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_removed_is_said() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let bench = Bench::new(&sdk(&ecr), BlobClient::new(Connections::without_proxy()), "test");
    bench.set_up(&[]).await.unwrap();
    ecr.faults()
        .add(Fault::on("DeleteRepository", FaultKind::client_error("AccessDeniedException", "denied")).times(1));
    let [left] = &bench.tear_down().await[..] else { panic!() };
    assert!(left.starts_with("ecr-multiarch-conformance-test: AccessDeniedException"), "{left}");
}

#[tokio::test]
async fn report_has_neither_accounts_nor_urls() {
    let findings = findings(Options::default()).await;
    let report = serde_json::to_string(&findings).unwrap();
    assert!(report.contains("GetDownloadUrlForLayer") && report.contains("DescribeImages"));
    for secret in [ACCOUNT, "Signature", "http://127", "AWS4-HMAC"] {
        assert!(!report.contains(secret), "{secret}");
    }
}
