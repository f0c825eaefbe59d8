//! The errors that a retry cannot fix: the error type, and a message that says what to do.

use ecr_multiarch_core::Error;
use local_ecr::image::{Entry, Image, Index, ToArtifact};
use local_ecr::media_type::OCI_MANIFEST;
use local_ecr::{BLOB, Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::assertions::{assert_contains, assert_failure, assert_outcome};
use crate::support::function::{Function, FunctionBuilder};
use crate::support::input::assemble_request;
use crate::support::test_bed::TestBed;

fn refusal(operation: &str, code: &str) -> Fault {
    Fault::on(operation, FaultKind::client_error(code, "said ECR"))
}

#[test]
fn malformed_input_is_invalid_request() {
    let bed = TestBed::new();
    assert_failure(&bed.function.invoke(&json!({"action": "x"})), "InvalidRequest", &["assemble", "sweep"]);
    for payload in ["{}", "[]", "null", "7", "\"text\"", "{\"action\":\"publish\"}", "not json", "{\"a\":", ""] {
        assert_failure(&bed.function.invoke_text(payload), "InvalidRequest", &["assemble", "sweep"]);
    }
    assert!(bed.ecr.journal().is_empty());
    let lines = bed.function.final_log_lines();
    let logged = lines.iter().filter(|line| line["error"] == "InvalidRequest" && line["level"] == "ERROR").count();
    assert_eq!((logged, lines.iter().filter(|line| line["Failed"] == 1).count()), (10, 10), "{lines:#?}");
}

#[test]
fn text_after_the_input_is_invalid_request() {
    let bed = TestBed::with_images();
    let request = assemble_request("app", "1").to_string();
    for rest in ["}", "x", "{}", " null", "\n[]", ","] {
        assert_failure(&bed.function.invoke_text(&format!("{request}{rest}")), "InvalidRequest", &["not valid JSON"]);
    }
    assert!(bed.ecr.journal().is_empty());
    assert_outcome(&bed.function.invoke_text(&format!(" {request}\n ")), "published");
}

#[test]
fn list_that_ecr_would_refuse_is_not_written() {
    let platforms = "linux/amd64,linux/arm64,linux/s390x,linux/ppc64le,linux/riscv64";
    let bed = TestBed::with(|function| function.env("PLATFORMS", platforms));
    // Five indexes of nearly the size that is read.
    for arch in ["amd64", "arm64", "s390x", "ppc64le", "riscv64"] {
        let image = Image::oci(&format!("linux/{arch}"));
        let attached = (0..16).map(|_| image.attestation().annotation("a", &"x".repeat(60_000)));
        bed.registry.push(
            "app",
            Some(&format!("1-{arch}")),
            &Index::oci([Entry::new(&image)].into_iter().chain(attached)),
        );
    }
    for request in [json!({}), json!({"dry_run": true})] {
        let failure = bed.assemble_with("1", &request);
        assert_failure(&failure, "UnsupportedImage", &["app:1", "at most 4194304"]);
    }
    assert!(bed.calls("PutImage").is_empty());
}

#[test]
fn missing_credentials_are_named() {
    let bed = TestBed::with(|function| function.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY"));
    let failure = bed.assemble("1");
    assert_failure(&failure, "RegistryUnavailable", &["ecr:BatchGetImage", "no AWS credentials", "execution role"]);
}

#[test]
fn image_of_another_platform_is_a_mismatch() {
    let index = |image, entry| Index::oci([Entry::new(&Image::oci(image)).platform(entry)]).to_artifact();
    for (configured, image, parts) in [
        ("linux/arm64", Image::oci("linux/amd64").content("other").to_artifact(), ["linux/amd64", "linux/arm64"]),
        ("linux/arm64", index("linux/amd64", "linux/arm64"), ["linux/amd64", "linux/arm64"]),
        ("linux/arm=arm64", index("linux/arm/v7", "linux/arm/v5"), ["linux/arm/v7", "linux/arm/v5"]),
    ] {
        let bed = TestBed::with(|function| function.env("PLATFORMS", &format!("linux/amd64,{configured}")));
        bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
        let failure = bed.push("1-arm64", &image);
        assert_failure(&failure, "PlatformMismatch", &["app:1-arm64", parts[0], parts[1]]);
        assert_eq!(bed.digest("1"), None);
    }
}

fn entry(platform: &str) -> Entry {
    Entry::new(&Image::oci(platform)).platform(platform)
}

#[test]
fn index_without_one_image_of_the_platform_is_unsupported() {
    let other = Entry::new(&Image::oci("linux/arm64").content("other")).platform("linux/arm64");
    let posing = Entry::new(&Image::oci("linux/amd64"))
        .platform("linux/arm64")
        .annotation("vnd.docker.reference.type", "attestation-manifest")
        .annotation("vnd.docker.reference.digest", &entry("linux/arm64").digest());
    for (entries, part) in [
        (vec![entry("linux/amd64")], "without an image of linux/arm64"),
        (vec![entry("linux/arm64"), other], "2 images of linux/arm64"),
        (vec![Entry::new(&Index::oci([entry("linux/arm64")]))], "another index"),
        (vec![posing, entry("linux/arm64")], "annotated as an attestation"),
    ] {
        let failure = TestBed::with_images().push("1-arm64", &Index::oci(entries));
        assert_failure(&failure, "UnsupportedImage", &["app:1-arm64", part]);
    }
    let failure = TestBed::with_images().push("1-arm64", &Image::oci("linux/arm64").without_platform());
    assert_failure(&failure, "UnsupportedImage", &["app:1-arm64", "does not state os and architecture"]);
}

const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";

/// The manifest of an artifact whose config has this media type.
fn artifact(media_type: &str) -> String {
    let config = json!({"mediaType": media_type, "size": 2, "digest": format!("sha256:{:064}", 0)});
    json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [], "config": config}).to_string()
}

#[test]
fn content_other_than_an_image_is_named() {
    let schema_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    for (media_type, text, error, part) in [
        (schema_1, "schema 1", "UnsupportedImage", "v1+prettyjws"),
        (OCI_MANIFEST, &artifact(HELM_CONFIG), "UnsupportedImage", "helm"),
        (OCI_MANIFEST, "{", "CorruptImage", "not valid JSON"),
    ] {
        let bed = TestBed::with_images();
        bed.registry.store_raw("app", Some("1-arm64"), media_type, text.to_owned(), None);
        assert_failure(&bed.deliver_event("1-arm64"), error, &["app:1-arm64", part]);
    }
}

#[test]
fn manifest_with_wrong_digest_is_corrupt() {
    let bed = TestBed::with_images();
    let claimed = format!("sha256:{:064}", 7);
    bed.registry.store_raw("app", Some("1-arm64"), OCI_MANIFEST, "{}", Some(&claimed));
    assert_failure(&bed.deliver_event("1-arm64"), "CorruptImage", &["app:1-arm64", &claimed]);
}

#[test]
fn corrupt_config_is_neither_used_nor_cached() {
    for kind in [FaultKind::Corrupt, FaultKind::Endless] {
        let bed = TestBed::with_images();
        bed.ecr.faults().add(Fault::on(BLOB, kind));
        assert_failure(&bed.deliver_event("1-arm64"), "CorruptImage", &["app:1-", "config"]);
        assert_eq!(bed.digest("1"), None);
        bed.ecr.faults().clear();
        assert_outcome(&bed.deliver_event("1-arm64"), "published");
    }
}

/// The calls that may be denied, as ECR's operation and as the action of a policy.
const DENIABLE: [(&str, &str); 3] = [
    ("BatchGetImage", "ecr:BatchGetImage"),
    ("GetDownloadUrlForLayer", "ecr:GetDownloadUrlForLayer"),
    ("PutImage", "ecr:PutImage"),
];
const DENIALS: [&str; 3] = ["AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException"];

#[test]
fn denied_call_is_named_and_not_repeated() {
    for (operation, action) in DENIABLE {
        for code in DENIALS {
            let bed = TestBed::with_images();
            bed.ecr.faults().add(refusal(operation, code));
            assert_failure(&bed.deliver_event("1-arm64"), "AccessDenied", &[action, "app", "said ECR"]);
            // The configs of two images may be requested at the same time.
            let distinct = if operation == "GetDownloadUrlForLayer" { 2 } else { 1 };
            assert!(bed.calls(operation).len() <= distinct, "{operation} was repeated after {code}");
        }
    }
}

#[test]
fn denied_blob_names_download_action() {
    let bed = TestBed::with_images();
    bed.ecr.faults().add(Fault::on(BLOB, FaultKind::Status(403)));
    assert_failure(&bed.deliver_event("1-arm64"), "AccessDenied", &["ecr:GetDownloadUrlForLayer", "app", "403"]);
}

#[test]
fn missing_repository_is_named() {
    let failure = TestBed::new().function.invoke(&assemble_request("nowhere", "1"));
    assert_failure(&failure, "RepositoryNotFound", &["nowhere"]);
}

/// Calls with errors of ECR that have no separate error type.
const REFUSALS: [(&str, &str); 7] = [
    ("BatchGetImage", "InvalidParameterException"),
    ("GetDownloadUrlForLayer", "LayersNotFoundException"),
    ("GetDownloadUrlForLayer", "LayerInaccessibleException"),
    ("PutImage", "KmsException"),
    ("PutImage", "LimitExceededException"),
    ("PutImage", "ImageDigestDoesNotMatchException"),
    ("PutImage", "ANewException"),
];

#[test]
fn refused_call_is_quoted_and_not_repeated() {
    for (operation, code) in REFUSALS {
        let bed = TestBed::with_images();
        bed.ecr.faults().add(refusal(operation, code));
        assert_failure(&bed.deliver_event("1-arm64"), "RegistryRefused", &[code, "said ECR", "app"]);
        assert!(bed.calls(operation).len() <= 2, "{operation} was repeated after {code}");
    }
}

#[test]
fn unreadable_image_quotes_failure_code() {
    for code in ["KmsError", "ImageTagDoesNotMatchDigest", "UpstreamAccessDenied"] {
        let bed = TestBed::with_images();
        bed.registry.fail("app", "1-amd64", code);
        assert_failure(&bed.deliver_event("1-arm64"), "RegistryRefused", &[code, "1-amd64"]);
    }
    let bed = TestBed::with_images();
    bed.registry.fail("app", "1-amd64", "ImageInaccessible");
    // The push may have restored it, which ECR shows in a moment.
    for (tag, reads) in [("1-arm64", 1), ("1-amd64", 6)] {
        bed.ecr.clear_journal();
        assert_failure(&bed.deliver_event(tag), "ImageArchived", &["app:1-amd64", "imageTag=1-amd64", "restore it"]);
        assert_eq!(bed.calls("BatchGetImage").len(), reads);
    }
}

/// Asserts that this under the version's tag is a conflict, before any config is read, unless the request forces it.
#[track_caller]
fn check_conflict(part: &str, taken: &impl ToArtifact) {
    let bed = TestBed::with_images();
    let digest = bed.registry.push("app", Some("1"), taken);
    let parts = ["app:1", &digest, part, "force"];
    assert_failure(&bed.deliver_event("1-arm64"), "TagConflict", &parts);
    assert_failure(&bed.assemble_with("1", &json!({"dry_run": true})), "TagConflict", &parts);
    assert_eq!(bed.operations(), ["BatchGetImage"; 2]);
    assert_outcome(&bed.assemble_with("1", &json!({"force": true, "dry_run": true})), "would_publish");
    assert_eq!(bed.digest("1"), Some(digest));
    assert_outcome(&bed.assemble_with("1", &json!({"force": true})), "published");
    assert_eq!(bed.calls("GetDownloadUrlForLayer").len(), 2);
}

#[test]
fn plain_image_under_the_version_conflicts_before_configs() {
    check_conflict("not a manifest list: a platform's suffix was forgotten", &Image::oci("linux/amd64"));
}

#[test]
fn foreign_platform_is_a_conflict_before_configs_are_read() {
    check_conflict("linux/s390x", &Index::oci([entry("linux/amd64"), entry("linux/s390x")]));
}

#[test]
fn chart_under_the_version_is_never_replaced() {
    let bed = TestBed::with_images();
    bed.registry.store_raw("app", Some("1"), OCI_MANIFEST, artifact(HELM_CONFIG), None);
    let chart = bed.digest("1");
    for request in [json!({}), json!({"force": true}), json!({"force": true, "dry_run": true})] {
        let failure = bed.assemble_with("1", &request);
        assert_failure(&failure, "TagConflict", &["app:1", HELM_CONFIG, "a repository of their own"]);
        assert!(!failure.unwrap_err().message.contains("force"));
    }
    assert_eq!(bed.digest("1"), chart);
}

/// Words of ECR that quote a presigned URL and a canonical request.
const LEAKY: &str = "cannot read https://s3.example/x?X-Amz-Security-Token=IQoJsecret1&X-Amz-Credential=ASIAsecret2%2F1\
    &X-Amz-Signature=00secret3 \nx-amz-security-token:secret4";

#[test]
fn words_of_ecr_lose_their_secrets() {
    for (operation, code) in [
        ("BatchGetImage", "InvalidSignatureException"),
        ("GetDownloadUrlForLayer", "LayersNotFoundException"),
        ("GetDownloadUrlForLayer", "RepositoryNotFoundException"),
        ("PutImage", "ServerException"),
    ] {
        let bed = TestBed::with_images();
        bed.ecr.faults().add(Fault::on(operation, FaultKind::client_error(code, LEAKY)));
        let failure = bed.deliver_event("1-arm64").unwrap_err();
        assert!(failure.message.contains("https://s3.example/x?X-Amz-Security-Token="), "{}", failure.message);
        let log = bed.function.final_log();
        for text in [&failure.message, &log] {
            assert!(!text.contains("secret"), "{operation}: {text}");
        }
    }
}

#[test]
fn long_words_are_cut() {
    let bed = TestBed::with_images();
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::client_error("KmsException", &"long ".repeat(100_000))));
    let failure = bed.deliver_event("1-arm64").unwrap_err();
    assert_contains(&failure.message, &["KmsException", "long long", "…"]);
    assert!(failure.message.chars().count() < 1_500, "{}", failure.message.len());
    assert!(bed.function.final_log().len() < 4_000);
}

#[test]
fn long_text_of_an_image_is_cut() {
    let bed = TestBed::with_images();
    bed.registry.store_raw("app", Some("1-arm64"), OCI_MANIFEST, artifact(&"long".repeat(300_000)), None);
    let failure = bed.deliver_event("1-arm64").unwrap_err();
    assert_contains(&failure.message, &["app:1-arm64", "longlong", "…"]);
    assert!(failure.message.chars().count() < 1_000, "{}", failure.message.len());
    assert!(bed.function.final_log().len() < 4_000);
}

#[test]
fn redirect_to_other_scheme_is_refused() {
    let bed = TestBed::with_images();
    bed.ecr.faults().add(Fault::on(BLOB, FaultKind::Redirect("https://127.0.0.1:1/".into())).times(1));
    assert_failure(&bed.deliver_event("1-arm64"), "RegistryRefused", &["another scheme"]);
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
}

#[test]
fn function_survives_and_logs_a_panic() {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        return run_panicking_function();
    }
    let function = start_panicking_function();
    for _ in 0..2 {
        let failure = function.invoke(&json!({})).unwrap_err();
        assert!(failure.message.contains("panic on purpose"), "{failure:?}");
    }
    let log = function.final_log();
    // The test harness of the process writes lines that are not JSON.
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(lines.iter().any(|line| line["level"] == "ERROR" && line["message"] == "panicked"), "{lines:?}");
    assert!(!log.contains("stack backtrace"), "{log}");
}

/// Starts [`function_survives_and_logs_a_panic`] in a separate process, in which it is a Lambda function.
fn start_panicking_function() -> Function {
    let mut program = std::process::Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", "failures::function_survives_and_logs_a_panic", "--nocapture"]);
    FunctionBuilder::for_program(program).start()
}

/// The function's runtime with a handler that panics.
fn run_panicking_function() {
    ecr_multiarch::logging::start();
    let handler = async |_: Result<Value, Error>, _| -> Result<Value, Error> { panic!("panic on purpose") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(ecr_multiarch::runtime::serve(handler)).unwrap();
}
