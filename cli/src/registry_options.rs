//! The options that name a registry.

use clap::Args;
use ecr_multiarch_core::{AccountId, Region, RegistryId};
use ecr_multiarch_engine::ecr::Registries;

/// What to do where neither the options nor the environment name a Region.
pub const NO_REGION: &str = "no Region: pass --region or set AWS_REGION";

// A doc comment here would become the help of the commands.
#[derive(Debug, Clone, Args)]
pub struct RegistryOptions {
    /// The account of the registry; your own by default
    #[arg(long)]
    pub account: Option<AccountId>,
    /// The Region of the registry; that of your environment or profile by default
    #[arg(long)]
    pub region: Option<Region>,
}

impl RegistryOptions {
    /// The registry. An account that is not given is that of the credentials.
    ///
    /// # Errors
    /// If neither the options nor the environment name a Region.
    pub fn id(&self, registries: &Registries) -> Result<RegistryId, String> {
        let region = self.region.clone().or_else(|| registries.own_region());
        let region = region.ok_or(NO_REGION)?;
        Ok(RegistryId { account: self.account.clone(), region })
    }
}
