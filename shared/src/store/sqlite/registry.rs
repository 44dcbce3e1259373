//! The registry's index on SQLite: what is written otherwise than on Postgres.

use serde_json::json;
use sqlx::SqliteConnection;

use crate::store::StoreResult;

/// Nobody else gives a name away until the transaction ends: there is one writer.
#[expect(clippy::unused_async, reason = "on Postgres it asks for a lock")]
pub(super) async fn hold_names(_: &mut SqliteConnection) -> StoreResult<()> {
    Ok(())
}

/// Of these objects, those that are recorded.
pub(super) async fn named(connection: &mut SqliteConnection, objects: &[String]) -> StoreResult<Vec<String>> {
    let named = sqlx::query_scalar(
        "-- store.named_contents
         select object from registry_contents where object in (select value from json_each($1))",
    )
    .bind(json!(objects).to_string())
    .fetch_all(connection)
    .await?;
    Ok(named)
}
