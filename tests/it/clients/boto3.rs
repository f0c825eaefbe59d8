//! The local ECR's API, as AWS's SDK for Python sees it.

use super::program::run;
use super::python::script;
use super::site::Site;

#[test]
fn the_local_ecr_answers_boto3_by_the_model_of_the_api() {
    let site = Site::of("linux/amd64,linux/arm64");
    let said = run(script("boto3_calls.py").arg(&site.url));
    assert_eq!(String::from_utf8(said).unwrap(), "");
}
