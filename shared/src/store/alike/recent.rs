//! The latest jobs: the same statement on both databases.

/// Implements the look at the latest jobs for a driver, given its `read`.
macro_rules! recent {
    ($store:ty, $db:ty) => {
        #[async_trait::async_trait]
        impl $crate::store::Recent for $store {
            async fn recent(&self, owner: &str) -> StoreResult<Vec<$crate::store::Became>> {
                let owner = owner.to_owned();
                self.read(move |connection| {
                    Box::pin(async move {
                        // What is counted comes after the limit: whoever has few of these has not all jobs looked at.
                        let rows: Vec<$crate::store::row::BecameRow> = sqlx::query_as::<$db, _>(
                            "-- store.recent
                             select id, model, status, created_at, finished_at from (
                                 select id, model, class, status, created_at, finished_at from jobs
                                 where owner = $1 order by id desc limit $2
                             ) as latest
                             where class = 'interactive' and finished_at is not null order by id desc",
                        )
                        .bind(owner)
                        .bind($crate::store::recent::LOOKED_AT)
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map($crate::store::row::BecameRow::became).collect()
                    })
                })
                .await
            }
        }
    };
}

pub(in crate::store) use recent;
