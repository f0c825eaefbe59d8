//! The IAM actions of the calls that are made; the template allows exactly these.

/// Reads manifests.
pub const BATCH_GET_IMAGE: &str = "ecr:BatchGetImage";
/// Leads to configs.
pub const GET_DOWNLOAD_URL: &str = "ecr:GetDownloadUrlForLayer";
/// Writes lists.
pub const PUT_IMAGE: &str = "ecr:PutImage";
/// Lists the images of a repository, for the sweep.
pub const DESCRIBE_IMAGES: &str = "ecr:DescribeImages";
/// Lists repositories, for the sweep.
pub const DESCRIBE_REPOSITORIES: &str = "ecr:DescribeRepositories";

/// What events and `assemble` requests call.
pub const ASSEMBLE: [&str; 3] = [BATCH_GET_IMAGE, GET_DOWNLOAD_URL, PUT_IMAGE];
/// What `sweep` requests call.
pub const SWEEP: [&str; 5] = [BATCH_GET_IMAGE, GET_DOWNLOAD_URL, PUT_IMAGE, DESCRIBE_IMAGES, DESCRIBE_REPOSITORIES];
