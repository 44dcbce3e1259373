//! Files: stored, read, listed, removed.

/// Implements files for a driver, given its `read`, `transact` and module `files`.
macro_rules! files {
    ($store:ty, $db:ty) => {
        #[async_trait::async_trait]
        impl $crate::store::Files for $store {
            async fn create_file(
                &self,
                file: &$crate::file::NewFile,
                room: Option<u64>,
            ) -> StoreResult<$crate::store::Stored<$crate::file::File>> {
                let (file, now) = (file.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        if let Some(used) = crowded(connection, &file.owner, file.bytes(), room).await? {
                            return Ok($crate::store::Stored::Full { used });
                        }
                        insert_file(connection, &file, now).await.map($crate::store::Stored::Stored)
                    })
                })
                .await
            }

            async fn add_pieces(
                &self,
                owner: &str,
                id: $crate::id::FileId,
                pieces: &[(u32, $crate::file::Piece)],
            ) -> StoreResult<bool> {
                let (owner, pieces, now) = (owner.to_owned(), pieces.to_vec(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let held = sqlx::query::<$db>(
                            "-- store.add_pieces
                             update files set status = status
                             where id = $1 and owner = $2 and (expires_at is null or expires_at > $3)",
                        )
                        .bind(id)
                        .bind(owner)
                        .bind(now)
                        .execute(&mut *connection)
                        .await?;
                        if held.rows_affected() == 0 {
                            return Ok(false);
                        }
                        files::insert_pieces(connection, id, &pieces).await?;
                        Ok(true)
                    })
                })
                .await
            }

            async fn mark_file(
                &self,
                owner: &str,
                id: $crate::id::FileId,
                status: $crate::file::FileStatus,
            ) -> StoreResult<bool> {
                let (owner, now) = (owner.to_owned(), self.now());
                self.write(move |connection| {
                    Box::pin(async move {
                        let marked = sqlx::query::<$db>(
                            "-- store.mark_file
                             update files set status = $3
                             where id = $1 and owner = $2 and (expires_at is null or expires_at > $4)",
                        )
                        .bind(id)
                        .bind(owner)
                        .bind(status.as_str())
                        .bind(now)
                        .execute(connection)
                        .await?;
                        Ok(marked.rows_affected() == 1)
                    })
                })
                .await
            }

            async fn file(
                &self,
                owner: &str,
                id: $crate::id::FileId,
            ) -> StoreResult<Option<$crate::file::File>> {
                let (owner, now) = (owner.to_owned(), self.now());
                self.read(move |connection| {
                    Box::pin(async move {
                        let row: Option<$crate::store::row::FileRow> = sqlx::query_as::<$db, _>(concat!(
                            "-- store.file
                             select ",
                            $crate::store::row::file_columns!(),
                            " from files where id = $1 and owner = $2 and (expires_at is null or expires_at > $3)",
                        ))
                        .bind(id)
                        .bind(owner)
                        .bind(now)
                        .fetch_optional(connection)
                        .await?;
                        row.map($crate::store::row::FileRow::file).transpose()
                    })
                })
                .await
            }

            async fn content(
                &self,
                owner: &str,
                id: $crate::id::FileId,
            ) -> StoreResult<Option<($crate::file::File, Vec<$crate::file::Piece>)>> {
                let Some(mut file) = $crate::store::Files::file(self, owner, id).await? else { return Ok(None) };
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::row::PieceRow> = sqlx::query_as::<$db, _>(
                            "-- store.content
                             select object, \"offset\", length, own from file_pieces where file = $1 order by position",
                        )
                        .bind(id)
                        .fetch_all(connection)
                        .await?;
                        let pieces: Vec<_> = rows
                            .into_iter()
                            .map($crate::store::row::PieceRow::piece)
                            .collect::<StoreResult<_>>()?;
                        // Pieces may have been added since the file was read; its size is that of what is answered.
                        file.bytes = pieces.iter().map(|piece| piece.length).sum();
                        Ok(Some((file, pieces)))
                    })
                })
                .await
            }

            async fn files(
                &self,
                owner: &str,
                filter: &$crate::store::FileFilter,
                page: $crate::store::FilePage,
            ) -> StoreResult<Vec<$crate::file::File>> {
                let (owner, now, purpose) = (owner.to_owned(), self.now(), filter.purpose);
                let edge = if page.oldest_first { uuid::Uuid::nil() } else { uuid::Uuid::max() };
                let after = page.after.map_or(edge, |id| id.0);
                let statement = if page.oldest_first {
                    concat!(
                        "-- store.files: oldest first
                         select ",
                        $crate::store::row::file_columns!(),
                        " from files where owner = $1 and id > $2 and (expires_at is null or expires_at > $3)
                             and ($4 is null or purpose = $4)
                         order by id limit $5",
                    )
                } else {
                    concat!(
                        "-- store.files: newest first
                         select ",
                        $crate::store::row::file_columns!(),
                        " from files where owner = $1 and id < $2 and (expires_at is null or expires_at > $3)
                             and ($4 is null or purpose = $4)
                         order by id desc limit $5",
                    )
                };
                self.read(move |connection| {
                    Box::pin(async move {
                        let rows: Vec<$crate::store::row::FileRow> = sqlx::query_as::<$db, _>(statement)
                            .bind(owner)
                            .bind(after)
                            .bind(now)
                            .bind(purpose.map($crate::file::Purpose::as_str))
                            .bind(i64::from(page.limit))
                            .fetch_all(connection)
                            .await?;
                        rows.into_iter().map($crate::store::row::FileRow::file).collect()
                    })
                })
                .await
            }

            async fn delete_file(&self, owner: &str, id: $crate::id::FileId) -> StoreResult<bool> {
                let (owner, now) = (owner.to_owned(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        let held = sqlx::query::<$db>(
                            "-- store.delete_file
                             update files set status = status
                             where id = $1 and owner = $2 and (expires_at is null or expires_at > $3)",
                        )
                        .bind(id)
                        .bind(owner)
                        .bind(now)
                        .execute(&mut *connection)
                        .await?;
                        if held.rows_affected() == 0 {
                            return Ok(false);
                        }
                        files::remove_files(connection, &[id]).await?;
                        Ok(true)
                    })
                })
                .await
            }

            async fn expire_files(&self, limit: u32) -> StoreResult<u64> {
                let now = self.now();
                self.transact(move |connection| {
                    Box::pin(async move {
                        let gone: Vec<$crate::id::FileId> = sqlx::query_scalar::<$db, _>(
                            "-- store.expire_files
                             update files set status = status where id in (
                                 select id from files where expires_at <= $1 order by expires_at limit $2
                             ) returning id",
                        )
                        .bind(now)
                        .bind(i64::from(limit))
                        .fetch_all(&mut *connection)
                        .await?;
                        files::remove_files(connection, &gone).await?;
                        Ok(gone.len() as u64)
                    })
                })
                .await
            }

            async fn stored_bytes(&self, owner: &str) -> StoreResult<u64> {
                let owner = owner.to_owned();
                self.read(move |connection| Box::pin(async move { stored_bytes(connection, &owner).await })).await
            }

            async fn named_files(&self, objects: &[String]) -> StoreResult<Vec<String>> {
                let objects = objects.to_vec();
                self.read(move |connection| Box::pin(async move { files::named(connection, &objects).await })).await
            }
        }

        type Connection = <$db as sqlx::Database>::Connection;

        /// What the owner has, if `bytes` more are too much for the room. Nobody else takes room of this owner's then until
        /// the transaction ends.
        async fn crowded(
            connection: &mut Connection,
            owner: &str,
            bytes: u64,
            room: Option<u64>,
        ) -> StoreResult<Option<u64>> {
            let Some(room) = room else { return Ok(None) };
            files::hold_owner(connection, owner).await?;
            let used = stored_bytes(connection, owner).await?;
            Ok((used.saturating_add(bytes) > room).then_some(used))
        }

        async fn stored_bytes(connection: &mut Connection, owner: &str) -> StoreResult<u64> {
            let bytes: i64 = sqlx::query_scalar::<$db, _>(
                "-- store.stored_bytes
                 select cast(coalesce(sum(bytes), 0) as bigint) from storage where owner = $1",
            )
            .bind(owner)
            .fetch_one(connection)
            .await?;
            Ok(u64::try_from(bytes).unwrap_or(0))
        }

        async fn insert_file(
            connection: &mut Connection,
            file: &$crate::file::NewFile,
            now: $crate::clock::Timestamp,
        ) -> StoreResult<$crate::file::File> {
            let expires_at = file.life.map(|life| now.plus(life));
            sqlx::query::<$db>(
                "-- store.create_file
                 insert into files (id, owner, filename, purpose, status, bytes, created_at, expires_at)
                 values ($1, $2, $3, $4, $5, 0, $6, $7)",
            )
            .bind(file.id)
            .bind(&file.owner)
            .bind(&file.filename)
            .bind(file.purpose.as_str())
            .bind(file.status.as_str())
            .bind(now)
            .bind(expires_at)
            .execute(&mut *connection)
            .await?;
            let pieces: Vec<_> = (0_u32..).zip(file.pieces.iter().cloned()).collect();
            files::insert_pieces(connection, file.id, &pieces).await?;
            Ok($crate::file::File {
                id: file.id,
                owner: file.owner.clone(),
                filename: file.filename.clone(),
                purpose: file.purpose,
                status: file.status,
                bytes: file.bytes(),
                created_at: now,
                expires_at,
            })
        }
    };
}

pub(in crate::store) use files;
