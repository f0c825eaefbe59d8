//! A registry with the function that serves it.

use local_ecr::image::{Image, ToArtifact};
use local_ecr::{Call, LocalEcr, Options, RegistryHandle};
use serde_json::Value;

use super::function::{Failure, Function, FunctionBuilder};
use super::input::{assemble_request, push_event, sweep_request, with_fields};

/// A local ECR, its home registry and the function that serves it. Most tests use the one repository, `app`.
pub struct TestBed {
    pub ecr: LocalEcr,
    pub registry: RegistryHandle,
    pub function: Function,
}

impl TestBed {
    /// An empty repository, and a function for amd64 and arm64.
    pub fn new() -> Self {
        Self::with(|function| function)
    }

    /// A test bed whose function has other settings.
    pub fn with(settings: impl FnOnce(FunctionBuilder) -> FunctionBuilder) -> Self {
        Self::start(Options::default(), settings)
    }

    /// A test bed with both images of version `1`, whose events are not delivered yet.
    pub fn with_images() -> Self {
        let bed = Self::new();
        bed.store_images("1");
        bed
    }

    /// A test bed whose ECR has other options, and whose function has other settings.
    pub fn start(options: Options, settings: impl FnOnce(FunctionBuilder) -> FunctionBuilder) -> Self {
        let ecr = LocalEcr::start(options).unwrap();
        let function = settings(FunctionBuilder::new(&ecr)).start();
        ecr.home().create("app");
        Self { registry: ecr.home(), ecr, function }
    }

    /// Pushes both images of a version to `app`, without their events.
    pub fn store_images(&self, version: &str) {
        push_images(&self.registry, "app", version);
    }

    /// Pushes both images of several versions to `app`, without their events.
    pub fn store_all_images(&self, versions: &[impl AsRef<str>]) {
        for version in versions {
            self.store_images(version.as_ref());
        }
    }

    /// Pushes an image to `app` and delivers its event.
    pub fn push(&self, tag: &str, image: &impl ToArtifact) -> Result<Value, Failure> {
        self.registry.push("app", Some(tag), image);
        self.deliver_event(tag)
    }

    /// Delivers the event of a push to `app`.
    pub fn deliver_event(&self, tag: &str) -> Result<Value, Failure> {
        self.function.invoke(&push_event("app", tag))
    }

    /// Requests a version of `app`.
    pub fn assemble(&self, version: &str) -> Result<Value, Failure> {
        self.function.invoke(&assemble_request("app", version))
    }

    /// Requests a version of `app`, with additional fields.
    pub fn assemble_with(&self, version: &str, fields: &Value) -> Result<Value, Failure> {
        self.function.invoke(&with_fields(assemble_request("app", version), fields))
    }

    /// Sweeps, with additional fields in the request.
    #[track_caller]
    pub fn sweep(&self, fields: &Value) -> Value {
        self.try_sweep(fields).unwrap()
    }

    /// Sweeps like [`Self::sweep`], and returns a failure as well.
    pub fn try_sweep(&self, fields: &Value) -> Result<Value, Failure> {
        self.function.invoke(&sweep_request(fields))
    }

    /// The calls of an operation so far.
    pub fn calls(&self, operation: &str) -> Vec<Call> {
        self.ecr.journal().into_iter().filter(|call| call.operation == operation).collect()
    }

    /// The operations of all calls so far, in order.
    pub fn operations(&self) -> Vec<String> {
        self.ecr.journal().into_iter().map(|call| call.operation).collect()
    }

    /// The digest that a tag of `app` names.
    pub fn digest(&self, tag: &str) -> Option<String> {
        self.registry.tag("app", tag)
    }

    /// The list that a tag or digest of `app` names.
    #[track_caller]
    pub fn list(&self, reference: &str) -> Value {
        let (_, bytes) = self.registry.manifest("app", reference).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// The architectures of a list's entries, in order; `unknown` is an attestation.
    #[track_caller]
    pub fn architectures(&self, tag: &str) -> Vec<String> {
        let list = self.list(tag);
        let entries = list["manifests"].as_array().unwrap().iter();
        entries.map(|entry| entry["platform"]["architecture"].as_str().unwrap().to_owned()).collect()
    }
}

/// Pushes both images of a version, without their events.
pub fn push_images(registry: &RegistryHandle, repository: &str, version: &str) {
    for platform in ["amd64", "arm64"] {
        let image = Image::oci(&format!("linux/{platform}")).content(version);
        registry.push(repository, Some(&format!("{version}-{platform}")), &image);
    }
}
