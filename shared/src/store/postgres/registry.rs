//! The registry's index on Postgres: what is written otherwise than on SQLite.

use sqlx::PgConnection;

use crate::clock::Timestamp;
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

/// Whether a living worker has the model of this name or alias that is told of as one in a folder. `None`: there is no such.
pub(super) async fn in_folder(
    connection: &mut PgConnection,
    name: &str,
    now: Timestamp,
) -> StoreResult<Option<bool>> {
    let lives = sqlx::query_scalar(
        "-- store.in_folder
         select bool_or(exists (
             select 1 from workers w
             where w.state in ('live', 'draining') and w.expires_at > $2 and w.models @> jsonb_build_array(m.name)
         ))
         from models m
         where not coalesce((m.card ->> 'registered')::boolean, false)
             and (m.name = $1 or m.card -> 'aliases' @> jsonb_build_array($1::text))",
    )
    .bind(name)
    .bind(now)
    .fetch_one(connection)
    .await?;
    Ok(lives)
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
