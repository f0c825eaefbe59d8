//! Deserializes `null`.

use serde::{Deserialize, Deserializer};

/// Deserializes `null` as Go does: as the empty value.
pub(super) fn null_as_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
