//! What a subject has had of its limit.

use std::time::Duration;

use sqlx::FromRow;

use super::Place;
use crate::rate::Lease;
use crate::store::StoreResult;

#[derive(FromRow)]
pub(in crate::store) struct RateRow {
    tat: i64,
    took: i64,
}

impl RateRow {
    pub(in crate::store) fn lease(self) -> StoreResult<Lease> {
        // The row's name may be somebody's address, which is not to stand in a log.
        let at = Place { table: "rate_limits", row: String::new() };
        let tat = Duration::from_nanos(at.number("tat", self.tat)?);
        Ok(Lease { took: at.number("took", self.took)?, tat })
    }
}

/// Arrivals and prices as the table has them: until the year 2262.
pub(in crate::store) fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}
