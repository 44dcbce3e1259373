//! Answering: the same statements on both databases, but for how files are locked.

/// Implements answering for a driver, given its `read` and `transact`. `$locked` is what a statement ends with that locks what
/// it selects.
macro_rules! answering {
    ($store:ty, $db:ty, $locked:literal) => {
        #[async_trait::async_trait]
        impl $crate::store::Answering for $store {
            async fn settle_slice(
                &self,
                worker: WorkerId,
                settlement: &Settlement,
                answers: SliceAnswers,
                segment: &NewSegment,
            ) -> StoreResult<Settled> {
                let (one, segment, now) = (settlement.clone(), segment.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let (status, failure) = (one.ending.status(), one.ending.failure());
                        let settled: Option<i64> = sqlx::query_scalar::<$db, _>(
                            "-- store.settle_slice
                             update jobs set
                                 status = $4, version = version + 1, changed_at = $5, succeeded = $6, failed = $7,
                                 suspects = null, finished_at = $5, error_code = $8, error_message = $9, timings = $10
                             where id = $1 and attempt = $2 and worker = $3 and status = 'running' and exists (
                                 select 1 from workers where id = $3 and state in ('live', 'draining') and expires_at > $5
                             )
                             returning version",
                        )
                        .bind(one.id)
                        .bind(one.attempt.cast_signed())
                        .bind(worker)
                        .bind(status.as_str())
                        .bind(now)
                        .bind(one.succeeded.cast_signed())
                        .bind(one.failed.cast_signed())
                        .bind(failure.map(|failure| failure.code.as_str()))
                        .bind(failure.map(|failure| failure.message.as_str()))
                        .bind(Json(one.told()))
                        .fetch_optional(&mut *connection)
                        .await?;
                        let Some(version) = settled else {
                            return settled_before(connection, worker, &one).await;
                        };
                        if let Some(failure) = failure {
                            sqlx::query::<$db>(
                                "-- store.settle_slice: history
                                 insert into attempts (job, number, worker, started_at, ended_at, code, message)
                                 select id, attempt, worker, started_at, finished_at, $2, $3 from jobs where id = $1",
                            )
                            .bind(one.id)
                            .bind(failure.code.as_str())
                            .bind(&failure.message)
                            .execute(&mut *connection)
                            .await?;
                        }
                        keep_answers(connection, one.id, answers, &segment, now).await?;
                        let waiters = Vec::new();
                        Ok(Settled::Done { id: one.id, status, version, finished_at: Some(now), purge_at: None, waiters })
                    })
                })
                .await
            }

            async fn unanswered_slices(&self, id: BulkId, limit: u32) -> StoreResult<Vec<Unanswered>> {
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<UnansweredRow> = sqlx::query_as::<$db, _>(
                            "-- store.unanswered_slices
                             select s.job, s.number, j.items, j.item_count, j.status, j.error_code, j.error_message
                             from slices s join jobs j on j.id = s.job
                             where s.bulk = $1 and s.completed is null and j.status not in ('queued', 'running')
                             order by s.number limit $2",
                        )
                        .bind(id)
                        .bind(i64::from(limit))
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map(UnansweredRow::unanswered).collect()
                    })
                })
                .await
            }

            async fn answer_slice(&self, job: JobId, object: &str, bytes: u64) -> StoreResult<bool> {
                let object = object.to_owned();
                self.transact(move |connection| {
                    Box::pin(async move {
                        let answered: Option<(BulkId, i32)> = sqlx::query_as::<$db, _>(
                            "-- store.answer_slice
                             update slices set completed = 0, failed = lines where job = $1 and completed is null
                             returning bulk, number",
                        )
                        .bind(job)
                        .fetch_optional(&mut *connection)
                        .await?;
                        let Some((bulk, number)) = answered else { return Ok(false) };
                        let (_, errors) = files(connection, bulk).await?;
                        match errors {
                            Some(errors) => {
                                let piece = (number.unsigned_abs(), Piece::own(object, bytes));
                                insert_pieces(connection, errors, &[piece]).await?;
                            }
                            // Whoever owned the file of errors has deleted it.
                            None => throw_away(connection, &object).await?,
                        }
                        Ok(true)
                    })
                })
                .await
            }
        }

        /// What a settlement that changed nothing is answered with: it had counted before, or it counts no more.
        async fn settled_before(
            connection: &mut Connection,
            worker: WorkerId,
            one: &Settlement,
        ) -> StoreResult<Settled> {
            let before: Option<(i64, Option<Timestamp>)> = sqlx::query_as::<$db, _>(
                "-- store.settle_slice: before
                 select version, finished_at from jobs where id = $1 and attempt = $2 and worker = $3 and status = $4",
            )
            .bind(one.id)
            .bind(one.attempt.cast_signed())
            .bind(worker)
            .bind(one.ending.status().as_str())
            .fetch_optional(connection)
            .await?;
            Ok(match before {
                Some((version, finished_at)) => Settled::Done {
                    id: one.id,
                    status: one.ending.status(),
                    version,
                    finished_at,
                    purge_at: None,
                    waiters: Vec::new(),
                },
                None => Settled::Stale(one.id),
            })
        }

        /// Puts a slice's lines into its bulk's files, and the segment on record with as many pieces as live in it.
        async fn keep_answers(
            connection: &mut Connection,
            job: JobId,
            answers: SliceAnswers,
            segment: &NewSegment,
            now: Timestamp,
        ) -> StoreResult<()> {
            let (bulk, number): (BulkId, i32) = sqlx::query_as::<$db, _>(
                "-- store.keep_answers
                 update slices set completed = $2, failed = $3 where job = $1 returning bulk, number",
            )
            .bind(job)
            .bind(answers.completed.cast_signed())
            .bind(answers.failed.cast_signed())
            .fetch_one(&mut *connection)
            .await?;
            sqlx::query::<$db>(
                "-- store.keep_answers: segment
                 insert into segments (key, worker, bytes, live, created_at) values ($1, $2, $3, 0, $4)",
            )
            .bind(&segment.key)
            .bind(segment.worker)
            .bind(segment.bytes.cast_signed())
            .bind(now)
            .execute(&mut *connection)
            .await?;
            let (output, errors) = files(connection, bulk).await?;
            let parts = [
                (output, answers.offset, answers.output),
                (errors, answers.offset + answers.output, answers.errors),
            ];
            for (file, offset, length) in parts.into_iter().filter(|(_, _, length)| *length > 0) {
                if let Some(file) = file {
                    let piece = Piece::of_segment(&segment.key, offset, length);
                    insert_pieces(connection, file, &[(number.unsigned_abs(), piece)]).await?;
                } else {
                    // Whoever owned the file has deleted it, and with it what was still to come.
                    sqlx::query::<$db>(
                        "-- store.keep_answers: blank
                         insert into blanks (segment, \"offset\", length) values ($1, $2, $3)",
                    )
                    .bind(&segment.key)
                    .bind(offset.cast_signed())
                    .bind(length.cast_signed())
                    .execute(&mut *connection)
                    .await?;
                }
            }
            Ok(())
        }

        /// The bulk's files of answers and of errors, as far as they exist, locked until the end.
        async fn files(
            connection: &mut Connection,
            bulk: BulkId,
        ) -> StoreResult<(Option<FileId>, Option<FileId>)> {
            let (output, errors): (Option<FileId>, Option<FileId>) = sqlx::query_as::<$db, _>(
                "-- store.files_of_bulk
                 select output_file, error_file from bulks where id = $1",
            )
            .bind(bulk)
            .fetch_one(&mut *connection)
            .await?;
            let there: Vec<FileId> = sqlx::query_scalar::<$db, _>(concat!(
                "-- store.files_of_bulk: lock
                 select id from files where id in ($1, $2) order by id",
                $locked
            ))
            .bind(output)
            .bind(errors)
            .fetch_all(connection)
            .await?;
            let exists = |file: &FileId| there.contains(file);
            Ok((output.filter(exists), errors.filter(exists)))
        }

        async fn throw_away(connection: &mut Connection, object: &str) -> StoreResult<()> {
            sqlx::query::<$db>(
                "-- store.throw_away
                 insert into garbage (key) values ($1) on conflict do nothing",
            )
            .bind(object)
            .execute(connection)
            .await?;
            Ok(())
        }
    };
}

pub(in crate::store) use answering;
