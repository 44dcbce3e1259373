//! Bulks: the same statements on both databases, but for how rows are locked.

/// Implements bulks for a driver, given its `read` and `transact`. `$locked` is what a statement ends with that locks what it
/// selects. What it keeps to itself serves the other three macros of bulks, which are called beside it.
macro_rules! bulks {
    ($store:ty, $db:ty, $locked:literal) => {
        #[async_trait::async_trait]
        impl $crate::store::Bulks for $store {
            async fn create_bulk(&self, bulk: &NewBulk) -> StoreResult<Option<Bulk>> {
                let (bulk, now) = (bulk.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let created = sqlx::query::<$db>(
                            "-- store.create_bulk
                             insert into bulks (
                                 id, owner, key, form, on_bad_line, status, version, endpoint, model, params, file, retry_of,
                                 \"window\", keep, metadata, webhook, errors, total, completed, failed, cost, created_at,
                                 expires_at, layout
                             )
                             select $1, $2, $3, $4, $5, 'validating', 1, $6, $7, $8, f.id, $10, $11, $12, $13, $14, $15,
                                 0, 0, 0, 0, $16, $17, $18
                             from files f where f.id = $9 and f.owner = $2",
                        )
                        .bind(bulk.id)
                        .bind(&bulk.owner)
                        .bind(bulk.key)
                        .bind(bulk.form.as_str())
                        .bind(bulk.on_bad_line.as_str())
                        .bind(&bulk.endpoint)
                        .bind(&bulk.model)
                        .bind(Json(&bulk.params))
                        .bind(bulk.file)
                        .bind(bulk.retry_of)
                        .bind(&bulk.window.0)
                        .bind(micros(bulk.keep))
                        .bind(Json(&bulk.metadata))
                        .bind(bulk.webhook.as_ref().map(Json))
                        .bind(Json(json!([])))
                        .bind(now)
                        .bind(now.plus(bulk.window.1))
                        .bind(Json(&bulk.layout))
                        .execute(&mut *connection)
                        .await?;
                        if created.rows_affected() == 0 {
                            return Ok(None);
                        }
                        read(connection, &bulk.owner, bulk.id).await
                    })
                })
                .await
            }

            async fn bulk(&self, owner: &str, id: BulkId) -> StoreResult<Option<Bulk>> {
                let owner = owner.to_owned();
                self.read(move |connection| Box::pin(async move { read(connection, &owner, id).await })).await
            }

            async fn bulks(&self, owner: &str, page: BulkPage) -> StoreResult<Vec<Bulk>> {
                let owner = owner.to_owned();
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<BulkRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.bulks
                             select ",
                            bulk_columns!(),
                            " from bulks b where b.owner = $1 and ($2 = '' or b.form = $2) and b.id < $3
                             order by b.id desc limit $4"
                        ))
                        .bind(owner)
                        .bind(page.form.map_or("", Form::as_str))
                        .bind(page.after.unwrap_or(BulkId(uuid::Uuid::max())))
                        .bind(i64::from(page.limit))
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map(BulkRow::bulk).collect()
                    })
                })
                .await
            }

            async fn cancel_bulk(&self, owner: &str, id: BulkId) -> StoreResult<BulkCancelOutcome> {
                let (owner, now) = (owner.to_owned(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let cancelled = sqlx::query::<$db>(
                            "-- store.cancel_bulk
                             update bulks set
                                 status = 'cancelling', ending = 'cancelled', version = version + 1, cancelling_at = $3
                             where owner = $1 and id = $2 and status in ('validating', 'in_progress')",
                        )
                        .bind(&owner)
                        .bind(id)
                        .bind(now)
                        .execute(&mut *connection)
                        .await?;
                        if cancelled.rows_affected() == 1 {
                            stop_slices(connection, id, Status::Cancelled, now).await?;
                        }
                        let Some(bulk) = read(connection, &owner, id).await?.map(Box::new) else {
                            return Ok(BulkCancelOutcome::Unknown);
                        };
                        Ok(match bulk.ending {
                            Some(BulkStatus::Cancelled) if !bulk.status.is_terminal() => {
                                BulkCancelOutcome::Cancelling(bulk)
                            }
                            _ => BulkCancelOutcome::AlreadyEnded(bulk),
                        })
                    })
                })
                .await
            }

            async fn purge_bulks(&self, limit: u32) -> StoreResult<u64> {
                let now = self.now();
                self.transact(move |connection| {
                    Box::pin(async move {
                        let gone: Vec<BulkId> = sqlx::query_scalar::<$db, _>(concat!(
                            "-- store.purge_bulks
                             select id from bulks where purge_at <= $1 order by id limit $2",
                            $locked
                        ))
                        .bind(now)
                        .bind(i64::from(limit))
                        .fetch_all(&mut *connection)
                        .await?;
                        for id in &gone {
                            for statement in [
                                "-- store.purge_bulks: slices
                                 delete from slices where bulk = $1",
                                "-- store.purge_bulks: jobs
                                 delete from jobs where bulk = $1",
                                "-- store.purge_bulks: bulk
                                 delete from bulks where id = $1",
                            ] {
                                sqlx::query::<$db>(statement).bind(id).execute(&mut *connection).await?;
                            }
                        }
                        Ok(gone.len() as u64)
                    })
                })
                .await
            }
        }

        async fn read(connection: &mut Connection, owner: &str, id: BulkId) -> StoreResult<Option<Bulk>> {
            let row: Option<BulkRow> = sqlx::query_as::<$db, _>(concat!(
                "-- store.bulk
                 select ",
                bulk_columns!(),
                " from bulks b where b.owner = $1 and b.id = $2"
            ))
            .bind(owner)
            .bind(id)
            .fetch_optional(connection)
            .await?;
            row.map(BulkRow::bulk).transpose()
        }

        /// Ends slices that wait, and asks those that run to stop.
        async fn stop_slices(
            connection: &mut Connection,
            id: BulkId,
            status: Status,
            now: Timestamp,
        ) -> StoreResult<()> {
            sqlx::query::<$db>(concat!(
                "-- store.stop_slices
                 update jobs set
                     cancel_requested = true,
                     version = case when status = 'queued' then version + 1 else version end,
                     changed_at = case when status = 'queued' then $3 else changed_at end,
                     finished_at = case when status = 'queued' then $3 else finished_at end,
                     status = case when status = 'queued' then $2 else status end
                 where id in (
                     select id from jobs where bulk = $1 and status in ('queued', 'running') order by id",
                $locked,
                ")"
            ))
            .bind(id)
            .bind(status.as_str())
            .bind(now)
            .execute(connection)
            .await?;
            Ok(())
        }
    };
}

pub(in crate::store) use bulks;
