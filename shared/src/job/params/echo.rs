//! Parameters of `echo`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ParamError;
use super::bounds::{Bounded, at_most};

/// The longest `delay_ms`: ten seconds are enough to rehearse a slow model.
const MAX_DELAY_MS: u32 = 10_000;

/// Parameters of `echo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EchoParams {
    /// How long the batch that holds the item keeps the device busy, at least: 0…10000.
    #[serde(default)]
    #[schema(maximum = 10_000)]
    pub delay_ms: u32,
}

impl Bounded for EchoParams {
    fn check(&self) -> Result<(), ParamError> {
        at_most("delay_ms", self.delay_ms, MAX_DELAY_MS)
    }
}
