//! Names of models: what is told of each, and who has it.

/// Functions on a connection of a driver.
macro_rules! names {
    ($db:ty) => {
        /// Whether the name is not this owner's to have: somebody else's model has it, or one in a folder, or jobs of others
        /// wait for it or run, which a model of the owner's would answer.
        async fn is_taken(
            connection: &mut Connection,
            (owner, name): (&str, &str),
            now: $crate::clock::Timestamp,
        ) -> StoreResult<bool> {
            if is_a_folders(connection, (owner, name), now).await? {
                return Ok(true);
            }
            let whose: Option<String> = sqlx::query_scalar::<$db, _>(
                "-- store.is_taken
                 select owner from registry_models where name = $1 order by owner limit 1",
            )
            .bind(name)
            .fetch_optional(&mut *connection)
            .await?;
            match whose {
                Some(whose) => Ok(whose != owner),
                // Everybody's model is theirs too.
                None => Ok(!owner.is_empty() && is_wanted(connection, name, (owner, true)).await?),
            }
        }

        /// Whether the name, or alias, is that of a model in a folder. As long as it is told of, no owner has it, since the
        /// folder's worker may come back, and what it has is everybody's. Everybody's model takes the place of one that no
        /// living worker has.
        async fn is_a_folders(
            connection: &mut Connection,
            (owner, name): (&str, &str),
            now: $crate::clock::Timestamp,
        ) -> StoreResult<bool> {
            let lives = registry::in_folder(connection, name, now).await?;
            Ok(lives.is_some_and(|lives| lives || !owner.is_empty()))
        }

        /// Whether jobs for the name wait or run: the owner's, or those of all others.
        async fn is_wanted(
            connection: &mut Connection,
            name: &str,
            (owner, others): (&str, bool),
        ) -> StoreResult<bool> {
            // Each is a part of an index that holds only what waits thus, or runs.
            let wanted: bool = sqlx::query_scalar::<$db, _>(
                "-- store.is_wanted
                 select exists (
                     select 1 from jobs where model = $1 and (owner <> $2) = $3 and status = 'queued'
                         and published_at is null and not parked
                 ) or exists (
                     select 1 from jobs where model = $1 and (owner <> $2) = $3 and status = 'queued' and parked
                 ) or exists (
                     select 1 from jobs where model = $1 and (owner <> $2) = $3 and status = 'queued'
                         and published_at is not null
                 ) or exists (
                     select 1 from jobs where model = $1 and (owner <> $2) = $3 and status = 'running'
                 )",
            )
            .bind(name)
            .bind(owner)
            .bind(others)
            .fetch_one(connection)
            .await?;
            Ok(wanted)
        }

        /// What clients are told of the model with this name.
        async fn announced(
            connection: &mut Connection,
            name: &str,
        ) -> StoreResult<Option<$crate::model::ModelCard>> {
            let card: Option<sqlx::types::Json<serde_json::Value>> = sqlx::query_scalar::<$db, _>(
                "-- store.announced
                 select card from models where name = $1",
            )
            .bind(name)
            .fetch_optional(connection)
            .await?;
            let row = name.to_owned();
            card.map(|card| $crate::store::row::Place { table: "models", row }.json("card", card)).transpose()
        }

        /// The card is what clients are told from now on.
        async fn announce(
            connection: &mut Connection,
            card: $crate::model::ModelCard,
            now: $crate::clock::Timestamp,
        ) -> StoreResult<()> {
            sqlx::query::<$db>(
                "-- store.announce
                 insert into models (name, card, created_at, updated_at) values ($1, $2, $3, $3)
                 on conflict (name) do update set card = excluded.card, updated_at = excluded.updated_at",
            )
            .bind(card.name.clone())
            .bind(sqlx::types::Json(card))
            .bind(now)
            .execute(connection)
            .await?;
            Ok(())
        }

        /// Clients are told nothing of the model any more.
        async fn forget_card(connection: &mut Connection, name: &str) -> StoreResult<()> {
            sqlx::query::<$db>(
                "-- store.forget_card
                 delete from models where name = $1",
            )
            .bind(name)
            .execute(connection)
            .await?;
            Ok(())
        }
    };
}

pub(in crate::store) use names;
