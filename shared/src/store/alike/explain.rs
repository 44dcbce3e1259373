//! Explanations.

/// Implements explanations for a driver, given its `read`.
macro_rules! explain {
    ($store:ty, $db:ty) => {
        #[async_trait::async_trait]
        impl $crate::store::Explain for $store {
            async fn explain(
                &self,
                owner: &str,
                id: $crate::id::JobId,
            ) -> StoreResult<Option<$crate::store::Explained>> {
                let owner = owner.to_owned();
                self.read(move |connection| {
                    Box::pin(async move {
                        let row: Option<$crate::store::row::ExplainRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.explain
                             select worker, published_at, failures, suspects,
                                 (select paused_at from queues q where q.model = jobs.model) as paused_at, ",
                            $crate::store::row::job_columns!(),
                            " from jobs where owner = $1 and id = $2"
                        ))
                        .bind(owner)
                        .bind(id)
                        .fetch_optional(&mut *connection)
                        .await?;
                        let Some(row) = row else { return Ok(None) };
                        let attempts: Vec<$crate::store::row::ExplainAttemptRow> = sqlx::query_as::<$db, _>(
                            "-- store.explain: attempts
                             select job, number, worker, started_at, ended_at, code, message, timings from attempts
                             where job = $1 order by number",
                        )
                        .bind(id)
                        .fetch_all(connection)
                        .await?;
                        row.explained(attempts).map(Some)
                    })
                })
                .await
            }
        }
    };
}

pub(in crate::store) use explain;
