//! Rows of wishes.

use std::time::Duration;

use sqlx::FromRow;

use super::Place;
use crate::clock::Timestamp;
use crate::residency::{KeepAlive, Wish, Wished};
use crate::store::StoreResult;

/// What stands for ever.
const FOREVER: i64 = -1;

/// How a wish is written: its word, and how long the model is to stay.
pub(in crate::store) fn wish_columns(wish: Wish) -> (&'static str, Option<i64>) {
    let written = |keep: KeepAlive| {
        keep.duration().map_or(FOREVER, |keep| i64::try_from(keep.as_micros()).unwrap_or(i64::MAX))
    };
    match wish {
        Wish::Load(keep) => ("load", keep.map(written)),
        Wish::Keep(keep) => ("keep", Some(written(keep))),
        Wish::Unload => ("unload", None),
    }
}

#[derive(FromRow)]
pub(in crate::store) struct WishRow {
    model: String,
    wish: String,
    keep_alive: Option<i64>,
    number: i64,
    wished_at: Timestamp,
}

impl WishRow {
    pub(in crate::store) fn wished(self) -> StoreResult<Wished> {
        let at = Place { table: "model_wishes", row: self.model.clone() };
        let keep = match self.keep_alive {
            None => None,
            Some(FOREVER) => Some(KeepAlive::Forever),
            Some(micros) => Some(KeepAlive::For(Duration::from_micros(at.number("keep_alive", micros)?))),
        };
        let wish = match (self.wish.as_str(), keep) {
            ("load", keep) => Wish::Load(keep),
            ("keep", Some(keep)) => Wish::Keep(keep),
            ("unload", None) => Wish::Unload,
            _ => return Err(at.corrupt("wish")),
        };
        Ok(Wished { model: self.model, wish, number: self.number, at: self.wished_at })
    }
}
