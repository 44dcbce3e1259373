//! A JSON body as a value: what is wrong with it is told by the field's path.

use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Reads `body`, which must be a JSON object; `what` names it in refusals. Dialects read theirs in the same way.
pub fn parse<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Problem> {
    Ok(forebay_dialects::read(body, what)?)
}
