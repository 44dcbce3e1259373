//! Rows of files and uploads as values.

use std::time::Duration;

use sqlx::FromRow;

use super::Place;
use crate::clock::Timestamp;
use crate::file::{File, Part, Piece, Upload, UploadStatus};
use crate::id::{FileId, PartId, UploadId};
use crate::store::StoreResult;

/// The columns of [`FileRow`], the same text on both databases.
macro_rules! file_columns {
    () => {
        "id, owner, filename, purpose, status, bytes, created_at, expires_at"
    };
}

/// The columns of [`UploadRow`].
macro_rules! upload_columns {
    () => {
        "id, owner, filename, purpose, bytes, mime_type, status, file_life, file, created_at, expires_at"
    };
}

pub(in crate::store) use {file_columns, upload_columns};

#[derive(FromRow)]
pub(in crate::store) struct FileRow {
    id: FileId,
    owner: String,
    filename: String,
    purpose: String,
    status: String,
    bytes: i64,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl FileRow {
    pub(in crate::store) fn file(self) -> StoreResult<File> {
        let at = Place { table: "files", row: self.id.to_string() };
        Ok(File {
            id: self.id,
            owner: self.owner,
            filename: self.filename,
            purpose: at.word("purpose", &self.purpose)?,
            status: at.word("status", &self.status)?,
            bytes: at.number("bytes", self.bytes)?,
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct PieceRow {
    object: String,
    offset: i64,
    length: i64,
    own: bool,
}

impl PieceRow {
    pub(in crate::store) fn piece(self) -> StoreResult<Piece> {
        let at = Place { table: "file_pieces", row: self.object.clone() };
        Ok(Piece {
            object: self.object,
            offset: at.number("offset", self.offset)?,
            length: at.number("length", self.length)?,
            own: self.own,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct UploadRow {
    id: UploadId,
    owner: String,
    filename: String,
    purpose: String,
    bytes: i64,
    mime_type: String,
    status: String,
    file_life: Option<i64>,
    file: Option<FileId>,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl UploadRow {
    /// The upload as it is at `now`: its expiry counts before anybody notes it.
    pub(in crate::store) fn upload(self, now: Timestamp) -> StoreResult<Upload> {
        let at = Place { table: "uploads", row: self.id.to_string() };
        let status = match at.word("status", &self.status)? {
            UploadStatus::Pending if self.expires_at <= now => UploadStatus::Expired,
            status => status,
        };
        let life = self.file_life.map(|micros| at.number("file_life", micros)).transpose()?;
        Ok(Upload {
            id: self.id,
            owner: self.owner,
            filename: self.filename,
            purpose: at.word("purpose", &self.purpose)?,
            bytes: at.number("bytes", self.bytes)?,
            mime_type: self.mime_type,
            status,
            file_life: life.map(Duration::from_micros),
            file: self.file,
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct PartRow {
    id: PartId,
    upload: UploadId,
    object: String,
    bytes: i64,
    created_at: Timestamp,
}

impl PartRow {
    pub(in crate::store) fn part(self) -> StoreResult<Part> {
        let at = Place { table: "upload_parts", row: self.id.to_string() };
        Ok(Part {
            id: self.id,
            upload: self.upload,
            object: self.object,
            bytes: at.number("bytes", self.bytes)?,
            created_at: self.created_at,
        })
    }
}
