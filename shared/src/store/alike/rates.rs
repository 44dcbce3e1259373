//! Limits that replicas share.

/// Implements `Rates` for a driver, given its `write`.
macro_rules! rates {
    ($store:ty, $db:ty) => {
        #[async_trait::async_trait]
        impl $crate::store::Rates for $store {
            async fn lease_rate(
                &self,
                name: &str,
                ask: $crate::rate::Ask,
            ) -> StoreResult<$crate::rate::Lease> {
                let (name, now) = (name.to_owned(), self.now());
                let now = $crate::store::row::nanos($crate::rate::instant(now));
                let [need, want, reach] = [ask.rate.price(ask.need), ask.rate.price(ask.want), ask.rate.reach()]
                    .map($crate::store::row::nanos);
                self.write(move |connection| {
                    Box::pin(async move {
                        // The row's arrival is a number on both databases, since it is reckoned with. `took` is there for
                        // the answer alone: what was before an update cannot be returned.
                        let row: $crate::store::row::RateRow = sqlx::query_as::<$db, _>(
                            "-- store.lease_rate
                             insert into rate_limits (name, tat, took) values ($1, $2 + $4, $7)
                             on conflict (name) do update set
                                 tat = case
                                     when rate_limits.tat <= $2 then $2 + $4
                                     when rate_limits.tat + $4 <= $2 + $5 then rate_limits.tat + $4
                                     when rate_limits.tat + $3 <= $2 + $5 then rate_limits.tat + $3
                                     when rate_limits.tat > $2 + $5 then $2 + $5
                                     else rate_limits.tat
                                 end,
                                 took = case
                                     when rate_limits.tat <= $2 or rate_limits.tat + $4 <= $2 + $5 then $7
                                     when rate_limits.tat + $3 <= $2 + $5 then $6
                                     else 0
                                 end
                             returning tat, took",
                        )
                        .bind(name)
                        .bind(now)
                        .bind(need)
                        .bind(want)
                        .bind(reach)
                        .bind(ask.need.cast_signed())
                        .bind(ask.want.cast_signed())
                        .fetch_one(connection)
                        .await?;
                        row.lease()
                    })
                })
                .await
            }

            async fn forget_idle_rates(&self) -> StoreResult<u64> {
                let now = $crate::store::row::nanos($crate::rate::instant(self.now()));
                self.write(move |connection| {
                    Box::pin(async move {
                        // An arrival that has passed is as good as none, so nobody can miss it.
                        let forgotten = sqlx::query::<$db>(
                            "-- store.forget_idle_rates
                             delete from rate_limits where tat <= $1",
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

pub(in crate::store) use rates;
