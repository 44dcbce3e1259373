//! The registry's index on Postgres: what is asked of many objects at once.

use sqlx::PgConnection;

use crate::store::StoreResult;

/// Of these objects, those that are recorded.
pub(super) async fn named(connection: &mut PgConnection, objects: &[String]) -> StoreResult<Vec<String>> {
    let named = sqlx::query_scalar(
        "-- store.named_contents
         select object from registry_contents where object = any($1)",
    )
    .bind(objects)
    .fetch_all(connection)
    .await?;
    Ok(named)
}
