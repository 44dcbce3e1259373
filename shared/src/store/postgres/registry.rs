//! The registry's index on Postgres: what is written otherwise than on SQLite.

use sqlx::PgConnection;

use crate::store::StoreResult;

/// The lock of all names: models come too rarely to be in each other's way.
const NAMES: i64 = 0x666f_7265_6261_7901;

/// Nobody else gives a name away until the transaction ends.
pub(super) async fn hold_names(connection: &mut PgConnection) -> StoreResult<()> {
    sqlx::query(
        "-- store.hold_names
         select pg_advisory_xact_lock($1)",
    )
    .bind(NAMES)
    .execute(connection)
    .await?;
    Ok(())
}

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
