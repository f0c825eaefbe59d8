//! The local ECR, compared with the rules of ECR over HTTP. A test belongs in the file of the operation, or of the part
//! of the server, that it tests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Archived images.
mod archive;
/// Uploads of layers, `GetDownloadUrlForLayer`, presigned URLs, raw content.
mod blobs;
/// The client of the tests.
mod client;
/// The content that tests push.
mod content;
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
