//! Names of models: what is told of each, and who has it.

/// Functions on a connection of a driver.
macro_rules! names {
    ($db:ty) => {
        /// Who has a name.
        #[derive(Debug, PartialEq, Eq)]
        enum Whose {
            /// The registry, for this owner.
            Owner(String),
            /// A living worker, in a folder.
            Folder,
        }

        /// Who has the name. A folder's stands before the registry's.
        async fn whose(
            connection: &mut Connection,
            name: &str,
            now: $crate::clock::Timestamp,
        ) -> StoreResult<Option<Whose>> {
            let cards = cards(connection).await?.into_iter();
            let folders: Vec<String> = cards
                .filter(|card| !card.registered && card.answers_to(name))
                .map(|card| card.name)
                .collect();
            if !folders.is_empty() {
                let workers: Vec<sqlx::types::Json<Vec<String>>> = sqlx::query_scalar::<$db, _>(
                    "-- store.whose: folders
                     select models from workers where state in ('live', 'draining') and expires_at > $1",
                )
                .bind(now)
                .fetch_all(&mut *connection)
                .await?;
                if workers.iter().any(|models| models.iter().any(|model| folders.contains(model))) {
                    return Ok(Some(Whose::Folder));
                }
            }
            let owner: Option<String> = sqlx::query_scalar::<$db, _>(
                "-- store.whose
                 select owner from registry_models where name = $1 order by owner limit 1",
            )
            .bind(name)
            .fetch_optional(connection)
            .await?;
            Ok(owner.map(Whose::Owner))
        }

        /// What clients are told of all models.
        async fn cards(connection: &mut Connection) -> StoreResult<Vec<$crate::model::ModelCard>> {
            let rows: Vec<(String, sqlx::types::Json<serde_json::Value>)> = sqlx::query_as::<$db, _>(
                "-- store.cards
                 select name, card from models order by name",
            )
            .fetch_all(connection)
            .await?;
            let read = |(row, card)| $crate::store::row::Place { table: "models", row }.json("card", card);
            rows.into_iter().map(read).collect()
        }

        /// What clients are told of the model with this name.
        async fn announced(
            connection: &mut Connection,
            name: &str,
        ) -> StoreResult<Option<$crate::model::ModelCard>> {
            Ok(cards(connection).await?.into_iter().find(|card| card.name == name))
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
