//! Tests of the function as it ships: the compiled binary under a host of the Lambda Runtime API, against the local
//! ECR.
//!
//! Each module says which tests it holds. Helpers of tests belong in `support`, or, if only one module uses
//! them, beside its tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test crate exports nothing")]

// Helpers of several test modules. If you add a helper and not a test, put it here.
mod support;

// Aliases and yanks. If you add something that moves an alias, or leaves it alone, test it here.
mod aliases;
// Annotations of lists. If you change where they come from, test it here.
mod annotations;
// Answers of ECR that nobody knows, or that may differ. If you learn of another one, switch it in local-ecr, and try it
// here.
mod answers;
// What is published, when, and the content of lists. If you add behaviour of a push or a request, test it here.
mod assemble;
// SQS batches: what is reconciled once, and what goes back. If you change how records are joined, test it here.
mod batch;
// The function with third-party clients and libraries. If you add a client or a tool, put it here.
mod clients;
// Lists that others made. If you find a list that should stay, or should not, test it here.
mod right_lists;
// Several processes, many pushes and a faulty ECR, by a seeded schedule. If you add a random fault, put it here.
mod chaos;
// Pooled connections that have died. If you change what connections are kept, test it here.
mod connections;
// Errors that a retry cannot fix: their types and messages. If you add an error, test its message here.
mod failures;
// What people reported in public, with the images of its true shape. If you learn of another trouble, put it here, and
// in docs/field-cases.md.
mod field;
// The documents: links and versions. If a document repeats something, test here that it stays true.
mod documents;
// Every fault at every call of a reconciliation. If you add a kind of fault or of reconciliation, put it here.
mod faults;
// The files of `events/` and requests outside the settings. If you add an event or a form of input, test it here.
mod inputs;
// Log lines and metrics. If you add a field or a metric, test it here.
mod logs;
// The peak memory of the process, which Linux tells. If you add a limit of what is read, test its effect on memory here.
#[cfg(target_os = "linux")]
mod memory;
// Why a tag is not there, by the guide's own commands. If people look for a cause in vain, play it here.
mod mishaps;
// Other writers between two calls of one reconciliation. If you add a fixed interleaving, put it here.
mod races;
// A queue between EventBridge and the function: bursts, outages, redelivery, dead letters. If you change what goes
// back to the queue, or how fast it is worked off, test it here.
mod queue;
// Temporary faults: retries, waiting until ECR shows an image, deadlines. If you add a retry or a wait, test it here.
mod retries;
// Tags of the images inside lists. If you add something that such a tag follows, test it here.
mod image_tags;
// Initialization and its errors. If you add a setting, test its invalid values here.
mod start;
// The sweep. If you add something that it finds, reports or limits, test it here.
mod sweep;
// The templates, compared with the code that they deploy. If you add a resource or a parameter, test it here.
mod template;
// Requests that wait for a version. If you add a reason to go on waiting, test it here.
mod wait;
// The alias `wait` of the function. If you add a form of input, test whether the alias refuses it here.
mod wait_qualifier;
