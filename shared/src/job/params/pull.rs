//! Parameters of `model_pull`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ParamError;
use super::bounds::Bounded;
use crate::registry::check_name;

/// Parameters of `model_pull`. They are written by whoever checked who asks, never by a client itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelPullParams {
    /// What the model is to be called.
    pub name: String,
    /// Whether it is to be everybody's, and not the job's owner's.
    #[serde(default)]
    pub everybody: bool,
    /// Whether whoever asked runs the service: the hub is shown the service's token then.
    #[serde(default)]
    pub by_admin: bool,
}

impl Bounded for ModelPullParams {
    fn check(&self) -> Result<(), ParamError> {
        check_name(&self.name).map_err(|error| ParamError::at("name", error.to_string()))
    }
}
