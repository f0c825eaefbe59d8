//! Third-party clients and libraries: the function reads the images that they push, and they read its lists.
//!
//! Tests that need another program are ignored; `.ci/clients` installs the programs, and runs all.

// The registry with the function that clients push to. If several clients need a helper for it, put it here.
mod live_registry;

// Bytes of the docker tools, from files. If you add a golden file, compare the published bytes here.
mod golden;
// The types of the `oci-spec` crate. If you add a media type, check that it conforms here.
mod oci_spec;

// Images with real layers, for clients that unpack them.
mod image;
// How programs and servers are started. If you add a client that needs a server, start it with this.
mod program;
// Python with the packages of the clients.
mod python;

// AWS's SDK for Python. If you add an operation to the local ECR, check its response here.
mod boto3;
// Lists that the docker CLI makes of the same images. If you add a field to a Docker list, compare it here.
mod docker;
// Copies to another registry.
mod docker_registry;
// crane, regctl, oras and buildx. If you add a client that is written in Go, test it here.
mod go_tools;
// The function on moto. If you call another operation of ECR, check that moto has it here.
mod moto;
// The example that serves a registry at a terminal.
mod serve;
// Clients that `.ci/nightly` builds: signers, manifest-tool and ko.
mod signers;
// SOCI, which `.ci/nightly` builds, too.
mod soci;
// Pushes and pulls by platform.
mod skopeo;
