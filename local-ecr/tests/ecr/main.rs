//! The model, held to the rules of ECR over HTTP. A test belongs to the file of the operation or the part of
//! the server that it is about.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

/// `UploadLayerPart` and its like, `GetDownloadUrlForLayer`, presigned URLs, raw content.
mod blobs;
/// What the tests call the server with.
mod client;
/// The data directory.
mod data_dir;
/// `BatchDeleteImage`.
mod deletions;
/// The registry protocol.
mod distribution;
/// Events.
mod events;
/// Injected faults.
mod faults;
/// Images made for tests.
mod fixtures;
/// `BatchGetImage`.
mod images;
/// `DescribeImages` and `ListImages`.
mod listing;
/// `PutImage`.
mod pushes;
/// `CreateRepository`, `DescribeRepositories` and `PutImageTagMutability`.
mod repositories;
/// Hooks, journal, start and end of the server.
mod server;
/// Requests that the service model does not allow.
mod strictness;
