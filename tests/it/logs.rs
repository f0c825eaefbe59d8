//! What the function writes to its log: JSON lines, one a reconciliation, one of metrics, and no secret.

use local_ecr::image::Image;
use local_ecr::{BLOB, Fault, FaultKind};
use serde_json::{Value, json};

use crate::world::{World, assert_failure, assert_outcome};

fn is_rfc3339(text: &str) -> bool {
    aws_sdk_ecr::primitives::DateTime::from_str(text, aws_sdk_ecr::primitives::DateTimeFormat::DateTime).is_ok()
}

fn is_metrics(line: &Value) -> bool {
    line.get("_aws").is_some()
}

#[test]
fn every_line_is_json_with_a_level_and_a_timestamp() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    world.push("1-arm64", &Image::oci("linux/arm64")).unwrap();
    let _ = world.function.invoke(&json!({}));
    let lines = world.function.log_lines();
    assert_eq!(lines.len(), 6, "{lines:?}");
    for line in lines {
        assert!(line["level"].is_string() && is_rfc3339(line["timestamp"].as_str().unwrap()), "{line:#}");
    }
}

#[test]
fn a_reconciliation_is_told_in_one_line() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    let published = world.push("1-arm64", &Image::oci("linux/arm64")).unwrap();
    let lines = world.function.log_lines();
    let told: Vec<_> = lines.iter().filter(|line| !is_metrics(line)).collect();
    let [waiting, told] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((&waiting["outcome"], &waiting["missing"]), (&json!("waiting"), &json!("linux/arm64")));
    assert_eq!((&told["outcome"], &told["repository"]), (&json!("published"), &json!("app")));
    assert_eq!((&told["version"], &told["digest"]), (&json!("1"), &published["digest"]));
    assert_eq!((&told["ecr_calls"], &told["level"]), (&json!(5), &json!("INFO")));
    assert!(told["milliseconds"].is_u64());
}

#[test]
fn a_failure_is_told_once_with_its_type_and_its_message() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    let failure = world.push("1-arm64", &Image::oci("linux/amd64").content("wrong"));
    assert_failure(&failure, "PlatformMismatch", &[]);
    let lines = world.function.log_lines();
    let errors: Vec<_> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!((&error["error"], &error["version"]), (&json!("PlatformMismatch"), &json!("1")));
    assert_eq!(error["reason"].as_str().unwrap(), failure.unwrap_err().message);
}

#[test]
fn metrics_count_what_happened_in_a_line_that_no_filter_drops() {
    let world = World::with(|setup| setup.set("AWS_LAMBDA_LOG_LEVEL", "FATAL"));
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    world.push("1-arm64", &Image::oci("linux/arm64")).unwrap();
    world.announce("1").unwrap();
    let _ = world.push("1-arm64", &Image::oci("linux/amd64").content("wrong"));
    let lines = world.function.log_lines();
    let metrics: Vec<_> = lines.iter().filter(|line| is_metrics(line)).collect();
    let [waiting, published, ignored, failed] = metrics.as_slice() else { panic!("{metrics:?}") };
    assert_eq!((&waiting["Waiting"], &waiting["EcrCalls"]), (&json!(1), &json!(1)));
    assert_eq!(published["Published"], 1);
    assert!(published["PushToPublished"].as_u64().is_some());
    assert_eq!((&ignored["Ignored"], &ignored["EcrCalls"]), (&json!(1), &json!(0)));
    assert_eq!((&failed["Failed"], &failed["FailedPlatformMismatch"]), (&json!(1), &json!(1)));
    for line in metrics {
        assert_eq!((&line["level"], &line["FunctionName"]), (&json!("FATAL"), &json!("assembler")));
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "EcrMultiarch");
        assert_eq!(directive["Dimensions"], json!([["FunctionName"]]));
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{line:#}");
        }
    }
}

#[test]
fn no_presigned_url_is_ever_told_at_any_level_or_in_any_error() {
    for level in ["TRACE", "DEBUG", "INFO"] {
        let world = World::with(|setup| setup.set("AWS_LAMBDA_LOG_LEVEL", level).set("RUST_LOG", "trace"));
        world.registry.push("app", Some("1-amd64"), &Image::oci("linux/amd64"));
        world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64"));
        let mut said = String::new();
        for kind in [FaultKind::Status(403), FaultKind::Status(404), FaultKind::ResetBefore, FaultKind::Truncated] {
            world.ecr.faults().add(Fault::on(BLOB, kind));
            said += &world.announce("1-arm64").unwrap_err().message;
            world.ecr.faults().clear();
        }
        let published = world.announce("1-arm64");
        assert_outcome(&published, "published");
        said += &published.unwrap().to_string();
        said += &world.function.log();
        assert!(world.calls("Blob").len() >= 6);
        for secret in ["X-Amz-", "Signature", "/blobs/"] {
            assert!(!said.contains(secret), "{secret} at {level}");
        }
    }
}
