//! Wishes of what is in memory, and what workers have there, on both databases alike.

/// Implements [`crate::store::Residency`] for a driver, given its `read` and `write`.
macro_rules! residency {
    ($store:ty, $db:ty) => {
        #[async_trait::async_trait]
        impl $crate::store::Residency for $store {
            async fn wish(&self, model: &str, wish: $crate::residency::Wish) -> StoreResult<()> {
                let (model, now) = (model.to_owned(), self.now());
                let (word, keep) = $crate::store::row::wish_columns(wish);
                self.write(move |connection| {
                    Box::pin(async move {
                        sqlx::query::<$db>(
                            "-- store.wish
                             insert into model_wishes (model, wish, keep_alive, number, wished_at)
                             values ($1, $2, $3, 1, $4)
                             on conflict (model) do update set
                                 wish = excluded.wish, keep_alive = excluded.keep_alive,
                                 number = model_wishes.number + 1, wished_at = excluded.wished_at",
                        )
                        .bind(model)
                        .bind(word)
                        .bind(keep)
                        .bind(now)
                        .execute(connection)
                        .await?;
                        Ok(())
                    })
                })
                .await
            }

            async fn wishes(&self) -> StoreResult<Vec<$crate::residency::Wished>> {
                self.read(|connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::row::WishRow> = sqlx::query_as::<$db, _>(
                            "-- store.wishes
                             select model, wish, keep_alive, number, wished_at from model_wishes order by model",
                        )
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map($crate::store::row::WishRow::wished).collect()
                    })
                })
                .await
            }

            async fn tell_loaded(
                &self,
                id: $crate::id::WorkerId,
                loaded: &std::collections::BTreeMap<String, $crate::residency::Loaded>,
            ) -> StoreResult<()> {
                let loaded = loaded.clone();
                self.write(move |connection| {
                    Box::pin(async move {
                        sqlx::query::<$db>(
                            "-- store.tell_loaded
                             update workers set loaded = $2 where id = $1",
                        )
                        .bind(id)
                        .bind(sqlx::types::Json(loaded))
                        .execute(connection)
                        .await?;
                        Ok(())
                    })
                })
                .await
            }
        }
    };
}

pub(in crate::store) use residency;
