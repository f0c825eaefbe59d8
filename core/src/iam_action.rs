//! The IAM actions of the calls that the function makes; the deployment template allows exactly these.

/// An IAM action of Amazon ECR. (Service authorization reference, "Amazon Elastic Container Registry".)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::Display, strum::IntoStaticStr)]
pub enum IamAction {
    /// Reads manifests.
    #[strum(serialize = "ecr:BatchGetImage")]
    BatchGetImage,
    /// Returns the URL of a config.
    #[strum(serialize = "ecr:GetDownloadUrlForLayer")]
    GetDownloadUrlForLayer,
    /// Writes manifest lists.
    #[strum(serialize = "ecr:PutImage")]
    PutImage,
    /// Scans a repository, and tells when images were pushed.
    #[strum(serialize = "ecr:DescribeImages")]
    DescribeImages,
    /// Scans the names of the repositories.
    #[strum(serialize = "ecr:DescribeRepositories")]
    DescribeRepositories,
}

impl IamAction {
    /// The actions that events and `assemble` requests need.
    pub const ASSEMBLE: [Self; 4] =
        [Self::BatchGetImage, Self::GetDownloadUrlForLayer, Self::PutImage, Self::DescribeImages];
    /// The actions that `sweep` requests need.
    pub const SWEEP: [Self; 5] = [
        Self::BatchGetImage,
        Self::GetDownloadUrlForLayer,
        Self::PutImage,
        Self::DescribeImages,
        Self::DescribeRepositories,
    ];
}
