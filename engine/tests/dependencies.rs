//! The wall between the engine and what runs it: its manifest names only these dependencies.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[path = "../../core/tests/support/purity.rs"]
mod purity;

#[test]
fn engine_needs_neither_lambda_nor_a_terminal() {
    let allowed = "aws-config aws-credential-types aws-sdk-ecr aws-smithy-http-client aws-smithy-runtime-api \
         aws-smithy-types ecr-multiarch-core fastrand futures-util http-body-util thiserror tokio tracing";
    purity::assert_dependencies(include_str!("../Cargo.toml"), allowed);
}
