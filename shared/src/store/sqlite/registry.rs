//! The registry's index on SQLite: what is written otherwise than on Postgres.

use serde_json::json;
use sqlx::SqliteConnection;

use crate::clock::Timestamp;
use crate::registry::{ContentDigest, ModelFile};
use crate::store::StoreResult;
use crate::store::row::ContentRow;

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

/// Touches those of these contents that there are: there is one writer, so their order is nobody's concern.
pub(super) async fn touch(
    connection: &mut SqliteConnection,
    digests: &[ContentDigest],
    now: Timestamp,
) -> StoreResult<Vec<ContentRow>> {
    let digests: Vec<String> = digests.iter().map(ContentDigest::to_string).collect();
    let touched = sqlx::query_as(
        "-- store.touch_contents
         update registry_contents set touched_at = $2 where digest in (select unhex(value) from json_each($1))
         returning digest, object, bytes",
    )
    .bind(json!(digests).to_string())
    .bind(now)
    .fetch_all(connection)
    .await?;
    Ok(touched)
}

/// The model has these files from now on, besides those that it has.
pub(super) async fn name_files(
    connection: &mut SqliteConnection,
    (owner, model): (&str, &str),
    files: &[ModelFile],
) -> StoreResult<()> {
    let files: Vec<_> =
        files.iter().map(|file| json!({"path": file.path, "content": file.digest.to_string()})).collect();
    sqlx::query(
        "-- store.name_files
         insert into registry_files (model, owner, path, content)
         select $1, $2, value ->> 'path', unhex(value ->> 'content') from json_each($3)",
    )
    .bind(model)
    .bind(owner)
    .bind(json!(files).to_string())
    .execute(connection)
    .await?;
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
