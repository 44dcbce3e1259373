//! Bulks: the same statements on both databases, but for how rows are locked.

/// Implements bulks for a driver, given its `read`, `transact` and `insert_jobs`. `$locked` is what a statement ends with
/// that locks what it selects.
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

            async fn unread_bulks(&self, limit: u32) -> StoreResult<Vec<Bulk>> {
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<BulkRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.unread_bulks
                             select ",
                            bulk_columns!(),
                            " from bulks b where b.ended_at is null and b.status = 'validating' order by b.id limit $1"
                        ))
                        .bind(i64::from(limit))
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map(BulkRow::bulk).collect()
                    })
                })
                .await
            }

            async fn slice_paces(&self) -> StoreResult<Vec<Pace>> {
                self.read(|connection| {
                    Box::pin(async move {
                        // The latest slices of all models are few enough to be looked at whenever a file is read.
                        let rows: Vec<(String, i64, f64)> = sqlx::query_as::<$db, _>(
                            "-- store.slice_paces
                             select j.model, cast(sum(j.cost) as bigint),
                                 cast(sum(cast(j.timings ->> 'run_ms' as double precision)) as double precision)
                             from (select job from slices where completed is not null order by job desc limit 500) s
                             join jobs j on j.id = s.job
                             where j.status = 'succeeded' and j.timings is not null
                             group by j.model",
                        )
                        .fetch_all(connection)
                        .await?;
                        let pace = |(model, cost, took): (String, i64, f64)| Pace {
                            model,
                            cost: Cost::new(cost.unsigned_abs()),
                            took: Duration::try_from_secs_f64(took / 1000.0).unwrap_or_default(),
                        };
                        Ok(rows.into_iter().map(pace).collect())
                    })
                })
                .await
            }

            async fn refuse_bulk(&self, id: BulkId, errors: &[BadLine]) -> StoreResult<bool> {
                let (errors, now) = (errors.to_vec(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let keep: Option<i64> = sqlx::query_scalar::<$db, _>(
                            "-- store.refuse_bulk
                             update bulks set status = 'failed', version = version + 1, errors = $2, ended_at = $3
                             where id = $1 and status = 'validating'
                             returning keep",
                        )
                        .bind(id)
                        .bind(Json(&errors))
                        .bind(now)
                        .fetch_optional(&mut *connection)
                        .await?;
                        let Some(keep) = keep else { return Ok(false) };
                        note_end(connection, id, keep, now).await?;
                        Ok(true)
                    })
                })
                .await
            }

            async fn cut_bulk(&self, id: BulkId, cut: &Cut) -> StoreResult<bool> {
                let (cut, now) = (cut.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let lines: u64 = cut.slices.iter().map(|(_, lines)| lines).sum();
                        let cost: u64 = cut.slices.iter().map(|(job, _)| job.cost.units()).sum();
                        let owner: Option<String> = sqlx::query_scalar::<$db, _>(
                            "-- store.cut_bulk
                             update bulks set
                                 status = 'in_progress', version = version + 1, in_progress_at = $2, output_file = $3,
                                 error_file = $4, total = $5, failed = $6, cost = $7, model = coalesce(model, $8)
                             where id = $1 and status = 'validating'
                             returning owner",
                        )
                        .bind(id)
                        .bind(now)
                        .bind(cut.output_file)
                        .bind(cut.error_file)
                        .bind((lines + cut.bad_lines).cast_signed())
                        .bind(cut.bad_lines.cast_signed())
                        .bind(cost.cast_signed())
                        .bind(&cut.model)
                        .fetch_optional(&mut *connection)
                        .await?;
                        let Some(owner) = owner else { return Ok(false) };
                        for (file, what) in [(cut.output_file, "output"), (cut.error_file, "error")] {
                            sqlx::query::<$db>(
                                "-- store.cut_bulk: file
                                 insert into files (id, owner, filename, purpose, status, bytes, created_at)
                                 values ($1, $2, $3, $4, $5, 0, $6)",
                            )
                            .bind(file)
                            .bind(&owner)
                            .bind(format!("batch_{}_{what}.jsonl", id.0.simple()))
                            .bind(Purpose::BatchOutput.as_str())
                            .bind(FileStatus::Uploaded.as_str())
                            .bind(now)
                            .execute(&mut *connection)
                            .await?;
                        }
                        if let Some((object, bytes)) = &cut.bad {
                            let piece = (0, Piece::own(object, *bytes));
                            insert_pieces(connection, cut.error_file, &[piece]).await?;
                        }
                        let jobs: Vec<&NewJob> = cut.slices.iter().map(|(job, _)| job).collect();
                        insert_jobs(connection, &jobs, now).await?;
                        let numbered: Vec<_> = (1_i32..).zip(&cut.slices).collect();
                        for rows in numbered.chunks(SLICES_PER_INSERT) {
                            let mut query = sqlx::QueryBuilder::<$db>::new(
                                "-- store.cut_bulk: slices
                                 insert into slices (job, bulk, number, lines, cost) ",
                            );
                            query.push_values(rows, |mut row, (number, (job, lines))| {
                                row.push_bind(job.id)
                                    .push_bind(id)
                                    .push_bind(*number)
                                    .push_bind(lines.cast_signed())
                                    .push_bind(job.cost.units().cast_signed());
                            });
                            query.build().persistent(false).execute(&mut *connection).await?;
                        }
                        Ok(true)
                    })
                })
                .await
            }

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

            async fn expire_bulks(&self) -> StoreResult<Vec<BulkId>> {
                let now = self.now();
                self.transact(move |connection| {
                    Box::pin(async move {
                        let late: Vec<BulkId> = sqlx::query_scalar::<$db, _>(
                            "-- store.expire_bulks
                             update bulks set
                                 status = 'finalizing', ending = 'expired', version = version + 1, finalizing_at = $1
                             where ended_at is null and status = 'in_progress' and expires_at <= $1 and exists (
                                 select 1 from jobs where bulk = bulks.id and status in ('queued', 'running')
                             )
                             returning id",
                        )
                        .bind(now)
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
                             where ended_at is null and status = 'in_progress' and not exists (
                                 select 1 from jobs where bulk = bulks.id and status in ('queued', 'running')
                             )",
                        )
                        .bind(now)
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

            async fn unanswered_slices(&self, id: BulkId, limit: u32) -> StoreResult<Vec<Unanswered>> {
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<UnansweredRow> = sqlx::query_as::<$db, _>(
                            "-- store.unanswered_slices
                             select s.job, s.number, j.items, j.status, j.error_code, j.error_message
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

pub(in crate::store) use bulks;
