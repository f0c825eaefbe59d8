//! The function beside clients and libraries that no one here wrote: what they push it joins, and what it publishes
//! they accept.
//!
//! The programs among them are installed by `.ci/clients`, which also turns their feature on.

mod golden;
mod oci_spec;
#[cfg_attr(not(feature = "clients"), allow(dead_code, reason = "the programs have use for all of it"))]
mod site;

#[cfg(feature = "clients")]
mod boto3;
#[cfg(feature = "clients")]
mod docker;
#[cfg(feature = "clients")]
mod docker_registry;
#[cfg(feature = "clients")]
mod image;
#[cfg(feature = "clients")]
mod moto;
#[cfg(feature = "clients")]
mod program;
#[cfg(feature = "clients")]
mod python;
#[cfg(feature = "clients")]
mod serve;
#[cfg(feature = "clients")]
mod skopeo;
