//! The local ECR under AWS's SDK for Python, which checks every request and response.

use super::live_registry::LiveRegistry;
use super::program::run;
use super::python::script;

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn local_ecr_conforms_to_boto3_model() {
    let live = LiveRegistry::new("linux/amd64,linux/arm64");
    let output = run(script("boto3_calls.py").arg(&live.url));
    assert_eq!(String::from_utf8(output).unwrap(), "");
}
