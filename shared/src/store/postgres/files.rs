//! Files on Postgres: what takes or gives back many rows at once.

use sqlx::PgConnection;

use crate::file::Piece;
use crate::id::{FileId, PartId, UploadId};
use crate::store::StoreResult;

/// Lets nobody else take room of this owner's until the transaction ends.
pub(super) async fn hold_owner(connection: &mut PgConnection, owner: &str) -> StoreResult<()> {
    sqlx::query(
        "-- store.hold_owner
         select pg_advisory_xact_lock(hashtextextended('storage ' || $1, 0))",
    )
    .bind(owner)
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds pieces whose positions are free. Segments count them as they count jobs.
pub(super) async fn insert_pieces(
    connection: &mut PgConnection,
    file: FileId,
    pieces: &[(u32, Piece)],
) -> StoreResult<()> {
    let column = |number: fn(&Piece) -> u64| -> Vec<i64> {
        pieces.iter().map(|(_, piece)| number(piece).cast_signed()).collect()
    };
    sqlx::query(
        "-- store.insert_pieces
         with added as (
             insert into file_pieces (file, position, object, \"offset\", length, own)
             select $1, * from unnest($2::int[], $3::text[], $4::bigint[], $5::bigint[], $6::bool[])
             on conflict do nothing
             returning object, length, own
         ), named as (
             select object, count(*) as pieces from added where not own group by object order by object
         ), counted as (
             update segments set live = live + named.pieces from named where segments.key = named.object
         )
         update files set bytes = bytes + (select coalesce(sum(length), 0) from added)::bigint where id = $1",
    )
    .bind(file)
    .bind(pieces.iter().map(|(position, _)| position.cast_signed()).collect::<Vec<_>>())
    .bind(pieces.iter().map(|(_, piece)| piece.object.as_str()).collect::<Vec<_>>())
    .bind(column(|piece| piece.offset))
    .bind(column(|piece| piece.length))
    .bind(pieces.iter().map(|(_, piece)| piece.own).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes files: their own objects become garbage, their ranges of segments are blanked and counted no longer.
pub(super) async fn remove_files(connection: &mut PgConnection, ids: &[FileId]) -> StoreResult<()> {
    sqlx::query(
        "-- store.remove_files
         with gone as (
             delete from files where id = any($1) returning id
         ), pieces as (
             select object, \"offset\", length, own from file_pieces where file in (select id from gone)
         ), orphans as (
             insert into garbage (key) select distinct object from pieces where own on conflict do nothing
         ), blanked as (
             insert into blanks (segment, \"offset\", length)
             select segments.key, pieces.\"offset\", max(pieces.length)
             from pieces join segments on segments.key = pieces.object
             where not own and length > 0 group by segments.key, pieces.\"offset\"
             on conflict do nothing
         ), named as (
             select object, count(*) as pieces from pieces where not own group by object order by object
         )
         update segments set live = live - named.pieces from named where segments.key = named.object",
    )
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes the parts of uploads; the objects of all but `spared` become garbage.
pub(super) async fn remove_parts(
    connection: &mut PgConnection,
    uploads: &[UploadId],
    spared: &[PartId],
) -> StoreResult<()> {
    sqlx::query(
        "-- store.remove_parts
         with gone as (
             delete from upload_parts where upload = any($1) returning id, object
         )
         insert into garbage (key) select object from gone where id <> all($2) on conflict do nothing",
    )
    .bind(uploads)
    .bind(spared)
    .execute(connection)
    .await?;
    Ok(())
}

/// Of these objects, those that a file or a part names as its own.
pub(super) async fn named(connection: &mut PgConnection, objects: &[String]) -> StoreResult<Vec<String>> {
    let named = sqlx::query_scalar(
        "-- store.named_files
         select object from file_pieces where own and object = any($1)
         union select object from upload_parts where object = any($1)",
    )
    .bind(objects)
    .fetch_all(connection)
    .await?;
    Ok(named)
}
