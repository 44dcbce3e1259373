//! The registry's index, on both databases alike.
//!
//! Contents are always touched, and so locked, in the order of their digests, and before the model that is to have them. All
//! of a model's files are one statement, however many they are.

/// Implements [`crate::store::Registry`] for a driver, given its `read`, `transact` and module `registry`.
macro_rules! registry {
    ($store:ty, $db:ty) => {
        #[async_trait::async_trait]
        impl $crate::store::Registry for $store {
            async fn touch_contents(
                &self,
                digests: &[$crate::registry::ContentDigest],
            ) -> StoreResult<Vec<$crate::registry::Content>> {
                let (digests, now) = (digests.to_vec(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move { touch_contents(connection, digests, now).await })
                })
                .await
            }

            async fn record_content(
                &self,
                content: &$crate::registry::Content,
            ) -> StoreResult<$crate::registry::Content> {
                let (content, now) = (content.clone(), self.now());
                self.write(move |connection| {
                    Box::pin(async move {
                        let row: $crate::store::row::ContentRow = sqlx::query_as::<$db, _>(
                            "-- store.record_content
                             insert into registry_contents (digest, object, bytes, touched_at)
                             values ($1, $2, $3, $4)
                             on conflict (digest) do update set touched_at = excluded.touched_at
                             returning digest, object, bytes",
                        )
                        .bind(content.digest.0.to_vec())
                        .bind(content.object)
                        .bind(content.bytes.cast_signed())
                        .bind(now)
                        .fetch_one(connection)
                        .await?;
                        row.content()
                    })
                })
                .await
            }

            async fn is_taken(&self, owner: Option<&str>, name: &str) -> StoreResult<bool> {
                let (owner, name, now) = (owner.unwrap_or_default().to_owned(), name.to_owned(), self.now());
                self.read(move |connection| {
                    Box::pin(async move { is_taken(connection, (&owner, &name), now).await })
                })
                .await
            }

            async fn put_model(
                &self,
                model: &$crate::registry::NewModel,
            ) -> StoreResult<$crate::store::PutOutcome> {
                let (model, now) = (model.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let digests: Vec<_> = model.files.iter().map(|file| file.digest).collect();
                        let stored = touch_contents(connection, digests.clone(), now).await?;
                        let mut missing = digests;
                        missing.retain(|digest| stored.iter().all(|content| content.digest != *digest));
                        if !missing.is_empty() {
                            return Ok($crate::store::PutOutcome::Missing(missing));
                        }
                        let owner = model.owner.clone().unwrap_or_default();
                        registry::hold_names(connection).await?;
                        let before = hold_model(connection, &owner, &model.name).await?;
                        let whose = (owner.as_str(), model.name.as_str());
                        if before.is_none() && is_taken(connection, whose, now).await? {
                            return Ok($crate::store::PutOutcome::Taken);
                        }
                        // A folder that came later stands before it.
                        if let Some(card) = model.card.clone()
                            && !is_a_folders(connection, whose, now).await?
                        {
                            announce(connection, card, now).await?;
                        }
                        if let Some(before) = &before
                            && before.digest == model.digest()
                        {
                            let unchanged = $crate::store::Change::Unchanged;
                            return Ok($crate::store::PutOutcome::Put(unchanged, before.clone()));
                        }
                        let put = insert_model(connection, &model.registered(now), now).await?;
                        registry::name_files(connection, (&owner, &model.name), &model.files).await?;
                        let change = match before {
                            Some(_) => $crate::store::Change::Replaced,
                            None => $crate::store::Change::Added,
                        };
                        Ok($crate::store::PutOutcome::Put(change, put))
                    })
                })
                .await
            }

            async fn registered(
                &self,
                owner: Option<&str>,
                name: &str,
            ) -> StoreResult<Option<$crate::registry::Registered>> {
                let (owner, name) = (owner.unwrap_or_default().to_owned(), name.to_owned());
                self.read(move |connection| {
                    Box::pin(async move {
                        let row: Option<$crate::store::row::RegisteredRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.registered
                             select ",
                            $crate::store::row::registered_columns!(),
                            " from registry_models where name = $1 and owner in ('', $2)
                             order by owner = '' limit 1"
                        ))
                        .bind(name)
                        .bind(owner)
                        .fetch_optional(connection)
                        .await?;
                        row.map($crate::store::row::RegisteredRow::registered).transpose()
                    })
                })
                .await
            }

            async fn registered_files(
                &self,
                owner: Option<&str>,
                name: &str,
            ) -> StoreResult<Vec<($crate::registry::ModelFile, $crate::registry::Content)>> {
                let (owner, name) = (owner.unwrap_or_default().to_owned(), name.to_owned());
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::row::ModelFileRow> = sqlx::query_as::<$db, _>(
                            "-- store.registered_files
                             select f.path, c.digest, c.object, c.bytes
                             from registry_files f join registry_contents c on c.digest = f.content
                             where f.model = $1 and f.owner = $2 order by f.path",
                        )
                        .bind(name)
                        .bind(owner)
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map($crate::store::row::ModelFileRow::file).collect()
                    })
                })
                .await
            }

            async fn models_besides(&self, owner: &str, name: &str) -> StoreResult<u64> {
                let (owner, name) = (owner.to_owned(), name.to_owned());
                self.read(move |connection| {
                    Box::pin(async move {
                        let models: i64 = sqlx::query_scalar::<$db, _>(
                            "-- store.models_besides
                             select count(*) from registry_models where owner = $1 and name <> $2",
                        )
                        .bind(owner)
                        .bind(name)
                        .fetch_one(connection)
                        .await?;
                        Ok(models.cast_unsigned())
                    })
                })
                .await
            }

            async fn all_registered(&self) -> StoreResult<Vec<$crate::registry::Registered>> {
                self.read(|connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::row::RegisteredRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.all_registered
                             select ",
                            $crate::store::row::registered_columns!(),
                            " from registry_models order by name, owner"
                        ))
                        .fetch_all(connection)
                        .await?;
                        rows.into_iter().map($crate::store::row::RegisteredRow::registered).collect()
                    })
                })
                .await
            }

            async fn copy_model(
                &self,
                (from_owner, from): (Option<&str>, &str),
                (to_owner, to): (Option<&str>, &str),
            ) -> StoreResult<$crate::store::CopyOutcome> {
                let (from_owner, from) = (from_owner.unwrap_or_default().to_owned(), from.to_owned());
                let (to_owner, to, now) = (to_owner.map(str::to_owned), to.to_owned(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        registry::hold_names(connection).await?;
                        // Held, so that its files stay named until the copy names them too.
                        let Some(original) = hold_model(connection, &from_owner, &from).await? else {
                            return Ok($crate::store::CopyOutcome::Unknown);
                        };
                        if (&to_owner, &to) == (&original.owner, &original.name) {
                            return Ok($crate::store::CopyOutcome::Copied(original));
                        }
                        let owner = to_owner.clone().unwrap_or_default();
                        if is_taken(connection, (&owner, &to), now).await? {
                            return Ok($crate::store::CopyOutcome::Taken);
                        }
                        if let Some(card) = announced(connection, &from).await?.filter(|card| card.registered) {
                            announce(connection, card.renamed(to_owner.as_deref(), &to), now).await?;
                        }
                        let copy = $crate::registry::Registered { owner: to_owner, name: to, ..original };
                        let copied = insert_model(connection, &copy, now).await?;
                        sqlx::query::<$db>(
                            "-- store.copy_model: files
                             insert into registry_files (model, owner, path, content)
                             select $3, $4, path, content from registry_files where model = $1 and owner = $2",
                        )
                        .bind(from)
                        .bind(from_owner)
                        .bind(&copied.name)
                        .bind(&owner)
                        .execute(connection)
                        .await?;
                        Ok($crate::store::CopyOutcome::Copied(copied))
                    })
                })
                .await
            }

            async fn delete_model(
                &self,
                owner: Option<&str>,
                name: &str,
            ) -> StoreResult<$crate::store::Removal> {
                let (owner, name) = (owner.unwrap_or_default().to_owned(), name.to_owned());
                self.transact(move |connection| {
                    Box::pin(async move {
                        if hold_model(connection, &owner, &name).await?.is_none() {
                            return Ok($crate::store::Removal::Unknown);
                        }
                        // An owner's is seen by its own jobs alone.
                        if is_wanted(connection, &name, (&owner, owner.is_empty())).await? {
                            return Ok($crate::store::Removal::InUse);
                        }
                        sqlx::query::<$db>(
                            "-- store.delete_model
                             delete from registry_models where name = $1 and owner = $2",
                        )
                        .bind(&name)
                        .bind(&owner)
                        .execute(&mut *connection)
                        .await?;
                        sqlx::query::<$db>(
                            "-- store.delete_model: wishes
                             delete from model_wishes where model = $1",
                        )
                        .bind(&name)
                        .execute(&mut *connection)
                        .await?;
                        if announced(connection, &name).await?.is_some_and(|card| card.registered) {
                            forget_card(connection, &name).await?;
                        }
                        Ok($crate::store::Removal::Deleted)
                    })
                })
                .await
            }

            async fn forget_content(
                &self,
                digest: $crate::registry::ContentDigest,
            ) -> StoreResult<$crate::store::Removal> {
                self.transact(move |connection| {
                    Box::pin(async move {
                        // Held first: who is about to name it has been seen, or finds it gone.
                        let held: Option<String> = sqlx::query_scalar::<$db, _>(
                            "-- store.forget_content: hold
                             update registry_contents set bytes = bytes where digest = $1 returning object",
                        )
                        .bind(digest.0.to_vec())
                        .fetch_optional(&mut *connection)
                        .await?;
                        let Some(object) = held else { return Ok($crate::store::Removal::Unknown) };
                        let deleted = sqlx::query::<$db>(
                            "-- store.forget_content
                             delete from registry_contents where digest = $1
                                 and not exists (select 1 from registry_files where content = $1)",
                        )
                        .bind(digest.0.to_vec())
                        .execute(&mut *connection)
                        .await?;
                        if deleted.rows_affected() == 0 {
                            return Ok($crate::store::Removal::InUse);
                        }
                        discard(connection, &object).await?;
                        Ok($crate::store::Removal::Deleted)
                    })
                })
                .await
            }

            async fn forget_contents(&self, age: std::time::Duration, limit: u32) -> StoreResult<u64> {
                let before = self.now().minus(age);
                self.transact(move |connection| {
                    Box::pin(async move {
                        // The bound is asked for outside too: who touches a row meanwhile keeps it.
                        let gone: Vec<String> = sqlx::query_scalar::<$db, _>(
                            "-- store.forget_contents
                             delete from registry_contents where touched_at < $1 and digest in (
                                 select digest from registry_contents c
                                 where touched_at < $1
                                     and not exists (select 1 from registry_files f where f.content = c.digest)
                                 order by digest limit $2
                             )
                             returning object",
                        )
                        .bind(before)
                        .bind(i64::from(limit))
                        .fetch_all(&mut *connection)
                        .await?;
                        for object in &gone {
                            discard(connection, object).await?;
                        }
                        Ok(gone.len() as u64)
                    })
                })
                .await
            }

            async fn named_contents(&self, objects: &[String]) -> StoreResult<Vec<String>> {
                let objects = objects.to_vec();
                self.read(move |connection| {
                    Box::pin(async move { registry::named(connection, &objects).await })
                })
                .await
            }
        }

        /// The object is to be removed.
        async fn discard(connection: &mut Connection, object: &str) -> StoreResult<()> {
            sqlx::query::<$db>(
                "-- store.discard
                 insert into garbage (key) values ($1) on conflict do nothing",
            )
            .bind(object)
            .execute(connection)
            .await?;
            Ok(())
        }

        /// Touches those of these contents that there are, and answers with them, by digest.
        async fn touch_contents(
            connection: &mut Connection,
            mut digests: Vec<$crate::registry::ContentDigest>,
            now: $crate::clock::Timestamp,
        ) -> StoreResult<Vec<$crate::registry::Content>> {
            digests.sort_unstable();
            digests.dedup();
            let rows = registry::touch(connection, &digests, now).await?.into_iter();
            let mut stored: Vec<_> = rows.map($crate::store::row::ContentRow::content).collect::<StoreResult<_>>()?;
            stored.sort_unstable_by_key(|content| content.digest);
            Ok(stored)
        }

        /// The model that is exactly this owner's; nobody else changes it until the transaction ends.
        async fn hold_model(
            connection: &mut Connection,
            owner: &str,
            name: &str,
        ) -> StoreResult<Option<$crate::registry::Registered>> {
            let row: Option<$crate::store::row::RegisteredRow> = sqlx::query_as::<$db, _>(concat!(
                "-- store.hold_model
                 update registry_models set source = source where name = $1 and owner = $2
                 returning ",
                $crate::store::row::registered_columns!()
            ))
            .bind(name)
            .bind(owner)
            .fetch_optional(connection)
            .await?;
            row.map($crate::store::row::RegisteredRow::registered).transpose()
        }

        /// The model's row, new or as it is to be from now on, without files.
        async fn insert_model(
            connection: &mut Connection,
            model: &$crate::registry::Registered,
            now: $crate::clock::Timestamp,
        ) -> StoreResult<$crate::registry::Registered> {
            let owner = model.owner.as_deref().unwrap_or_default();
            let row: $crate::store::row::RegisteredRow = sqlx::query_as::<$db, _>(concat!(
                "-- store.insert_model
                 insert into registry_models (name, owner, digest, bytes, source, created_at, updated_at)
                 values ($1, $2, $3, $4, $5, $6, $6)
                 on conflict (name, owner) do update set
                     digest = excluded.digest, bytes = excluded.bytes, source = excluded.source,
                     updated_at = excluded.updated_at
                 returning ",
                $crate::store::row::registered_columns!()
            ))
            .bind(&model.name)
            .bind(owner)
            .bind(model.digest.0.to_vec())
            .bind(model.bytes.cast_signed())
            .bind(&model.source)
            .bind(now)
            .fetch_one(&mut *connection)
            .await?;
            forget_files(connection, owner, &model.name).await?;
            row.registered()
        }

        async fn forget_files(connection: &mut Connection, owner: &str, name: &str) -> StoreResult<()> {
            sqlx::query::<$db>(
                "-- store.forget_files
                 delete from registry_files where model = $1 and owner = $2",
            )
            .bind(name)
            .bind(owner)
            .execute(connection)
            .await?;
            Ok(())
        }
    };
}

pub(in crate::store) use registry;
