//! Files on SQLite: what takes or gives back many rows at once.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::ids;
use crate::file::Piece;
use crate::id::{FileId, PartId, UploadId};
use crate::store::StoreResult;

/// There is one writer, so nobody else takes room meanwhile.
#[expect(clippy::unused_async, reason = "the other driver asks its database")]
pub(super) async fn hold_owner(_: &mut SqliteConnection, _: &str) -> StoreResult<()> {
    Ok(())
}

/// Adds pieces whose positions are free. Segments count them as they count jobs.
pub(super) async fn insert_pieces(
    connection: &mut SqliteConnection,
    file: FileId,
    pieces: &[(u32, Piece)],
) -> StoreResult<()> {
    let rows: Vec<Value> = pieces
        .iter()
        .map(|(position, piece)| {
            json!({
                "position": position, "object": piece.object, "offset": piece.offset, "length": piece.length,
                "own": piece.own,
            })
        })
        .collect();
    let added: Vec<u32> = sqlx::query_scalar(
        "-- store.insert_pieces
         insert into file_pieces (file, position, object, \"offset\", length, own)
         select $1, value ->> 'position', value ->> 'object', value ->> 'offset', value ->> 'length', value ->> 'own'
         from json_each($2) where true
         on conflict do nothing
         returning position",
    )
    .bind(file)
    .bind(json!(rows).to_string())
    .fetch_all(&mut *connection)
    .await?;
    let added: HashSet<u32> = added.into_iter().collect();
    let (mut bytes, mut named) = (0, BTreeMap::<&str, i64>::new());
    for (_, piece) in pieces.iter().filter(|(position, _)| added.contains(position)) {
        bytes += piece.length;
        if !piece.own {
            *named.entry(&piece.object).or_default() += 1;
        }
    }
    sqlx::query(
        "-- store.insert_pieces: segments
         update segments set live = live + named.value from json_each($1) as named where segments.key = named.key",
    )
    .bind(json!(named).to_string())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "-- store.insert_pieces: file
         update files set bytes = bytes + $2 where id = $1",
    )
    .bind(file)
    .bind(bytes.cast_signed())
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes files: their own objects become garbage, their ranges of segments are blanked and counted no longer.
pub(super) async fn remove_files(connection: &mut SqliteConnection, gone: &[FileId]) -> StoreResult<()> {
    let gone = ids(gone.iter().map(|id| id.0));
    sqlx::query(
        "-- store.remove_files: garbage
         insert into garbage (key)
         select distinct object from file_pieces
         where own and file in (select unhex(value) from json_each($1))
         on conflict do nothing",
    )
    .bind(&gone)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "-- store.remove_files: blanks
         insert into blanks (segment, \"offset\", length)
         select s.key, p.\"offset\", max(p.length) from file_pieces p join segments s on s.key = p.object
         where not p.own and p.length > 0 and p.file in (select unhex(value) from json_each($1))
         group by s.key, p.\"offset\"
         on conflict do nothing",
    )
    .bind(&gone)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "-- store.remove_files: segments
         update segments set live = live - named.pieces
         from (
             select object, count(*) as pieces from file_pieces
             where not own and file in (select unhex(value) from json_each($1)) group by object
         ) as named
         where segments.key = named.object",
    )
    .bind(&gone)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "-- store.remove_files
         delete from files where id in (select unhex(value) from json_each($1))",
    )
    .bind(&gone)
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes the parts of uploads; the objects of all but `spared` become garbage.
pub(super) async fn remove_parts(
    connection: &mut SqliteConnection,
    uploads: &[UploadId],
    spared: &[PartId],
) -> StoreResult<()> {
    let uploads = ids(uploads.iter().map(|id| id.0));
    sqlx::query(
        "-- store.remove_parts: garbage
         insert into garbage (key)
         select object from upload_parts
         where upload in (select unhex(value) from json_each($1))
             and id not in (select unhex(value) from json_each($2))
         on conflict do nothing",
    )
    .bind(&uploads)
    .bind(ids(spared.iter().map(|id| id.0)))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "-- store.remove_parts
         delete from upload_parts where upload in (select unhex(value) from json_each($1))",
    )
    .bind(&uploads)
    .execute(connection)
    .await?;
    Ok(())
}

/// Of these objects, those that a file or a part names as its own.
pub(super) async fn named(connection: &mut SqliteConnection, objects: &[String]) -> StoreResult<Vec<String>> {
    let named = sqlx::query_scalar(
        "-- store.named_files
         select object from file_pieces where own and object in (select value from json_each($1))
         union select object from upload_parts where object in (select value from json_each($1))",
    )
    .bind(json!(objects).to_string())
    .fetch_all(connection)
    .await?;
    Ok(named)
}
