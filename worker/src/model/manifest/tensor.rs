//! What a manifest says of models that are used by plain tensors.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `[tensor]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TensorSection {
    /// Along which axis of each input and output items stand side by side, by name. An input that is not named is one for
    /// all items of a batch. Without any, items run together where the first axis of all inputs and outputs is free.
    pub axes: BTreeMap<String, usize>,
}
