//! The wall between the engine and what runs it: its manifest names only these dependencies.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;

const ALLOWED: [&str; 13] = [
    "aws-config",
    "aws-credential-types",
    "aws-sdk-ecr",
    "aws-smithy-http-client",
    "aws-smithy-runtime-api",
    "aws-smithy-types",
    "ecr-multiarch-core",
    "fastrand",
    "futures-util",
    "http-body-util",
    "thiserror",
    "tokio",
    "tracing",
];

#[test]
fn engine_needs_neither_lambda_nor_a_terminal() {
    let manifest = include_str!("../Cargo.toml");
    let section = manifest.split_once("\n[dependencies]\n").unwrap().1.split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| !name.is_empty());
    assert_eq!(names.collect::<BTreeSet<_>>(), BTreeSet::from(ALLOWED));
}
