//! Slicing: the same statements on both databases.

/// Implements slicing for a driver, given its `read`, `transact` and `insert_jobs`.
macro_rules! slicing {
    ($store:ty, $db:ty) => {
        #[async_trait::async_trait]
        impl $crate::store::Slicing for $store {
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
        }
    };
}

pub(in crate::store) use slicing;
