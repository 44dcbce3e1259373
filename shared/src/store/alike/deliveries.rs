//! Messages on their way: the same text on both databases, but for reading events and granting, which the drivers' own
//! `deliveries` do.

/// Implements deliveries for a driver, given its `read`, `write`, `transact`, `skip` and its module `deliveries`.
macro_rules! delivery_stores {
    ($store:ty, $db:ty) => {
        /// Rows of one insert: 12 columns each, below SQLite's 32766 parameters.
        const DELIVERIES_PER_INSERT: usize = 1000;

        #[async_trait::async_trait]
        impl $crate::store::Deliveries for $store {
            async fn fan_out(&self, chunk: u32, ids: &$crate::id::Ids) -> StoreResult<$crate::store::Fanned> {
                // Most looks find nothing, and a transaction is three statements.
                let looking = self.read(|connection| Box::pin(deliveries::is_unread(connection)));
                if !looking.await? {
                    return Ok($crate::store::Fanned::default());
                }
                let (ids, now) = (ids.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let Some(unread) = deliveries::unread(connection, chunk).await? else {
                            return Ok($crate::store::Fanned::default());
                        };
                        let matches = deliveries::matches(connection, &unread).await?;
                        let matches =
                            matches.into_iter().map($crate::store::row::MatchRow::read).collect::<StoreResult<Vec<_>>>()?;
                        let mut made = 0;
                        for rows in matches.chunks(DELIVERIES_PER_INSERT) {
                            let mut query = sqlx::QueryBuilder::<$db>::new(
                                "-- store.fan_out
                                 insert into deliveries (
                                     id, owner, webhook, url, receiver, type, job, event, source, next_at, created_at,
                                     state, tries, step
                                 ) ",
                            );
                            query.push_values(rows, |mut row, found| {
                                row.push_bind(ids.delivery())
                                    .push_bind(&found.owner)
                                    .push_bind(found.webhook)
                                    .push_bind(found.own_url.as_ref())
                                    .push_bind(&found.receiver)
                                    .push_bind(found.event.kind.as_str())
                                    .push_bind(found.event.job)
                                    .push_bind(sqlx::types::Json(&found.event))
                                    .push_bind(&found.source)
                                    .push_bind(now)
                                    .push_bind(now)
                                    .push("'pending', 0, 0");
                            });
                            query.push(" on conflict (source) do nothing");
                            let inserted = query.build().persistent(rows.len() == 1).execute(&mut *connection).await?;
                            made += inserted.rows_affected();
                        }
                        deliveries::pass(connection, &unread).await?;
                        Ok($crate::store::Fanned { events: unread.events(), deliveries: made })
                    })
                })
                .await
            }

            async fn claim_deliveries(
                &self,
                room: $crate::store::Room,
                lease: std::time::Duration,
            ) -> StoreResult<Vec<$crate::store::Outgoing>> {
                let looking = self.read(|connection| {
                    Box::pin(async move {
                        let pending: bool = sqlx::query_scalar::<$db, _>(
                            "-- store.claim_deliveries: look
                             select exists (select 1 from deliveries where state = 'pending')",
                        )
                        .fetch_one(connection)
                        .await?;
                        Ok(pending)
                    })
                });
                if !looking.await? {
                    return Ok(Vec::new());
                }
                let now = self.now();
                self.transact(move |connection| {
                    Box::pin(async move {
                        let granted = deliveries::grant(connection, room, now, now.plus(lease)).await?;
                        if granted.is_empty() {
                            return Ok(Vec::new());
                        }
                        let mut query = sqlx::QueryBuilder::<$db>::new(
                            "-- store.claim_deliveries
                             select d.id, d.owner, d.webhook, coalesce(w.url, d.url) as url, d.event, d.body, d.tries,
                                 d.step, coalesce(w.secrets, s.secrets) as secrets, s.key
                             from deliveries d
                             left join webhooks w on w.id = d.webhook
                             left join signing s on s.owner = d.owner
                             where d.id in (",
                        );
                        let mut separated = query.separated(", ");
                        for id in &granted {
                            separated.push_bind(*id);
                        }
                        query.push(") order by d.id");
                        let rows: Vec<$crate::store::row::OutgoingRow> =
                            query.build_query_as().persistent(false).fetch_all(connection).await?;
                        rows.into_iter().map($crate::store::row::OutgoingRow::outgoing).collect()
                    })
                })
                .await
            }

            async fn keep_body(
                &self,
                id: $crate::id::DeliveryId,
                body: &str,
                job: Option<$crate::id::JobId>,
            ) -> StoreResult<Option<String>> {
                let body = body.to_owned();
                self.transact(move |connection| {
                    Box::pin(async move { deliveries::keep_body(connection, id, body, job).await })
                })
                .await
            }

            async fn defer_delivery(
                &self,
                id: $crate::id::DeliveryId,
                tries: u32,
                next_at: Timestamp,
            ) -> StoreResult<()> {
                self.write(move |connection| {
                    Box::pin(async move {
                        sqlx::query::<$db>(
                            "-- store.defer_delivery
                             update deliveries set leased = false, next_at = $3
                             where id = $1 and tries = $2 and state = 'pending' and leased",
                        )
                        .bind(id)
                        .bind(i64::from(tries))
                        .bind(next_at)
                        .execute(connection)
                        .await?;
                        Ok(())
                    })
                })
                .await
            }

            async fn record_try(
                &self,
                outgoing: &$crate::store::Outgoing,
                tried: &$crate::store::Try,
                after: $crate::store::After,
                patience: Timestamp,
            ) -> StoreResult<Option<$crate::store::DeliveryState>> {
                use $crate::store::{After, DeliveryState, Disabled};
                let (id, webhook, tries) = (outgoing.id, outgoing.webhook, outgoing.tries);
                let (tried, now) = (tried.clone(), self.now());
                let (state, next_at) = match after {
                    After::Delivered => (DeliveryState::Succeeded, None),
                    After::Retry(at) => (DeliveryState::Pending, Some(at)),
                    After::GiveUp | After::Gone => (DeliveryState::Failed, None),
                };
                self.transact(move |connection| {
                    Box::pin(async move {
                        let counted = sqlx::query::<$db>(
                            "-- store.record_try
                             update deliveries set
                                 tries = tries + 1, step = step + 1, leased = false, state = $3, next_at = $4,
                                 ended_at = case when $3 = 'pending' then null else $5 end
                             where id = $1 and tries = $2 and state = 'pending' and leased",
                        )
                        .bind(id)
                        .bind(i64::from(tries))
                        .bind(state.as_str())
                        .bind(next_at)
                        .bind(now)
                        .execute(&mut *connection)
                        .await?;
                        if counted.rows_affected() == 0 {
                            return Ok(None);
                        }
                        log(connection, id, &tried).await?;
                        let Some(webhook) = webhook else { return Ok(Some(state)) };
                        if after == After::Delivered {
                            sqlx::query::<$db>(
                                "-- store.record_try: well
                                 update webhooks set failing_since = null where id = $1 and failing_since is not null",
                            )
                            .bind(webhook)
                            .execute(connection)
                            .await?;
                            return Ok(Some(state));
                        }
                        let reason = if after == After::Gone { Disabled::Gone } else { Disabled::Failing };
                        let disabled: bool = sqlx::query_scalar::<$db, _>(
                            "-- store.record_try: failing
                             update webhooks set
                                 failing_since = coalesce(failing_since, $2),
                                 disabled_at = case when disabled_at is null and ($3 = 'gone' or failing_since <= $4)
                                     then $2 else disabled_at end,
                                 disabled_for = case when disabled_at is null and ($3 = 'gone' or failing_since <= $4)
                                     then $3 else disabled_for end
                             where id = $1
                             returning disabled_at is not null",
                        )
                        .bind(webhook)
                        .bind(now)
                        .bind(reason.as_str())
                        .bind(patience)
                        .fetch_one(&mut *connection)
                        .await?;
                        if !disabled {
                            return Ok(Some(state));
                        }
                        skip(connection, webhook, now).await?;
                        Ok(Some(if state == DeliveryState::Pending { DeliveryState::Skipped } else { state }))
                    })
                })
                .await
            }

            async fn record_test(
                &self,
                test: &$crate::store::Tested,
                tried: &$crate::store::Try,
            ) -> StoreResult<()> {
                let (test, tried, now) = (test.clone(), tried.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        // The endpoint may have been deleted while it was asked.
                        let made = sqlx::query::<$db>(
                            "-- store.record_test
                             insert into deliveries (
                                 id, owner, webhook, receiver, type, event, body, state, tries, step, created_at, ended_at
                             )
                             select $1, $2, $3, $4, $5, '{}', $6, $7, 1, 1, $8, $8
                             where exists (select 1 from webhooks where id = $3 and owner = $2)",
                        )
                        .bind(test.id)
                        .bind(test.owner)
                        .bind(test.webhook)
                        .bind($crate::store::deliveries::receiver(&test.url))
                        .bind($crate::webhook::TEST)
                        .bind(test.body)
                        .bind(if test.delivered { "succeeded" } else { "failed" })
                        .bind(now)
                        .execute(&mut *connection)
                        .await?;
                        if made.rows_affected() == 1 {
                            log(connection, test.id, &tried).await?;
                        }
                        Ok(())
                    })
                })
                .await
            }

            async fn deliveries(
                &self,
                owner: &str,
                webhook: $crate::id::WebhookId,
                state: Option<$crate::store::DeliveryState>,
                after: Option<$crate::id::DeliveryId>,
                limit: u32,
            ) -> StoreResult<Vec<$crate::store::Delivery>> {
                let owner = owner.to_owned();
                self.read(move |connection| {
                    Box::pin(async move {
                        let mut query = sqlx::QueryBuilder::<$db>::new(
                            "-- store.deliveries
                             select id, type, job, state, tries, next_at, leased, created_at, ended_at from deliveries
                             where owner = ",
                        );
                        query.push_bind(owner).push(" and webhook = ").push_bind(webhook);
                        if let Some(state) = state {
                            query.push(" and state = ").push_bind(state.as_str());
                        }
                        if let Some(after) = after {
                            query.push(" and id < ").push_bind(after);
                        }
                        query.push(" order by id desc limit ").push_bind(i64::from(limit));
                        let rows: Vec<$crate::store::row::DeliveryRow> =
                            query.build_query_as().fetch_all(connection).await?;
                        rows.into_iter().map($crate::store::row::DeliveryRow::delivery).collect()
                    })
                })
                .await
            }

            async fn tries(
                &self,
                owner: &str,
                of: &[$crate::id::DeliveryId],
            ) -> StoreResult<Vec<($crate::id::DeliveryId, $crate::store::Try)>> {
                if of.is_empty() {
                    return Ok(Vec::new());
                }
                let (owner, of) = (owner.to_owned(), of.to_vec());
                self.read(move |connection| {
                    Box::pin(async move {
                        let mut query = sqlx::QueryBuilder::<$db>::new(
                            "-- store.tries
                             select t.delivery, t.number, t.at, t.took_ms, t.status, t.answer, t.error
                             from tries t join deliveries d on d.id = t.delivery where d.owner = ",
                        );
                        query.push_bind(owner).push(" and d.id in (");
                        let mut separated = query.separated(", ");
                        for id in &of {
                            separated.push_bind(*id);
                        }
                        query.push(") order by t.delivery, t.number");
                        let rows: Vec<$crate::store::row::TryRow> =
                            query.build_query_as().persistent(false).fetch_all(connection).await?;
                        rows.into_iter().map($crate::store::row::TryRow::read).collect()
                    })
                })
                .await
            }

            async fn replay(
                &self,
                owner: &str,
                webhook: $crate::id::WebhookId,
                which: $crate::store::Replay,
                limit: u32,
            ) -> StoreResult<u64> {
                let (owner, now) = (owner.to_owned(), self.now());
                self.write(move |connection| {
                    Box::pin(async move {
                        let mut query = sqlx::QueryBuilder::<$db>::new(
                            "-- store.replay
                             update deliveries set state = 'pending', step = 0, ended_at = null, next_at = ",
                        );
                        query.push_bind(now).push(" where id in (select id from deliveries where owner = ");
                        query.push_bind(owner).push(" and webhook = ").push_bind(webhook).push(" and not leased");
                        match which {
                            $crate::store::Replay::One(id) => {
                                query.push(" and id = ").push_bind(id);
                            }
                            $crate::store::Replay::Range(since, until, state) => {
                                query.push(" and created_at >= ").push_bind(since);
                                query.push(" and created_at < ").push_bind(until);
                                match state {
                                    Some(state) => query.push(" and state = ").push_bind(state.as_str()),
                                    None => query.push(" and state in ('failed', 'skipped')"),
                                };
                            }
                        }
                        query.push(" and type <> 'webhook.test' order by id limit ");
                        query.push_bind(i64::from(limit)).push(")");
                        Ok(query.build().execute(connection).await?.rows_affected())
                    })
                })
                .await
            }

            async fn purge_deliveries(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
                self.write(move |connection| {
                    Box::pin(async move {
                        let gone = sqlx::query::<$db>(
                            "-- store.purge_deliveries
                             delete from deliveries where id in (
                                 select id from deliveries where ended_at < $1 order by ended_at limit $2
                             )",
                        )
                        .bind(before)
                        .bind(i64::from(limit))
                        .execute(connection)
                        .await?;
                        Ok(gone.rows_affected())
                    })
                })
                .await
            }
        }

        /// Adds a try to a delivery's history.
        async fn log(
            connection: &mut <$db as sqlx::Database>::Connection,
            id: $crate::id::DeliveryId,
            tried: &$crate::store::Try,
        ) -> StoreResult<()> {
            sqlx::query::<$db>(
                "-- store.log_try
                 insert into tries (delivery, number, at, took_ms, status, answer, error)
                 values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(id)
            .bind(i64::from(tried.number))
            .bind(tried.at)
            .bind(tried.took_ms)
            .bind(tried.status.map(i32::from))
            .bind(tried.answer.clone())
            .bind(tried.error.clone())
            .execute(connection)
            .await?;
            Ok(())
        }
    };
}

pub(in crate::store) use delivery_stores;
