//! Statements whose text is the same on both databases, written once and type-checked for each.

mod answering;
mod bulks;
mod closing;
mod depths;
mod explain;
mod files;
mod names;
mod rates;
mod recent;
mod registry;
mod residency;
mod schedules;
mod slicing;
mod uploads;

pub(super) use depths::depths;
pub(super) use explain::explain;
pub(super) use rates::rates;
pub(super) use recent::recent;
pub(super) use residency::residency;
pub(super) use {answering::answering, bulks::bulks, closing::closing, slicing::slicing};
pub(super) use {files::files, names::names, registry::registry, schedules::schedules, uploads::uploads};
mod deliveries;
mod webhooks;

pub(super) use deliveries::delivery_stores;
pub(super) use webhooks::webhook_stores;

/// Implements keys, models and leadership for a driver, given its `read` and `write`.
macro_rules! stores {
    ($store:ty, $db:ty) => {
        #[async_trait::async_trait]
        impl $crate::store::Keys for $store {
            async fn create_key(&self, key: &$crate::store::NewKey) -> StoreResult<()> {
                let (key, now) = (key.clone(), self.now());
                let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
                let scopes = sqlx::types::Json(serde_json::json!(scopes));
                self.write(move |connection| {
                    Box::pin(async move {
                        sqlx::query::<$db>(
                            "-- store.create_key
                             insert into keys (
                                 id, hash, owner, name, scopes, created_at, expires_at, max_running, max_queued,
                                 request_rate, cost_rate
                             ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                        )
                        .bind(key.id)
                        .bind(key.hash.to_vec())
                        .bind(key.owner)
                        .bind(key.name)
                        .bind(scopes)
                        .bind(now)
                        .bind(key.expires_at)
                        .bind(key.limits.max_running.map(u32::cast_signed))
                        .bind(key.limits.max_queued.map(|cost| cost.units().cast_signed()))
                        .bind(key.limits.requests.map(|rate| rate.to_string()))
                        .bind(key.limits.cost.map(|rate| rate.to_string()))
                        .execute(connection)
                        .await?;
                        Ok(())
                    })
                })
                .await
            }

            async fn key_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<$crate::store::ApiKey>> {
                let hash = hash.to_vec();
                self.read(move |connection| {
                    Box::pin(async move {
                        let row: Option<$crate::store::row::KeyRow> = sqlx::query_as::<$db, _>(
                            "-- store.key_by_hash
                             select id, owner, name, scopes, created_at, expires_at, revoked_at, max_running, max_queued,
                                 request_rate, cost_rate
                             from keys where hash = $1",
                        )
                        .bind(hash)
                        .fetch_optional(connection)
                        .await?;
                        row.map($crate::store::row::KeyRow::key).transpose()
                    })
                })
                .await
            }

            async fn keys(&self) -> StoreResult<Vec<$crate::store::ApiKey>> {
                self.read(|connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::row::KeyRow> = sqlx::query_as::<$db, _>(
                            "-- store.keys
                             select id, owner, name, scopes, created_at, expires_at, revoked_at, max_running, max_queued,
                                 request_rate, cost_rate
                             from keys order by id",
                        )
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map($crate::store::row::KeyRow::key).collect()
                    })
                })
                .await
            }

            async fn revoke_key(&self, id: $crate::id::KeyId) -> StoreResult<bool> {
                let now = self.now();
                self.write(move |connection| {
                    Box::pin(async move {
                        let revoked = sqlx::query::<$db>(
                            "-- store.revoke_key
                             update keys set revoked_at = coalesce(revoked_at, $2) where id = $1",
                        )
                        .bind(id)
                        .bind(now)
                        .execute(connection)
                        .await?;
                        Ok(revoked.rows_affected() == 1)
                    })
                })
                .await
            }
        }

        #[async_trait::async_trait]
        impl $crate::store::Models for $store {
            async fn announce(&self, cards: &[$crate::model::ModelCard]) -> StoreResult<()> {
                let (cards, now) = (cards.to_vec(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        for card in cards {
                            announce(connection, card, now).await?;
                        }
                        Ok(())
                    })
                })
                .await
            }

            async fn announce_registered(
                &self,
                card: &$crate::model::ModelCard,
                digest: $crate::registry::ContentDigest,
            ) -> StoreResult<bool> {
                let (card, now) = (card.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let owner = card.owner.clone().unwrap_or_default();
                        // Held, so that the name means nothing else before the card is written.
                        let model = hold_model(connection, &owner, &card.name).await?;
                        let means_it = model.is_some_and(|model| model.digest == digest);
                        if means_it {
                            announce(connection, card, now).await?;
                        }
                        Ok(means_it)
                    })
                })
                .await
            }

            async fn models(&self) -> StoreResult<Vec<$crate::model::Model>> {
                let workers = $crate::store::Workers::workers(self).await?;
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::row::ModelRow> = sqlx::query_as::<$db, _>(
                            "-- store.models
                             select m.name, m.card, m.created_at, q.draining_at is not null as draining
                             from models m left join queues q on q.model = m.name order by m.name",
                        )
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map(|row| row.model(&workers)).collect()
                    })
                })
                .await
            }
        }

        #[async_trait::async_trait]
        impl $crate::store::Queues for $store {
            async fn pause(&self, model: &str) -> StoreResult<()> {
                let (name, now) = (model.to_owned(), self.now());
                self.write(move |connection| {
                    Box::pin(async move {
                        sqlx::query::<$db>(
                            "-- store.pause
                             insert into queues (model, paused_at) values ($1, $2)
                             on conflict (model) do update set paused_at = coalesce(queues.paused_at, excluded.paused_at)",
                        )
                        .bind(name)
                        .bind(now)
                        .execute(connection)
                        .await?;
                        Ok(())
                    })
                })
                .await?;
                // From now on no claim is granted, so what was handed over may be taken back.
                $crate::store::queues::take_back(self, model).await
            }

            async fn drain_queue(&self, model: &str) -> StoreResult<()> {
                let (name, now) = (model.to_owned(), self.now());
                self.write(move |connection| {
                    Box::pin(async move {
                        sqlx::query::<$db>(
                            "-- store.drain_queue
                             insert into queues (model, draining_at) values ($1, $2)
                             on conflict (model) do update
                                 set draining_at = coalesce(queues.draining_at, excluded.draining_at)",
                        )
                        .bind(name)
                        .bind(now)
                        .execute(connection)
                        .await?;
                        Ok(())
                    })
                })
                .await
            }

            async fn resume(&self, model: &str) -> StoreResult<bool> {
                // What was submitted with a mark just as the pause began lost its message to a claim that was refused.
                $crate::store::queues::take_back(self, model).await?;
                let name = model.to_owned();
                self.write(move |connection| {
                    Box::pin(async move {
                        let resumed = sqlx::query::<$db>(
                            "-- store.resume
                             delete from queues where model = $1",
                        )
                        .bind(name)
                        .execute(connection)
                        .await?;
                        Ok(resumed.rows_affected() == 1)
                    })
                })
                .await
            }

            async fn queues(&self) -> StoreResult<Vec<$crate::store::QueueState>> {
                self.read(|connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::QueueState> = sqlx::query_as::<$db, _>(
                            "-- store.queues
                             select model, paused_at, draining_at from queues order by model",
                        )
                        .fetch_all(connection)
                        .await?;
                        Ok(rows)
                    })
                })
                .await
            }
        }

        #[async_trait::async_trait]
        impl $crate::store::Leadership for $store {
            async fn lead(&self, name: &str, holder: &str, life: std::time::Duration) -> StoreResult<bool> {
                let (name, holder, now) = (name.to_owned(), holder.to_owned(), self.now());
                self.write(move |connection| {
                    Box::pin(async move {
                        let taken = sqlx::query::<$db>(
                            "-- store.lead
                             insert into leadership (name, holder, expires_at) values ($1, $2, $3)
                             on conflict (name) do update set holder = excluded.holder, expires_at = excluded.expires_at
                             where leadership.holder = excluded.holder or leadership.expires_at <= $4",
                        )
                        .bind(name)
                        .bind(holder)
                        .bind(now.plus(life))
                        .bind(now)
                        .execute(connection)
                        .await?;
                        Ok(taken.rows_affected() == 1)
                    })
                })
                .await
            }

            async fn resign(&self, name: &str, holder: &str) -> StoreResult<()> {
                let (name, holder) = (name.to_owned(), holder.to_owned());
                self.write(move |connection| {
                    Box::pin(async move {
                        sqlx::query::<$db>(
                            "-- store.resign
                             delete from leadership where name = $1 and holder = $2",
                        )
                        .bind(name)
                        .bind(holder)
                        .execute(connection)
                        .await?;
                        Ok(())
                    })
                })
                .await
            }

            async fn forget_lapsed(&self) -> StoreResult<u64> {
                let now = self.now();
                self.write(move |connection| {
                    Box::pin(async move {
                        // A lease that has lapsed is as good as none, so nobody can miss it.
                        let forgotten = sqlx::query::<$db>(
                            "-- store.forget_lapsed
                             delete from leadership where expires_at <= $1",
                        )
                        .bind(now)
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

pub(super) use stores;
