//! Uploads: begun, added to, completed, given up.

/// Implements uploads for a driver, given what [`mod@super::files`] gave it.
macro_rules! uploads {
    ($store:ty, $db:ty) => {
        #[async_trait::async_trait]
        impl $crate::store::Uploads for $store {
            async fn create_upload(
                &self,
                upload: &$crate::file::NewUpload,
            ) -> StoreResult<$crate::file::Upload> {
                let (upload, now) = (upload.clone(), self.now());
                self.write(move |connection| {
                    Box::pin(async move {
                        let row: $crate::store::row::UploadRow = sqlx::query_as::<$db, _>(concat!(
                            "-- store.create_upload
                             insert into uploads
                                 (id, owner, filename, purpose, bytes, mime_type, status, file_life, created_at, expires_at)
                             values ($1, $2, $3, $4, $5, $6, 'pending', $7, $8, $9) returning ",
                            $crate::store::row::upload_columns!(),
                        ))
                        .bind(upload.id)
                        .bind(upload.owner)
                        .bind(upload.filename)
                        .bind(upload.purpose.as_str())
                        .bind(upload.bytes.cast_signed())
                        .bind(upload.mime_type)
                        .bind(upload.file_life.map($crate::clock::micros))
                        .bind(now)
                        .bind(now.plus(upload.life))
                        .fetch_one(connection)
                        .await?;
                        row.upload(now)
                    })
                })
                .await
            }

            async fn upload(
                &self,
                owner: &str,
                id: $crate::id::UploadId,
            ) -> StoreResult<Option<$crate::file::Upload>> {
                let (owner, now) = (owner.to_owned(), self.now());
                self.read(move |connection| {
                    Box::pin(async move { find_upload(connection, &owner, id, now).await })
                })
                .await
            }

            async fn add_part(
                &self,
                owner: &str,
                part: &$crate::file::NewPart,
                most: u64,
                room: Option<u64>,
            ) -> StoreResult<$crate::store::PartOutcome> {
                let (owner, part, now) = (owner.to_owned(), part.clone(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        use $crate::store::PartOutcome;
                        if let Some(used) = crowded(connection, &owner, part.bytes, room).await? {
                            return Ok(PartOutcome::Full { used });
                        }
                        if hold_upload(connection, &owner, part.upload, now).await?.is_none() {
                            let found = find_upload(connection, &owner, part.upload, now).await?;
                            return Ok(
                                found.map_or(PartOutcome::Unknown, |upload| PartOutcome::Ended(upload.status))
                            );
                        }
                        let have: u64 = parts_of(connection, part.upload).await?.iter().map(|part| part.bytes).sum();
                        if have.saturating_add(part.bytes) > most {
                            return Ok(PartOutcome::TooMuch { have });
                        }
                        sqlx::query::<$db>(
                            "-- store.add_part
                             insert into upload_parts (id, upload, object, bytes, created_at) values ($1, $2, $3, $4, $5)",
                        )
                        .bind(part.id)
                        .bind(part.upload)
                        .bind(&part.object)
                        .bind(part.bytes.cast_signed())
                        .bind(now)
                        .execute(connection)
                        .await?;
                        let $crate::file::NewPart { id, upload, object, bytes } = part;
                        Ok(PartOutcome::Added($crate::file::Part { id, upload, object, bytes, created_at: now }))
                    })
                })
                .await
            }

            async fn parts(
                &self,
                owner: &str,
                id: $crate::id::UploadId,
                parts: &[$crate::id::PartId],
            ) -> StoreResult<Vec<$crate::file::Part>> {
                let (owner, wanted, now) = (owner.to_owned(), parts.to_vec(), self.now());
                self.read(move |connection| {
                    Box::pin(async move {
                        if find_upload(connection, &owner, id, now).await?.is_none() {
                            return Ok(Vec::new());
                        }
                        let parts = parts_of(connection, id).await?;
                        Ok($crate::store::files::ordered(parts, &wanted).0)
                    })
                })
                .await
            }

            async fn complete_upload(
                &self,
                owner: &str,
                id: $crate::id::UploadId,
                parts: &[$crate::id::PartId],
                file: $crate::id::FileId,
            ) -> StoreResult<$crate::store::Completion> {
                let (owner, wanted, now) = (owner.to_owned(), parts.to_vec(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        use $crate::store::Completion;
                        let Some(mut upload) = hold_upload(connection, &owner, id, now).await? else {
                            return completed_before(connection, &owner, id, now).await;
                        };
                        let parts = parts_of(connection, id).await?;
                        let new = match $crate::store::files::assembled(&upload, parts, &wanted, file) {
                            Ok(new) => new,
                            Err(refused) => return Ok(refused),
                        };
                        let stored = insert_file(connection, &new, now).await?;
                        files::remove_parts(connection, &[id], &wanted).await?;
                        sqlx::query::<$db>(
                            "-- store.complete_upload
                             update uploads set status = 'completed', file = $2 where id = $1",
                        )
                        .bind(id)
                        .bind(file)
                        .execute(connection)
                        .await?;
                        upload.status = $crate::file::UploadStatus::Completed;
                        upload.file = Some(file);
                        Ok(Completion::Completed(Box::new(upload), Some(Box::new(stored))))
                    })
                })
                .await
            }

            async fn cancel_upload(
                &self,
                owner: &str,
                id: $crate::id::UploadId,
            ) -> StoreResult<$crate::store::Cancellation> {
                let (owner, now) = (owner.to_owned(), self.now());
                self.transact(move |connection| {
                    Box::pin(async move {
                        use $crate::file::UploadStatus;
                        use $crate::store::Cancellation;
                        let Some(mut upload) = hold_upload(connection, &owner, id, now).await? else {
                            return Ok(match find_upload(connection, &owner, id, now).await? {
                                Some(upload) if upload.status == UploadStatus::Cancelled => {
                                    Cancellation::Cancelled(Box::new(upload))
                                }
                                Some(upload) => Cancellation::Ended(upload.status),
                                None => Cancellation::Unknown,
                            });
                        };
                        files::remove_parts(connection, &[id], &[]).await?;
                        sqlx::query::<$db>(
                            "-- store.cancel_upload
                             update uploads set status = 'cancelled' where id = $1",
                        )
                        .bind(id)
                        .execute(connection)
                        .await?;
                        upload.status = UploadStatus::Cancelled;
                        Ok(Cancellation::Cancelled(Box::new(upload)))
                    })
                })
                .await
            }

            async fn expire_uploads(&self, limit: u32) -> StoreResult<u64> {
                let now = self.now();
                self.transact(move |connection| {
                    Box::pin(async move {
                        let late: Vec<$crate::id::UploadId> = sqlx::query_scalar::<$db, _>(
                            "-- store.expire_uploads
                             update uploads set status = 'expired' where id in (
                                 select id from uploads where status = 'pending' and expires_at <= $1
                                 order by expires_at limit $2
                             ) and status = 'pending' returning id",
                        )
                        .bind(now)
                        .bind(i64::from(limit))
                        .fetch_all(&mut *connection)
                        .await?;
                        files::remove_parts(connection, &late, &[]).await?;
                        sqlx::query::<$db>(
                            "-- store.expire_uploads: ended
                             delete from uploads where status <> 'pending' and expires_at <= $1",
                        )
                        .bind(now.minus($crate::store::files::ENDED_UPLOADS))
                        .execute(connection)
                        .await?;
                        Ok(late.len() as u64)
                    })
                })
                .await
            }
        }

        /// The owner's upload, if it takes parts. Nobody else changes it until the transaction ends.
        async fn hold_upload(
            connection: &mut Connection,
            owner: &str,
            id: $crate::id::UploadId,
            now: $crate::clock::Timestamp,
        ) -> StoreResult<Option<$crate::file::Upload>> {
            let row: Option<$crate::store::row::UploadRow> = sqlx::query_as::<$db, _>(concat!(
                "-- store.hold_upload
                 update uploads set status = status
                 where id = $1 and owner = $2 and status = 'pending' and expires_at > $3 returning ",
                $crate::store::row::upload_columns!(),
            ))
            .bind(id)
            .bind(owner)
            .bind(now)
            .fetch_optional(connection)
            .await?;
            row.map(|row| row.upload(now)).transpose()
        }

        async fn find_upload(
            connection: &mut Connection,
            owner: &str,
            id: $crate::id::UploadId,
            now: $crate::clock::Timestamp,
        ) -> StoreResult<Option<$crate::file::Upload>> {
            let row: Option<$crate::store::row::UploadRow> = sqlx::query_as::<$db, _>(concat!(
                "-- store.upload
                 select ",
                $crate::store::row::upload_columns!(),
                " from uploads where id = $1 and owner = $2",
            ))
            .bind(id)
            .bind(owner)
            .fetch_optional(connection)
            .await?;
            row.map(|row| row.upload(now)).transpose()
        }

        async fn parts_of(
            connection: &mut Connection,
            upload: $crate::id::UploadId,
        ) -> StoreResult<Vec<$crate::file::Part>> {
            let rows: Vec<$crate::store::row::PartRow> = sqlx::query_as::<$db, _>(
                "-- store.parts
                 select id, upload, object, bytes, created_at from upload_parts where upload = $1",
            )
            .bind(upload)
            .fetch_all(connection)
            .await?;
            rows.into_iter().map($crate::store::row::PartRow::part).collect()
        }

        /// What to say of an upload that cannot be completed any more: once it has been, that it has.
        async fn completed_before(
            connection: &mut Connection,
            owner: &str,
            id: $crate::id::UploadId,
            now: $crate::clock::Timestamp,
        ) -> StoreResult<$crate::store::Completion> {
            use $crate::store::Completion;
            let Some(upload) = find_upload(connection, owner, id, now).await? else {
                return Ok(Completion::Unknown);
            };
            if upload.status != $crate::file::UploadStatus::Completed {
                return Ok(Completion::Ended(upload.status));
            }
            let row: Option<$crate::store::row::FileRow> = sqlx::query_as::<$db, _>(concat!(
                "-- store.complete_upload: before
                 select ",
                $crate::store::row::file_columns!(),
                " from files where id = $1 and owner = $2 and (expires_at is null or expires_at > $3)",
            ))
            .bind(upload.file)
            .bind(owner)
            .bind(now)
            .fetch_optional(connection)
            .await?;
            let file = row.map($crate::store::row::FileRow::file).transpose()?;
            Ok(Completion::Completed(Box::new(upload), file.map(Box::new)))
        }
    };
}

pub(in crate::store) use uploads;
