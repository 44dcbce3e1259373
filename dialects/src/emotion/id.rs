//! Ids of models: an A and three digits.

use std::collections::BTreeMap;

use crate::{Fault, FaultCode};

/// Ids that the configuration gives, each with a model's name or alias.
pub type Ids = BTreeMap<String, String>;

/// The key of the configuration that they stand under.
const KEY: &str = "emotion.models";

/// Whether a word has the form of an id.
pub fn is_id(word: &str) -> bool {
    matches!(word.as_bytes(), [b'A', digits @ ..] if digits.len() == 3 && digits.iter().all(u8::is_ascii_digit))
}

/// The name to look a model up by, and the key that gives it. An id that the configuration does not have may be an alias of
/// a model's own.
pub(super) fn named(id: &str, ids: &Ids) -> Result<(String, Option<&'static str>), Fault> {
    if !is_id(id) {
        let message = "`model_id` must be an A and three digits, such as A001";
        return Err(Fault::new(FaultCode::InvalidField, message).at("model_id"));
    }
    Ok(match ids.get(id) {
        Some(name) => (name.clone(), Some(KEY)),
        None => (id.to_owned(), None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_an_a_and_three_digits() {
        for id in ["A001", "A201", "A999"] {
            assert!(is_id(id), "{id}");
        }
        for other in ["", "A", "A01", "A0011", "a001", "B001", "A00x", "A٠٠١", " A001", "A001\n", "emotion"]
        {
            assert!(!is_id(other), "{other}");
        }
    }
}
