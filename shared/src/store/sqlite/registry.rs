//! The registry's index on SQLite: what is asked of many objects at once.

use serde_json::json;
use sqlx::SqliteConnection;

use crate::store::StoreResult;

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
