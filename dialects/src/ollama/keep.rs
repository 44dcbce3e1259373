//! `keep_alive`: how long a model stays in memory after a call.

use forebay_shared::residency::{KeepAlive, Wish};
use serde_json::Value;

use crate::{Fault, FaultCode};

/// What is wished by a call for vectors; one without texts has the model loaded, if it says for how long.
pub(super) fn wish(written: &Value, is_empty: bool) -> Result<Option<Wish>, Fault> {
    let keep = alive(written)?;
    Ok(keep.map(|keep| if is_empty { Wish::load(Some(keep)) } else { Wish::keep(keep) }))
}

/// Reads it: a duration, or a number of seconds; negative is for ever.
pub(super) fn alive(written: &Value) -> Result<Option<KeepAlive>, Fault> {
    let refused = |message: String| Fault::new(FaultCode::InvalidField, message).at("keep_alive");
    match written {
        Value::Null => Ok(None),
        Value::Number(seconds) => Ok(seconds.as_f64().map(KeepAlive::seconds)),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => {
            text.parse().map(Some).map_err(|error| refused(format!("`keep_alive`: {error}")))
        }
        _ => Err(refused("`keep_alive` must be a duration like \"5m\", or a number of seconds".to_owned())),
    }
}
