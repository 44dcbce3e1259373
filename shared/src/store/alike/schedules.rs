//! Schedules, on both databases alike.

/// Implements [`crate::store::Schedules`] for a driver, given its `read`, `write` and `transact`, and how it inserts jobs.
macro_rules! schedules {
    ($store:ty, $db:ty, $insert:path) => {
        #[async_trait::async_trait]
        impl $crate::store::Schedules for $store {
            async fn create_schedule(
                &self,
                id: $crate::id::ScheduleId,
                owner: &str,
                terms: &$crate::store::ScheduleTerms,
                next_at: Option<$crate::clock::Timestamp>,
                most: u32,
            ) -> StoreResult<$crate::store::ScheduleOutcome> {
                let (owner, terms, now) = (owner.to_owned(), terms.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let row: Option<$crate::store::row::ScheduleRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.create_schedule
                             insert into schedules (
                                 id, owner, name, cron, time_zone, template, paused, missed, next_at, version, created_at,
                                 updated_at
                             )
                             select $1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10
                             where (select count(*) from schedules where owner = $2) < $11
                             on conflict do nothing
                             returning ",
                            $crate::store::row::schedule_columns!()
                        ))
                        .bind(id)
                        .bind(owner.as_str())
                        .bind(terms.name.as_str())
                        .bind(terms.cron)
                        .bind(terms.time_zone)
                        .bind(sqlx::types::Json(terms.template))
                        .bind(terms.paused)
                        .bind(terms.missed.as_str())
                        .bind(next_at)
                        .bind(now)
                        .bind(i64::from(most))
                        .fetch_optional(&mut *connection)
                        .await?;
                        if let Some(row) = row {
                            return Ok($crate::store::ScheduleOutcome::Done(Box::new(row.schedule()?)));
                        }
                        let namesakes: i64 = sqlx::query_scalar::<$db, _>(
                            "-- store.create_schedule: name
                             select count(*) from schedules where owner = $1 and name = $2",
                        )
                        .bind(owner)
                        .bind(terms.name)
                        .fetch_one(connection)
                        .await?;
                        Ok(match namesakes {
                            0 => $crate::store::ScheduleOutcome::TooMany,
                            _ => $crate::store::ScheduleOutcome::NameTaken,
                        })
                    })
                })
                .await
            }

            async fn schedule(
                &self,
                owner: &str,
                id: $crate::id::ScheduleId,
            ) -> StoreResult<Option<$crate::schedule::Schedule>> {
                let owner = owner.to_owned();
                self.read(move |connection| {
                    Box::pin(async move {
                        let row: Option<$crate::store::row::ScheduleRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.schedule
                             select ",
                            $crate::store::row::schedule_columns!(),
                            " from schedules where owner = $1 and id = $2"
                        ))
                        .bind(owner)
                        .bind(id)
                        .fetch_optional(connection)
                        .await?;
                        row.map($crate::store::row::ScheduleRow::schedule).transpose()
                    })
                })
                .await
            }

            async fn schedules(
                &self,
                owner: &str,
                after: Option<$crate::id::ScheduleId>,
                limit: u32,
            ) -> StoreResult<Vec<$crate::schedule::Schedule>> {
                let owner = owner.to_owned();
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::row::ScheduleRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.schedules
                             select ",
                            $crate::store::row::schedule_columns!(),
                            " from schedules where owner = $1 and ($2 is null or id < $2) order by id desc limit $3"
                        ))
                        .bind(owner)
                        .bind(after)
                        .bind(i64::from(limit))
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map($crate::store::row::ScheduleRow::schedule).collect()
                    })
                })
                .await
            }

            async fn change_schedule(
                &self,
                read: &$crate::schedule::Schedule,
                terms: &$crate::store::ScheduleTerms,
                next_at: Option<Option<$crate::clock::Timestamp>>,
            ) -> StoreResult<$crate::store::ScheduleOutcome> {
                let (owner, id, version) = (read.owner.clone(), read.id, read.version);
                let (terms, now) = (terms.clone(), self.now());
                let changed = self
                    .write(move |connection| {
                        Box::pin(async move {
                            let row: Option<$crate::store::row::ScheduleRow> =
                                sqlx::query_as::<$db, _>(concat!(
                                    "-- store.change_schedule
                                     update schedules set
                                         name = $4, cron = $5, time_zone = $6, template = $7, paused = $8, missed = $9,
                                         next_at = case when $10 then $11 else next_at end,
                                         version = version + 1, updated_at = $12
                                     where owner = $1 and id = $2 and version = $3
                                     returning ",
                                    $crate::store::row::schedule_columns!()
                                ))
                                .bind(owner)
                                .bind(id)
                                .bind(version)
                                .bind(terms.name)
                                .bind(terms.cron)
                                .bind(terms.time_zone)
                                .bind(sqlx::types::Json(terms.template))
                                .bind(terms.paused)
                                .bind(terms.missed.as_str())
                                .bind(next_at.is_some())
                                .bind(next_at.flatten())
                                .bind(now)
                                .fetch_optional(connection)
                                .await?;
                            row.map($crate::store::row::ScheduleRow::schedule).transpose()
                        })
                    })
                    .await;
                match changed {
                    Ok(Some(schedule)) => Ok($crate::store::ScheduleOutcome::Done(Box::new(schedule))),
                    Ok(None) => Ok($crate::store::ScheduleOutcome::Stale),
                    Err($crate::store::StoreError::Conflict { .. }) => {
                        Ok($crate::store::ScheduleOutcome::NameTaken)
                    }
                    Err(error) => Err(error),
                }
            }

            async fn delete_schedule(&self, owner: &str, id: $crate::id::ScheduleId) -> StoreResult<bool> {
                let owner = owner.to_owned();
                self.write(move |connection| {
                    Box::pin(async move {
                        let deleted = sqlx::query::<$db>(
                            "-- store.delete_schedule
                             delete from schedules where owner = $1 and id = $2",
                        )
                        .bind(owner)
                        .bind(id)
                        .execute(connection)
                        .await?;
                        Ok(deleted.rows_affected() == 1)
                    })
                })
                .await
            }

            async fn schedules_until(
                &self,
                until: $crate::clock::Timestamp,
                limit: u32,
            ) -> StoreResult<Vec<$crate::schedule::Schedule>> {
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::row::ScheduleRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.schedules_until
                             select ",
                            $crate::store::row::schedule_columns!(),
                            " from schedules where next_at <= $1 order by next_at limit $2"
                        ))
                        .bind(until)
                        .bind(i64::from(limit))
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map($crate::store::row::ScheduleRow::schedule).collect()
                    })
                })
                .await
            }

            async fn fire(
                &self,
                read: &$crate::schedule::Schedule,
                firings: &[$crate::schedule::NewFiring],
                next_at: Option<$crate::clock::Timestamp>,
            ) -> StoreResult<Option<Vec<$crate::id::JobId>>> {
                let (id, version, seen) = (read.id, read.version, read.next_at);
                let (firings, now) = (firings.to_vec(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let moved = sqlx::query::<$db>(
                            "-- store.fire
                             update schedules set next_at = $4 where id = $1 and version = $2 and next_at = $3",
                        )
                        .bind(id)
                        .bind(version)
                        .bind(seen)
                        .bind(next_at)
                        .execute(&mut *connection)
                        .await?;
                        if moved.rows_affected() == 0 {
                            return Ok(None);
                        }
                        let mut jobs = Vec::new();
                        for firing in &firings {
                            let (job, error) = firing.fired.parts();
                            let recorded = sqlx::query::<$db>(
                                "-- store.fire: record
                                 insert into firings (schedule, fire_at, fired_at, manual, passed_from, job, error)
                                 values ($1, $2, $3, false, $4, $5, $6) on conflict do nothing",
                            )
                            .bind(id)
                            .bind(firing.fire_at)
                            .bind(now)
                            .bind(firing.passed_from)
                            .bind(job.map(|job| job.id))
                            .bind(error.cloned().map(sqlx::types::Json))
                            .execute(&mut *connection)
                            .await?;
                            // A tick that has its row has had its job.
                            jobs.extend(job.filter(|_| recorded.rows_affected() == 1));
                        }
                        Ok(Some($insert(connection, &jobs, now).await?))
                    })
                })
                .await
            }

            async fn fire_now(
                &self,
                owner: &str,
                id: $crate::id::ScheduleId,
                fired: &$crate::schedule::Fired,
            ) -> StoreResult<Option<$crate::schedule::Firing>> {
                let (owner, fired, now) = (owner.to_owned(), fired.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let known: i64 = sqlx::query_scalar::<$db, _>(
                            "-- store.fire_now
                             select count(*) from schedules where owner = $1 and id = $2",
                        )
                        .bind(owner)
                        .bind(id)
                        .fetch_one(&mut *connection)
                        .await?;
                        if known == 0 {
                            return Ok(None);
                        }
                        let (job, error) = fired.parts();
                        // Whole seconds are the ticks', and two who ask at once get an instant each.
                        let mut fire_at = $crate::schedule::off_the_tick(now);
                        loop {
                            let recorded = sqlx::query::<$db>(
                                "-- store.fire_now: record
                                 insert into firings (schedule, fire_at, fired_at, manual, job, error)
                                 values ($1, $2, $3, true, $4, $5) on conflict do nothing",
                            )
                            .bind(id)
                            .bind(fire_at)
                            .bind(now)
                            .bind(job.map(|job| job.id))
                            .bind(error.cloned().map(sqlx::types::Json))
                            .execute(&mut *connection)
                            .await?;
                            if recorded.rows_affected() == 1 {
                                break;
                            }
                            fire_at = $crate::schedule::off_the_tick(
                                fire_at.plus(std::time::Duration::from_micros(1)),
                            );
                        }
                        $insert(connection, &job.into_iter().collect::<Vec<_>>(), now).await?;
                        Ok(Some($crate::schedule::Firing {
                            schedule: id,
                            fire_at,
                            fired_at: now,
                            manual: true,
                            passed_from: None,
                            job: job.map(|job| job.id),
                            error: error.cloned(),
                        }))
                    })
                })
                .await
            }

            async fn firings(
                &self,
                owner: &str,
                id: $crate::id::ScheduleId,
                before: Option<$crate::clock::Timestamp>,
                limit: u32,
            ) -> StoreResult<Vec<$crate::schedule::Firing>> {
                let owner = owner.to_owned();
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::row::FiringRow> = sqlx::query_as::<$db, _>(
                            "-- store.firings
                             select f.schedule, f.fire_at, f.fired_at, f.manual, f.passed_from, f.job, f.error
                             from firings f join schedules s on s.id = f.schedule
                             where s.owner = $1 and s.id = $2 and ($3 is null or f.fire_at < $3)
                             order by f.fire_at desc limit $4",
                        )
                        .bind(owner)
                        .bind(id)
                        .bind(before)
                        .bind(i64::from(limit))
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map($crate::store::row::FiringRow::firing).collect()
                    })
                })
                .await
            }

            async fn forget_firings(
                &self,
                before: $crate::clock::Timestamp,
                limit: u32,
            ) -> StoreResult<u64> {
                self.write(move |connection| {
                    Box::pin(async move {
                        let forgotten = sqlx::query::<$db>(
                            "-- store.forget_firings
                             delete from firings where (schedule, fire_at) in (
                                 select schedule, fire_at from firings where fired_at < $1 order by fired_at limit $2
                             )",
                        )
                        .bind(before)
                        .bind(i64::from(limit))
                        .execute(connection)
                        .await?;
                        Ok(forgotten.rows_affected())
                    })
                })
                .await
            }
        }
    };
}

pub(in crate::store) use schedules;
