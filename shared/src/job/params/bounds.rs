//! Ranges of parameters: what is outside is refused with the parameter's name and the limit.

use super::ParamError;

/// The largest `top_k`; more labels than any starter model has.
const MAX_TOP_K: u32 = 1000;

/// Characters of a text that every item is compared with: longer than any model reads, and each item is read beside it.
pub(super) const LONGEST_TEXT: usize = 32_768;

/// Parameters that know their ranges.
pub(super) trait Bounded {
    /// Refuses what is out of range.
    fn check(&self) -> Result<(), ParamError>;
}

/// 1…1000
pub(super) fn top_k(top_k: Option<u32>) -> Result<(), ParamError> {
    at_least_one("top_k", top_k)?;
    at_most("top_k", top_k.unwrap_or(1), MAX_TOP_K)
}

/// 1…
pub(super) fn at_least_one(field: &str, value: Option<u32>) -> Result<(), ParamError> {
    if value != Some(0) {
        return Ok(());
    }
    Err(ParamError::at(field, format!("`{field}` must be at least 1")))
}

/// …`limit`
pub(super) fn at_most(field: &str, value: u32, limit: u32) -> Result<(), ParamError> {
    if value <= limit {
        return Ok(());
    }
    Err(ParamError::at(field, format!("`{field}` must be at most {limit}, not {value}")))
}

/// …[`LONGEST_TEXT`] characters
pub(super) fn text(field: &str, text: Option<&str>) -> Result<(), ParamError> {
    let characters = text.map_or(0, |text| text.chars().count());
    if characters <= LONGEST_TEXT {
        return Ok(());
    }
    let message = format!("`{field}` must have at most {LONGEST_TEXT} characters, not {characters}");
    Err(ParamError::at(field, message))
}

/// 0…1
pub(super) fn share(field: &str, value: Option<f32>) -> Result<(), ParamError> {
    match value {
        Some(value) if !(0.0..=1.0).contains(&value) => {
            Err(ParamError::at(field, format!("`{field}` must be from 0 to 1, not {value}")))
        }
        _ => Ok(()),
    }
}
