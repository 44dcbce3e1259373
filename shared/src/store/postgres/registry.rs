//! The registry's index on Postgres: what is written otherwise than on SQLite.

use sqlx::PgConnection;

use super::jobs::column;
use crate::clock::Timestamp;
use crate::registry::{ContentDigest, ModelFile};
use crate::store::StoreResult;
use crate::store::row::ContentRow;

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

/// Touches those of these contents that there are, locked in the order of their digests.
pub(super) async fn touch(
    connection: &mut PgConnection,
    digests: &[ContentDigest],
    now: Timestamp,
) -> StoreResult<Vec<ContentRow>> {
    let touched = sqlx::query_as(
        "-- store.touch_contents
         with held as (
             select digest from registry_contents where digest = any($1) order by digest for no key update
         )
         update registry_contents set touched_at = $2 where digest in (select digest from held)
         returning digest, object, bytes",
    )
    .bind(column(digests, |digest| digest.0.to_vec()))
    .bind(now)
    .fetch_all(connection)
    .await?;
    Ok(touched)
}

/// The model has these files from now on, besides those that it has.
pub(super) async fn name_files(
    connection: &mut PgConnection,
    (owner, model): (&str, &str),
    files: &[ModelFile],
) -> StoreResult<()> {
    sqlx::query(
        "-- store.name_files
         insert into registry_files (model, owner, path, content)
         select $1, $2, path, content from unnest($3::text[], $4::bytea[]) as t (path, content)",
    )
    .bind(model)
    .bind(owner)
    .bind(column(files, |file| file.path.as_str()))
    .bind(column(files, |file| file.digest.0.to_vec()))
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
