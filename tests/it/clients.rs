//! Third-party clients and libraries: the function reads the images that they push, and they read its lists.
//!
//! `.ci/clients` installs the programs and enables the feature `clients`.

// The registry with the function that clients push to. If several clients need a helper for it, put it here.
#[cfg_attr(not(feature = "clients"), allow(dead_code, reason = "only the programs use all of it"))]
mod live_registry;

// Bytes of the docker tools, from files. If you add a golden file, compare the published bytes here.
mod golden;
// The types of the `oci-spec` crate. If you add a media type, check that it conforms here.
mod oci_spec;

// Images with real layers, for clients that unpack them.
#[cfg(feature = "clients")]
mod image;
// How programs and servers are started. If you add a client that needs a server, start it with this.
#[cfg(feature = "clients")]
mod program;
// Python with the packages of the clients.
#[cfg(feature = "clients")]
mod python;

// AWS's SDK for Python. If you add an operation to the local ECR, check its response here.
#[cfg(feature = "clients")]
mod boto3;
// Lists that the docker CLI makes of the same images. If you add a field to a Docker list, compare it here.
#[cfg(feature = "clients")]
mod docker;
// Copies to another registry.
#[cfg(feature = "clients")]
mod docker_registry;
// The function on moto. If you call another operation of ECR, check that moto has it here.
#[cfg(feature = "clients")]
mod moto;
// The example that serves a registry at a terminal.
#[cfg(feature = "clients")]
mod serve;
// Pushes and pulls by platform.
#[cfg(feature = "clients")]
mod skopeo;
