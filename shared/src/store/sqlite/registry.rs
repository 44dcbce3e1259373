//! The registry's index on SQLite: what is written otherwise than on Postgres.

use serde_json::json;
use sqlx::SqliteConnection;

use crate::clock::Timestamp;
use crate::store::StoreResult;

/// Nobody else gives a name away until the transaction ends: there is one writer.
#[expect(clippy::unused_async, reason = "on Postgres it asks for a lock")]
pub(super) async fn hold_names(_: &mut SqliteConnection) -> StoreResult<()> {
    Ok(())
}

/// Whether a living worker has the model of this name or alias that is told of as one in a folder. `None`: there is no such.
pub(super) async fn in_folder(
    connection: &mut SqliteConnection,
    name: &str,
    now: Timestamp,
) -> StoreResult<Option<bool>> {
    let lives = sqlx::query_scalar(
        "-- store.in_folder
         select max(exists (
             select 1 from workers w, json_each(w.models) has
             where w.state in ('live', 'draining') and w.expires_at > $2 and has.value = m.name
         ))
         from models m
         where not coalesce(m.card ->> 'registered', 0)
             and (m.name = $1 or exists (select 1 from json_each(m.card, '$.aliases') where value = $1))",
    )
    .bind(name)
    .bind(now)
    .fetch_one(connection)
    .await?;
    Ok(lives)
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
