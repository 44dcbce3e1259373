//! Depths: the same statements on both databases.

/// Implements depths for a driver, given its `read`.
macro_rules! depths {
    ($store:ty, $db:ty) => {
        #[async_trait::async_trait]
        impl $crate::store::Depths for $store {
            async fn ahead(
                &self,
                owner: &str,
                id: $crate::id::JobId,
            ) -> StoreResult<Option<$crate::store::Ahead>> {
                let owner = owner.to_owned();
                self.read(move |connection| {
                    Box::pin(async move {
                        let row: Option<$crate::store::row::AheadRow> = sqlx::query_as::<$db, _>(
                            "-- store.ahead
                             with job as (
                                 select id, model, class, owner, key, cost, rank, published_at from jobs
                                 where owner = $1 and id = $2 and status = 'queued'
                             ), before as (
                                 -- what was handed over, but for what this one was handed over before
                                 select w.cost from job j join jobs w on w.model = j.model and w.class = j.class and w.owner = j.owner
                                     and w.key = j.key and w.status = 'queued' and w.published_at is not null
                                     and (j.published_at is null or (w.published_at, w.id) < (j.published_at, j.id))
                                 union all
                                 select cost from (
                                     select w.cost from job j join jobs w on w.model = j.model and w.class = j.class
                                         and w.owner = j.owner and w.key = j.key and w.status = 'queued'
                                         and w.published_at is null and not w.parked and (w.rank, w.id) < (j.rank, j.id)
                                     where j.published_at is null order by w.rank, w.id limit $3
                                 ) as waiting
                             )
                             select model, class, owner, key, cost as own, (select count(*) from before) as jobs,
                                 (select cast(coalesce(sum(cost), 0) as bigint) from before) as cost
                             from job",
                        )
                        .bind(owner)
                        .bind(id)
                        .bind($crate::store::depths::COUNTED.cast_signed())
                        .fetch_optional(connection)
                        .await?;
                        row.map($crate::store::row::AheadRow::ahead).transpose()
                    })
                })
                .await
            }

            async fn depths(&self) -> StoreResult<Vec<$crate::store::Depth>> {
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::row::DepthRow> = sqlx::query_as::<$db, _>(
                            "-- store.depths
                             select model, class,
                                 count(*) filter (where status = 'queued') as queued,
                                 count(*) filter (where status = 'running') as running,
                                 min(available_at) filter (where status = 'queued') as oldest
                             from jobs where status in ('queued', 'running') group by model, class order by model, class desc",
                        )
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map($crate::store::row::DepthRow::depth).collect()
                    })
                })
                .await
            }
        }
    };
}

pub(in crate::store) use depths;
