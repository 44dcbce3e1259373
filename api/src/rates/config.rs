//! `[rate_limits]`: how much somebody may do in a time. Every key is described in `cli/config.default.toml`.

use forebay_shared::rate::Rate;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// `[rate_limits]`
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateConfig {
    /// Requests of a key that has no rate of its own.
    #[serde(deserialize_with = "unless_empty")]
    pub key_requests: Option<Rate>,
    /// Requests of an address that bear no valid key.
    #[serde(deserialize_with = "unless_empty")]
    pub address_requests: Option<Rate>,
    /// What submissions of a key may cost that has no such rate of its own.
    #[serde(deserialize_with = "unless_empty")]
    pub key_cost: Option<Rate>,
    /// What submissions of an address may cost that bear no valid key.
    #[serde(deserialize_with = "unless_empty")]
    pub address_cost: Option<Rate>,
    /// Requests of an address to the image-task API, whatever key they bear.
    #[serde(deserialize_with = "unless_empty")]
    pub image_task_requests: Option<Rate>,
}

/// A rate, or no limit where the text is empty.
fn unless_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Rate>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(Error::custom) }
}
