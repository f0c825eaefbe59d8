//! ECR's API: which operations there are, and how a request reaches one.

mod delete;
mod describe;
mod layers;
pub(crate) mod parameter;
mod read;
mod repositories;
mod upload;

pub(crate) use delete::delete_image;

use crate::error::ApiError;
use crate::registry_id::RegistryId;
use crate::server::Shared;
use crate::world::World;
use parameter::{Account, Text, is_tag};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::SystemTime;

/// The service's name in `x-amz-target`.
pub(crate) const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.";

/// What an operation answers.
type Answer = Result<Value, ApiError>;

/// What every operation works on.
pub(crate) struct Context<'a> {
    shared: &'a Shared,
    world: &'a mut World,
    region: &'a str,
    now: SystemTime,
}

/// An image's name in requests: a tag, a digest or both.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImageId {
    image_tag: Option<Text<1, 300>>,
    image_digest: Option<String>,
}

impl Context<'_> {
    /// The registry of a request: the account it names or the server's own, in the Region it was signed for.
    fn registry(&self, account: Option<&Account>) -> RegistryId {
        RegistryId::new(account.map_or(self.shared.options.account.as_str(), |account| account), self.region)
    }
}

/// Runs one operation.
pub(crate) fn run(shared: &Shared, operation: &str, region: &str, request: &Value) -> Answer {
    let mut world = shared.world();
    let context = &mut Context { shared, world: &mut world, region, now: shared.clock.now() };
    match operation {
        "BatchCheckLayerAvailability" => with(context, request, layers::batch_check),
        "BatchDeleteImage" => with(context, request, delete::batch_delete_image),
        "BatchGetImage" => with(context, request, read::batch_get_image),
        "CompleteLayerUpload" => with(context, request, upload::complete),
        "CreateRepository" => with(context, request, repositories::create),
        "DescribeImages" => with(context, request, describe::describe_images),
        "DescribeRepositories" => with(context, request, repositories::describe),
        "GetAuthorizationToken" => with(context, request, repositories::authorization_token),
        "GetDownloadUrlForLayer" => with(context, request, layers::download_url),
        "InitiateLayerUpload" => with(context, request, upload::initiate),
        "ListImages" => with(context, request, describe::list_images),
        "PutImage" => with(context, request, upload::put_image),
        "PutImageTagMutability" => with(context, request, repositories::put_mutability),
        "UploadLayerPart" => with(context, request, upload::part),
        _ => Err(ApiError::new("UnknownOperationException", "")),
    }
}

/// Reads an operation's parameters and runs it.
fn with<'de, P: Deserialize<'de>>(
    context: &mut Context<'_>,
    request: &'de Value,
    operation: fn(&mut Context<'_>, &P) -> Answer,
) -> Answer {
    let parameters = P::deserialize(request).map_err(|error| ApiError::invalid_parameter(error.to_string()))?;
    operation(context, &parameters)
}

/// The image tag of a request that may only name valid ones.
fn checked_tag(tag: Option<&Text<1, 300>>) -> Result<Option<&str>, ApiError> {
    match tag {
        Some(tag) if !is_tag(tag) => Err(ApiError::invalid_parameter(
            "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,299}''",
        )),
        tag => Ok(tag.map(|tag| &**tag)),
    }
}

/// An image's name in answers.
fn image_id(digest: Option<&str>, tag: Option<&str>) -> Value {
    let mut id = json!({});
    if let Some(digest) = digest {
        id["imageDigest"] = Value::from(digest);
    }
    if let Some(tag) = tag {
        id["imageTag"] = Value::from(tag);
    }
    id
}
