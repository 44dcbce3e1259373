//! Webhook endpoints and what messages are signed with: the same text on both databases.

/// Implements endpoints and secrets for a driver, given its `read`, `write` and `transact`.
macro_rules! webhook_stores {
    ($store:ty, $db:ty) => {
        #[async_trait::async_trait]
        impl $crate::store::Webhooks for $store {
            async fn create_webhook(
                &self,
                endpoint: &$crate::store::NewEndpoint,
                most: u32,
            ) -> StoreResult<bool> {
                let (endpoint, now) = (endpoint.clone(), self.now());
                let secrets = $crate::store::Secrets::new(endpoint.secret);
                self.write(move |connection| {
                    Box::pin(async move {
                        let made = sqlx::query::<$db>(
                            "-- store.create_webhook
                             insert into webhooks (id, owner, url, events, secrets, created_at, updated_at)
                             select $1, $2, $3, $4, $5, $6, $6
                             where (select count(*) from webhooks where owner = $2) < $7",
                        )
                        .bind(endpoint.id)
                        .bind(endpoint.owner)
                        .bind(endpoint.url)
                        .bind(sqlx::types::Json(endpoint.events))
                        .bind(sqlx::types::Json($crate::store::webhooks::Written::from(&secrets)))
                        .bind(now)
                        .bind(i64::from(most))
                        .execute(connection)
                        .await?;
                        Ok(made.rows_affected() == 1)
                    })
                })
                .await
            }

            async fn webhooks(&self, owner: &str) -> StoreResult<Vec<$crate::store::Endpoint>> {
                let owner = owner.to_owned();
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::row::EndpointRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.webhooks
                             select ",
                            $crate::store::row::endpoint_columns!(),
                            " from webhooks where owner = $1 order by id"
                        ))
                        .bind(owner)
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map($crate::store::row::EndpointRow::endpoint).collect()
                    })
                })
                .await
            }

            async fn webhook(
                &self,
                owner: &str,
                id: $crate::id::WebhookId,
            ) -> StoreResult<Option<$crate::store::Endpoint>> {
                let owner = owner.to_owned();
                self.read(move |connection| {
                    Box::pin(async move {
                        let row: Option<$crate::store::row::EndpointRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.webhook
                             select ",
                            $crate::store::row::endpoint_columns!(),
                            " from webhooks where owner = $1 and id = $2"
                        ))
                        .bind(owner)
                        .bind(id)
                        .fetch_optional(connection)
                        .await?;
                        row.map($crate::store::row::EndpointRow::endpoint).transpose()
                    })
                })
                .await
            }

            async fn change_webhook(
                &self,
                owner: &str,
                id: $crate::id::WebhookId,
                change: &$crate::store::EndpointChange,
            ) -> StoreResult<Option<$crate::store::Endpoint>> {
                let (owner, change, now) = (owner.to_owned(), change.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        // Twice disabled is disabled since the first time, for the first reason.
                        let row: Option<$crate::store::row::EndpointRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.change_webhook
                             update webhooks set
                                 url = coalesce($3, url),
                                 events = coalesce($4, events),
                                 disabled_at = case when $5 = 'off' then coalesce(disabled_at, $6)
                                     when $5 = 'on' then null else disabled_at end,
                                 disabled_for = case when $5 = 'off' then coalesce(disabled_for, 'owner')
                                     when $5 = 'on' then null else disabled_for end,
                                 failing_since = case when $5 = 'on' then null else failing_since end,
                                 updated_at = $6
                             where owner = $1 and id = $2
                             returning ",
                            $crate::store::row::endpoint_columns!(),
                        ))
                        .bind(owner)
                        .bind(id)
                        .bind(change.url.clone())
                        .bind(change.events.map(sqlx::types::Json))
                        .bind(change.disabled.map_or("as it is", |disabled| if disabled { "off" } else { "on" }))
                        .bind(now)
                        .fetch_optional(&mut *connection)
                        .await?;
                        let Some(row) = row else { return Ok(None) };
                        if let Some(url) = change.url {
                            sqlx::query::<$db>(
                                "-- store.change_webhook: receiver
                                 update deliveries set receiver = $2 where webhook = $1 and state = 'pending'",
                            )
                            .bind(id)
                            .bind($crate::store::deliveries::receiver(&url))
                            .execute(&mut *connection)
                            .await?;
                        }
                        let endpoint = row.endpoint()?;
                        if endpoint.disabled.is_some() {
                            skip(connection, id, now).await?;
                        }
                        Ok(Some(endpoint))
                    })
                })
                .await
            }

            async fn delete_webhook(&self, owner: &str, id: $crate::id::WebhookId) -> StoreResult<bool> {
                let owner = owner.to_owned();
                self.write(move |connection| {
                    Box::pin(async move {
                        let gone = sqlx::query::<$db>(
                            "-- store.delete_webhook
                             delete from webhooks where owner = $1 and id = $2",
                        )
                        .bind(owner)
                        .bind(id)
                        .execute(connection)
                        .await?;
                        Ok(gone.rows_affected() == 1)
                    })
                })
                .await
            }

            async fn rotate_webhook(
                &self,
                owner: &str,
                id: $crate::id::WebhookId,
                fresh: &$crate::config::Secret,
                overlap: std::time::Duration,
            ) -> StoreResult<Option<$crate::store::Endpoint>> {
                let (owner, fresh, now) = (owner.to_owned(), fresh.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        // The row is locked before it is read, so that two rotations follow each other.
                        let row: Option<$crate::store::row::EndpointRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.rotate_webhook: lock
                             update webhooks set updated_at = $3 where owner = $1 and id = $2
                             returning ",
                            $crate::store::row::endpoint_columns!(),
                        ))
                        .bind(owner)
                        .bind(id)
                        .bind(now)
                        .fetch_optional(&mut *connection)
                        .await?;
                        let Some(row) = row else { return Ok(None) };
                        let mut endpoint = row.endpoint()?;
                        endpoint.secrets = endpoint.secrets.rotated(fresh, now.plus(overlap));
                        sqlx::query::<$db>(
                            "-- store.rotate_webhook
                             update webhooks set secrets = $2 where id = $1",
                        )
                        .bind(id)
                        .bind(sqlx::types::Json($crate::store::webhooks::Written::from(&endpoint.secrets)))
                        .execute(connection)
                        .await?;
                        Ok(Some(endpoint))
                    })
                })
                .await
            }

            async fn signing(
                &self,
                owner: &str,
                fresh: &$crate::store::Signing,
            ) -> StoreResult<$crate::store::Signing> {
                let (owner, fresh) = (owner.to_owned(), fresh.clone());
                self.write(move |connection| {
                    Box::pin(async move {
                        // What is there is written once more, so that one statement answers with it either way.
                        let row: $crate::store::row::SigningRow = sqlx::query_as::<$db, _>(
                            "-- store.signing
                             insert into signing (owner, secrets, key) values ($1, $2, $3)
                             on conflict (owner) do update set owner = excluded.owner
                             returning owner, secrets, key",
                        )
                        .bind(owner)
                        .bind(sqlx::types::Json($crate::store::webhooks::Written::from(&fresh.secrets)))
                        .bind(fresh.key.expose().to_owned())
                        .fetch_one(connection)
                        .await?;
                        row.signing()
                    })
                })
                .await
            }

            async fn rotate_signing(
                &self,
                owner: &str,
                fresh: &$crate::config::Secret,
                overlap: std::time::Duration,
            ) -> StoreResult<Option<$crate::store::Signing>> {
                let (owner, fresh, now) = (owner.to_owned(), fresh.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let row: Option<$crate::store::row::SigningRow> = sqlx::query_as::<$db, _>(
                            "-- store.rotate_signing: lock
                             update signing set owner = owner where owner = $1 returning owner, secrets, key",
                        )
                        .bind(owner.clone())
                        .fetch_optional(&mut *connection)
                        .await?;
                        let Some(row) = row else { return Ok(None) };
                        let mut signing = row.signing()?;
                        signing.secrets = signing.secrets.rotated(fresh, now.plus(overlap));
                        sqlx::query::<$db>(
                            "-- store.rotate_signing
                             update signing set secrets = $2 where owner = $1",
                        )
                        .bind(owner)
                        .bind(sqlx::types::Json($crate::store::webhooks::Written::from(&signing.secrets)))
                        .execute(connection)
                        .await?;
                        Ok(Some(signing))
                    })
                })
                .await
            }
        }

        /// What was on its way to an endpoint that is disabled is skipped, but for what is under way just now.
        async fn skip(
            connection: &mut <$db as sqlx::Database>::Connection,
            id: $crate::id::WebhookId,
            now: Timestamp,
        ) -> StoreResult<()> {
            sqlx::query::<$db>(
                "-- store.skip
                 update deliveries set state = 'skipped', leased = false, next_at = null, ended_at = $2
                 where webhook = $1 and state = 'pending' and (not leased or next_at <= $2)",
            )
            .bind(id)
            .bind(now)
            .execute(connection)
            .await?;
            Ok(())
        }
    };
}

pub(in crate::store) use webhook_stores;
