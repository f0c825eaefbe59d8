//! Every way in which an invocation fails: the type, and a message that says what to do.

use std::time::{Duration, Instant};

use local_ecr::image::{Entry, Image, Index};
use local_ecr::{ANY, BLOB, Fault, FaultKind, LocalEcr};
use serde_json::{Value, json};

use crate::function::{Failure, Setup};
use crate::world::{World, assert_failure, assert_outcome};

/// A world in which both platforms are there, and nothing has been announced.
fn complete() -> World {
    complete_with(|setup| setup)
}

fn complete_with(settings: impl FnOnce(Setup) -> Setup) -> World {
    let world = World::with(settings);
    world.registry.push("app", Some("1-amd64"), &Image::oci("linux/amd64"));
    world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64"));
    world
}

fn refusal(operation: &str, code: &str) -> Fault {
    Fault::on(operation, FaultKind::refusal(code, "said ECR"))
}

#[test]
fn input_that_is_none_of_the_three_is_told_what_was_expected() {
    let world = World::new();
    for payload in ["{}", "[]", "null", "7", "\"text\"", "{\"action\":\"publish\"}", "not json", "{\"a\":", ""] {
        assert_failure(&world.function.invoke_raw(payload), "InvalidRequest", &[]);
    }
    assert_failure(&world.function.invoke(&json!({"action": "x"})), "InvalidRequest", &["assemble", "sweep"]);
    assert!(world.ecr.journal().is_empty());
}

#[test]
fn an_image_that_is_not_what_its_tag_says_is_never_published() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    let failure = world.push("1-arm64", &Image::oci("linux/amd64").content("other"));
    assert_failure(&failure, "PlatformMismatch", &["app:1-arm64", "linux/amd64", "linux/arm64"]);

    let lying = Index::of([Entry::of(&Image::oci("linux/amd64")).platform("linux/arm64")]);
    let failure = world.push("1-arm64", &lying);
    assert_failure(&failure, "PlatformMismatch", &["app:1-arm64", "linux/amd64", "linux/arm64"]);
    assert_eq!(world.registry.tag("app", "1"), None);
}

#[test]
fn what_is_no_container_image_is_unsupported() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    let entry = |platform| Entry::of(&Image::oci(platform)).platform(platform);
    let other = || Entry::of(&Image::oci("linux/arm64").content("other")).platform("linux/arm64");
    let check = |said: &str, push: &dyn Fn(&World)| {
        push(&world);
        assert_failure(&world.announce("1-arm64"), "UnsupportedImage", &["app:1-arm64", said]);
    };
    let push = |index: Index| {
        move |world: &World| {
            world.registry.push("app", Some("1-arm64"), &index);
        }
    };
    check("without an image of linux/arm64", &push(Index::of([entry("linux/amd64")])));
    check("2 images of linux/arm64", &push(Index::of([entry("linux/arm64"), other()])));
    check("another index", &push(Index::of([Entry::of(&Index::of([entry("linux/arm64")]))])));
    check("no os and architecture", &|world| {
        world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").without_platform());
    });
    let raw = |media_type: &'static str, text: String| {
        move |world: &World| {
            world.registry.store_raw("app", Some("1-arm64"), media_type, text.clone(), None);
        }
    };
    check("v1+prettyjws", &raw("application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1".into()));
    let chart = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [],
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "size": 2,
                   "digest": format!("sha256:{:064}", 0)},
    });
    check("helm", &raw("application/vnd.oci.image.manifest.v1+json", chart.to_string()));
}

#[test]
fn bytes_that_do_not_match_their_digest_or_are_no_json_are_corrupt() {
    const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
    let world = complete();
    world.registry.store_raw("app", Some("1-arm64"), OCI, "{", None);
    assert_failure(&world.announce("1-arm64"), "CorruptImage", &["app:1-arm64", "no JSON"]);

    let claimed = format!("sha256:{:064}", 7);
    world.registry.store_raw("app", Some("1-arm64"), OCI, "{}", Some(&claimed));
    assert_failure(&world.announce("1-arm64"), "CorruptImage", &["app:1-arm64", &claimed]);

    for kind in [FaultKind::Corrupt, FaultKind::Endless] {
        let world = complete();
        world.ecr.faults().add(Fault::on(BLOB, kind));
        assert_failure(&world.announce("1-arm64"), "CorruptImage", &["app:1-", "config"]);
        assert_eq!(world.registry.tag("app", "1"), None);
        world.ecr.faults().clear();
        assert_outcome(&world.announce("1-arm64"), "published");
    }
}

#[test]
fn a_denial_names_action_and_repository() {
    for (operation, action) in [
        ("BatchGetImage", "ecr:BatchGetImage"),
        ("GetDownloadUrlForLayer", "ecr:GetDownloadUrlForLayer"),
        ("PutImage", "ecr:PutImage"),
    ] {
        for code in ["AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException"] {
            let world = complete();
            world.ecr.faults().add(refusal(operation, code));
            assert_failure(&world.announce("1-arm64"), "AccessDenied", &[action, "app", "said ECR"]);
            let distinct = if operation == "GetDownloadUrlForLayer" { 2 } else { 1 };
            assert!(world.calls(operation).len() <= distinct, "{code} is not sent again");
        }
    }
    let world = complete();
    world.ecr.faults().add(Fault::on(BLOB, FaultKind::Status(403)));
    assert_failure(&world.announce("1-arm64"), "AccessDenied", &["ecr:GetDownloadUrlForLayer", "app", "403"]);
}

#[test]
fn a_repository_that_is_not_there_is_named() {
    let world = World::new();
    let failure = world.function.invoke(&crate::function::assemble("nowhere", "1"));
    assert_failure(&failure, "RepositoryNotFound", &["nowhere"]);
}

#[test]
fn any_other_refusal_has_ecrs_own_code_and_words() {
    for (operation, code) in [
        ("BatchGetImage", "InvalidParameterException"),
        ("GetDownloadUrlForLayer", "LayersNotFoundException"),
        ("GetDownloadUrlForLayer", "LayerInaccessibleException"),
        ("PutImage", "KmsException"),
        ("PutImage", "LimitExceededException"),
        ("PutImage", "ImageDigestDoesNotMatchException"),
        ("PutImage", "ANewException"),
    ] {
        let world = complete();
        world.ecr.faults().add(refusal(operation, code));
        assert_failure(&world.announce("1-arm64"), "RegistryRefused", &[code, "said ECR", "app"]);
        assert!(world.calls(operation).len() <= 2, "{code} is not sent again");
    }
    for code in ["KmsError", "ImageInaccessible", "ImageTagDoesNotMatchDigest", "UpstreamAccessDenied"] {
        let world = complete();
        world.registry.fail("app", "1-amd64", code);
        assert_failure(&world.announce("1-arm64"), "RegistryRefused", &[code, "1-amd64"]);
    }
}

#[test]
fn faults_that_pass_are_weathered_and_those_that_stay_are_worth_a_retry() {
    let faults = [
        FaultKind::Throttle,
        FaultKind::server_error(),
        FaultKind::Status(503),
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
    ];
    std::thread::scope(|scope| {
        for fault in faults {
            for operation in ["BatchGetImage", "GetDownloadUrlForLayer", BLOB, "PutImage"] {
                let fault = fault.clone();
                scope.spawn(move || weather(operation, &fault));
            }
        }
    });
}

/// One fault of an operation is weathered; for ever, it is worth a retry, which ends right when the fault is over.
fn weather(operation: &str, fault: &FaultKind) {
    let world = complete();
    world.ecr.faults().add(Fault::on(operation, fault.clone()).times(1));
    assert_outcome(&world.announce("1-arm64"), "published");

    let world = complete();
    world.ecr.faults().add(Fault::on(operation, fault.clone()));
    let action = if operation == BLOB { "ecr:GetDownloadUrlForLayer" } else { operation };
    assert_failure(&world.announce("1-arm64"), "RegistryUnavailable", &[action, "app"]);
    world.ecr.faults().clear();
    let answer = world.announce("1-arm64");
    let outcome = &answer.as_ref().unwrap()["outcome"];
    assert!(*outcome == "published" || *outcome == "unchanged", "{fault:?} of {operation}: {outcome}");
}

#[test]
fn an_upstream_out_of_reach_is_worth_a_retry() {
    for code in ["UpstreamUnavailable", "UpstreamTooManyRequests"] {
        let world = complete();
        world.registry.fail("app", "1-amd64", code);
        assert_failure(&world.announce("1-arm64"), "RegistryUnavailable", &[code]);
    }
}

#[test]
fn an_answer_comes_ahead_of_the_deadline_also_when_ecr_never_answers() {
    let in_time = |operation| {
        let ecr = LocalEcr::start(local_ecr::Options::default()).unwrap();
        ecr.home().push("app", Some("1-amd64"), &Image::oci("linux/amd64"));
        ecr.home().push("app", Some("1-arm64"), &Image::oci("linux/arm64"));
        let function = Setup::with(&ecr).start().with_time_left(Duration::from_secs(4));
        ecr.faults().add(Fault::on(operation, FaultKind::Hang));
        let begun = Instant::now();
        let failure = function.invoke(&crate::function::push_event("app", "1-arm64"));
        assert!(begun.elapsed() < Duration::from_secs(4), "{operation}");
        assert_failure(&failure, "RegistryUnavailable", &["app:1", "deadline"]);
    };
    std::thread::scope(|scope| {
        for operation in [ANY, "GetDownloadUrlForLayer", BLOB, "PutImage"] {
            scope.spawn(move || in_time(operation));
        }
    });
}

#[test]
fn a_tag_or_a_child_that_shows_late_is_waited_for() {
    let world = complete();
    world.registry.hide("app", "1-arm64", 2);
    assert_outcome(&world.announce("1-arm64"), "published");

    let world = World::new();
    let arm64 = Image::oci("linux/arm64");
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    world.registry.push("app", Some("1-arm64"), &arm64.attested());
    world.registry.hide("app", &Entry::of(&arm64).digest(), 2);
    assert_outcome(&world.announce("1-arm64"), "published");

    let world = complete();
    world.ecr.faults().add(refusal("PutImage", "ReferencedImagesNotFoundException").times(1));
    assert_outcome(&world.announce("1-arm64"), "published");

    let world = complete();
    world.registry.hide("app", "1", 2);
    assert_outcome(&world.announce("1-arm64"), "published");
    assert_eq!(world.calls("PutImage").len(), 1);
}

#[test]
fn what_never_shows_is_not_yet_visible_after_about_three_seconds() {
    let invisible = |prepare: &dyn Fn(&World), named: &str| {
        let world = complete();
        prepare(&world);
        let begun = Instant::now();
        assert_failure(&world.announce("1-arm64"), "NotYetVisible", &[named, "try again"]);
        let waited = begun.elapsed();
        assert!(Duration::from_millis(2_900) < waited && waited < Duration::from_secs(6), "{waited:?}");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| invisible(&|world| world.registry.hide("app", "1-arm64", u32::MAX), "app:1-arm64"));
        scope.spawn(|| {
            let missing = |world: &World| {
                world.ecr.faults().add(refusal("PutImage", "ReferencedImagesNotFoundException"));
            };
            invisible(&missing, "app:1");
        });
        scope.spawn(|| {
            let missing = |world: &World| {
                let arm64 = Image::oci("linux/arm64");
                world.registry.push("app", Some("1-arm64"), &arm64.attested());
                world.registry.delete("app", &Entry::of(&arm64).digest());
            };
            invisible(&missing, "app@sha256:");
        });
    });
}

#[test]
fn a_sibling_that_is_missing_is_no_error_and_is_not_waited_for() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    assert_eq!(world.calls("BatchGetImage").len(), 1);
}

#[test]
fn a_redirect_of_a_blob_is_followed_within_the_scheme_alone() {
    let world = complete();
    world.ecr.faults().add(Fault::on(BLOB, FaultKind::Redirect("https://127.0.0.1:1/".into())).times(1));
    assert_failure(&world.announce("1-arm64"), "RegistryRefused", &["another scheme"]);
    assert_outcome(&world.announce("1-arm64"), "published");
}

#[test]
fn a_panic_is_reported_as_an_error_and_the_function_lives_on() {
    let this_test = "failures::a_panic_is_reported_as_an_error_and_the_function_lives_on";
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        panicking_function();
        return;
    }
    let mut program = std::process::Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", this_test, "--nocapture"]);
    let function = Setup::of(program).start();
    for _ in 0..2 {
        let failure: Failure = function.invoke(&json!({})).unwrap_err();
        assert!(failure.message.contains("out of its depth"), "{failure:?}");
    }
    assert!(!function.log().contains("stack backtrace"), "{}", function.log());
    let lines: Vec<Value> = function.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(lines.iter().any(|line| line["level"] == "ERROR" && line["message"] == "panicked"), "{lines:?}");
}

/// What the last test runs in a process of its own: the product's runtime around a handler that panics.
fn panicking_function() {
    ecr_multiarch::telemetry::start();
    let handler = async |_: Value, _| -> Result<Value, ecr_multiarch::error::Error> { panic!("out of its depth") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(ecr_multiarch::lambda::serve(handler)).unwrap();
}
