//! Closing: the same statements on both databases.

/// Implements closing for a driver, given its `read` and `transact`.
macro_rules! closing {
    ($store:ty, $db:ty) => {
        #[async_trait::async_trait]
        impl $crate::store::Closing for $store {
            async fn expire_bulks(&self, limit: u32) -> StoreResult<Vec<BulkId>> {
                if !self.read(|connection| Box::pin(is_open(connection))).await? {
                    return Ok(Vec::new());
                }
                let now = self.now();
                self.transact(move |connection| {
                    Box::pin(async move {
                        let late: Vec<BulkId> = sqlx::query_scalar::<$db, _>(
                            "-- store.expire_bulks
                             update bulks set
                                 status = 'finalizing', ending = 'expired', version = version + 1, finalizing_at = $1
                             where status = 'in_progress' and id in (
                                 select id from bulks b
                                 where ended_at is null and status = 'in_progress' and expires_at <= $1 and exists (
                                     select 1 from jobs where bulk = b.id and status in ('queued', 'running')
                                 )
                                 order by id limit $2
                             )
                             returning id",
                        )
                        .bind(now)
                        .bind(i64::from(limit))
                        .fetch_all(&mut *connection)
                        .await?;
                        for id in &late {
                            stop_slices(connection, *id, Status::Expired, now).await?;
                        }
                        Ok(late)
                    })
                })
                .await
            }

            async fn finalize_bulks(&self, limit: u32) -> StoreResult<Vec<Bulk>> {
                if !self.read(|connection| Box::pin(is_open(connection))).await? {
                    return Ok(Vec::new());
                }
                let now = self.now();
                self.transact(move |connection| {
                    Box::pin(async move {
                        // Slices that were expired on their own say that the window has passed.
                        sqlx::query::<$db>(
                            "-- store.finalize_bulks
                             update bulks set
                                 status = 'finalizing', version = version + 1, finalizing_at = $1,
                                 ending = case when exists (select 1 from jobs where bulk = bulks.id and status = 'expired')
                                          then 'expired' end
                             where status = 'in_progress' and id in (
                                 select id from bulks b
                                 where ended_at is null and status = 'in_progress' and not exists (
                                     select 1 from jobs where bulk = b.id and status in ('queued', 'running')
                                 )
                                 order by id limit $2
                             )",
                        )
                        .bind(now)
                        .bind(i64::from(limit))
                        .execute(&mut *connection)
                        .await?;
                        let rows: Vec<BulkRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.finalize_bulks: ended
                             select ",
                            bulk_columns!(),
                            " from bulks b
                             where b.ended_at is null and b.status in ('finalizing', 'cancelling') and not exists (
                                 select 1 from jobs where bulk = b.id and status in ('queued', 'running')
                             )
                             order by b.id limit $1"
                        ))
                        .bind(i64::from(limit))
                        .fetch_all(&mut *connection)
                        .await?;
                        rows.into_iter().map(BulkRow::bulk).collect()
                    })
                })
                .await
            }

            async fn end_bulk(&self, id: BulkId) -> StoreResult<Option<Bulk>> {
                let now = self.now();
                self.transact(move |connection| {
                    Box::pin(async move {
                        let ended: Option<(String, i64, Option<FileId>, Option<FileId>)> = sqlx::query_as::<$db, _>(
                            "-- store.end_bulk
                             update bulks set
                                 status = coalesce(ending, 'completed'), version = version + 1, ended_at = $2,
                                 completed = completed
                                     + (select coalesce(sum(completed), 0) from slices where bulk = bulks.id),
                                 failed = failed + (select coalesce(sum(failed), 0) from slices where bulk = bulks.id)
                             where id = $1 and status in ('finalizing', 'cancelling') and not exists (
                                 select 1 from jobs where bulk = bulks.id and status in ('queued', 'running')
                             ) and not exists (
                                 select 1 from slices where bulk = bulks.id and completed is null
                             )
                             returning owner, keep, output_file, error_file",
                        )
                        .bind(id)
                        .bind(now)
                        .fetch_optional(&mut *connection)
                        .await?;
                        let Some((owner, keep, output, errors)) = ended else { return Ok(None) };
                        let until = now.plus(Duration::from_micros(keep.unsigned_abs()));
                        for file in [output, errors].into_iter().flatten() {
                            close_file(connection, file, until).await?;
                        }
                        sqlx::query::<$db>(
                            "-- store.end_bulk: files
                             update bulks set
                                 output_file = (select id from files where id = output_file),
                                 error_file = (select id from files where id = error_file)
                             where id = $1",
                        )
                        .bind(id)
                        .execute(&mut *connection)
                        .await?;
                        note_end(connection, id, keep, now).await?;
                        read(connection, &owner, id).await
                    })
                })
                .await
            }
        }

        /// Whether there are bulks that have not ended. Mostly there are none, and a transaction is three statements.
        async fn is_open(connection: &mut Connection) -> StoreResult<bool> {
            let open = sqlx::query_scalar::<$db, _>(
                "-- store.open_bulks
                 select exists (select 1 from bulks where ended_at is null)",
            );
            Ok(open.fetch_one(connection).await?)
        }

        /// A file that grows no more is kept until then; one that has stayed empty is none.
        async fn close_file(connection: &mut Connection, file: FileId, until: Timestamp) -> StoreResult<()> {
            sqlx::query::<$db>(
                "-- store.close_file
                 update files set status = $2, expires_at = $3 where id = $1 and bytes > 0",
            )
            .bind(file)
            .bind(FileStatus::Processed.as_str())
            .bind(until)
            .execute(&mut *connection)
            .await?;
            sqlx::query::<$db>(
                "-- store.close_file: empty
                 delete from files where id = $1 and bytes = 0",
            )
            .bind(file)
            .execute(connection)
            .await?;
            Ok(())
        }

        /// Notes when an ended bulk will be forgotten, and tells its owner.
        async fn note_end(connection: &mut Connection, id: BulkId, keep: i64, now: Timestamp) -> StoreResult<()> {
            sqlx::query::<$db>(
                "-- store.note_end
                 update bulks set purge_at = $2 where id = $1",
            )
            .bind(id)
            .bind(now.plus(Duration::from_micros(keep.unsigned_abs())))
            .execute(&mut *connection)
            .await?;
            sqlx::query::<$db>(
                "-- store.note_end: event
                 insert into events (owner, type, bulk, model, version, succeeded, failed, metadata, at)
                 select owner, 'batch.' || status, id, model, version, completed, failed, metadata, ended_at
                 from bulks where id = $1",
            )
            .bind(id)
            .execute(connection)
            .await?;
            Ok(())
        }
    };
}

pub(in crate::store) use closing;
