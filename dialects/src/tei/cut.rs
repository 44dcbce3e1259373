//! What is done about a text that is too long.

use forebay_shared::job::{Object, Side};
use serde::Deserialize;

/// Fields that every request may have.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Cut {
    #[serde(default)]
    truncate: Option<bool>,
    #[serde(default)]
    truncation_direction: Option<Direction>,
}

/// Which end is cut off.
#[derive(Clone, Copy, Debug, Deserialize)]
enum Direction {
    #[serde(alias = "left")]
    Left,
    #[serde(alias = "right")]
    Right,
}

impl Cut {
    /// The parameters that say the same. What is not said is left to the model's kind: to cut, at the right.
    pub(super) fn params(self) -> Object {
        let mut params = Object::new();
        if let Some(truncate) = self.truncate {
            params.insert("truncate".to_owned(), truncate.into());
        }
        if let Some(direction) = self.truncation_direction {
            let side = match direction {
                Direction::Left => Side::Left,
                Direction::Right => Side::Right,
            };
            params.insert("truncation_side".to_owned(), serde_json::json!(side));
        }
        params
    }
}
