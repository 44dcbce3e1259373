//! Files and uploads: what owners keep, and the room it takes.
//!
//! Objects are written before their rows and become garbage in the transaction that forgets them, so what dies between
//! leaves an object without a row, which is swept, and never a row without its object.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;

use super::StoreResult;
use crate::file::{
    File, FileStatus, NewFile, NewPart, NewUpload, Part, Piece, Purpose, Upload, UploadStatus,
};
use crate::id::{FileId, PartId, UploadId};

/// What became of something that takes room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored<T> {
    /// It has its row.
    Stored(T),
    /// Its owner has too little room left: so much is used already.
    Full {
        /// Bytes of the owner's files and parts.
        used: u64,
    },
}

/// Which files to list. Everything given must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileFilter {
    /// With this purpose.
    pub purpose: Option<Purpose>,
}

/// Which part of a listing of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePage {
    /// Those behind this one, which need not exist.
    pub after: Option<FileId>,
    /// The oldest come first; otherwise the newest do.
    pub oldest_first: bool,
    /// So many at most.
    pub limit: u32,
}

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartOutcome {
    /// It has its row.
    Added(Part),
    /// Its owner has too little room left: so much is used already.
    Full {
        /// Bytes of the owner's files and parts.
        used: u64,
    },
    /// The upload's parts would be larger together than is taken.
    TooMuch {
        /// Bytes of the parts it has.
        have: u64,
    },
    /// The upload takes no parts any more.
    Ended(UploadStatus),
    /// The owner has no such upload.
    Unknown,
}

/// What became of the wish to complete an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// It is this file, now or since an earlier call. `None`: that file has been deleted since.
    Completed(Box<Upload>, Option<Box<File>>),
    /// It has no such part.
    UnknownPart(PartId),
    /// The parts add up to another size than was declared.
    OtherSize {
        /// What was declared.
        declared: u64,
        /// What the parts add up to.
        found: u64,
    },
    /// It was cancelled, or not completed in time.
    Ended(UploadStatus),
    /// The owner has no such upload.
    Unknown,
}

/// What became of the wish to cancel an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// It is cancelled, now or since an earlier call.
    Cancelled(Box<Upload>),
    /// It was completed, or not completed in time.
    Ended(UploadStatus),
    /// The owner has no such upload.
    Unknown,
}

/// Files. One that is past its expiry is not there, whether it has been removed or not.
#[async_trait]
pub trait Files: Send + Sync {
    /// Stores a file whose objects exist. With a `room`, it must fit into that together with all its owner has, however
    /// many are stored at once; without, it is stored in any case.
    async fn create_file(&self, file: &NewFile, room: Option<u64>) -> StoreResult<Stored<File>>;

    /// Adds pieces to a file's content, at their positions among all; a position that is taken stays as it is, so adding
    /// twice is adding once. `false`: the owner has no such file, and the pieces' own objects are the caller's to remove.
    async fn add_pieces(&self, owner: &str, id: FileId, pieces: &[(u32, Piece)]) -> StoreResult<bool>;

    /// Says what has been made of a file. `false`: the owner has no such file.
    async fn mark_file(&self, owner: &str, id: FileId, status: FileStatus) -> StoreResult<bool>;

    /// The owner's file.
    async fn file(&self, owner: &str, id: FileId) -> StoreResult<Option<File>>;

    /// The owner's file with its content as of now.
    async fn content(&self, owner: &str, id: FileId) -> StoreResult<Option<(File, Vec<Piece>)>>;

    /// A page of the owner's files.
    async fn files(&self, owner: &str, filter: &FileFilter, page: FilePage) -> StoreResult<Vec<File>>;

    /// Removes a file: its own objects become garbage, its ranges of segments are blanked. `false`: the owner has no such
    /// file.
    async fn delete_file(&self, owner: &str, id: FileId) -> StoreResult<bool>;

    /// Removes up to `limit` files past their expiry, whoever owns them. Answers how many.
    async fn expire_files(&self, limit: u32) -> StoreResult<u64>;

    /// Bytes of the owner's files and of the parts of its pending uploads.
    async fn stored_bytes(&self, owner: &str) -> StoreResult<u64>;

    /// Of these objects, those that a file or a part names as its own: the sweeper spares them.
    async fn named_files(&self, objects: &[String]) -> StoreResult<Vec<String>>;
}

/// Uploads in parts.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Begins an upload.
    async fn create_upload(&self, upload: &NewUpload) -> StoreResult<Upload>;

    /// The owner's upload. One past its expiry is `expired`, whether that has been noted or not.
    async fn upload(&self, owner: &str, id: UploadId) -> StoreResult<Option<Upload>>;

    /// Stores a part whose object exists. All parts of the upload may have `most` bytes together, used or not; `room` is
    /// as in [`Files::create_file`].
    async fn add_part(
        &self,
        owner: &str,
        part: &NewPart,
        most: u64,
        room: Option<u64>,
    ) -> StoreResult<PartOutcome>;

    /// These parts of the owner's upload, in this order; those that it has not are left out.
    async fn parts(&self, owner: &str, id: UploadId, parts: &[PartId]) -> StoreResult<Vec<Part>>;

    /// Makes the upload a file of these parts, in this order; the others become garbage.
    async fn complete_upload(
        &self,
        owner: &str,
        id: UploadId,
        parts: &[PartId],
        file: FileId,
    ) -> StoreResult<Completion>;

    /// Gives an upload up; its parts become garbage.
    async fn cancel_upload(&self, owner: &str, id: UploadId) -> StoreResult<Cancellation>;

    /// Expires up to `limit` uploads that were not completed in time, and forgets those that ended a day ago, whoever owns
    /// them. Answers how many expired.
    async fn expire_uploads(&self, limit: u32) -> StoreResult<u64>;
}

/// How long uploads that ended are remembered after they could have expired, so that a late call hears what became of one.
pub(super) const ENDED_UPLOADS: Duration = Duration::from_hours(24);

/// The parts that are wanted, in that order, and the first that there is not.
pub(super) fn ordered(parts: Vec<Part>, wanted: &[PartId]) -> (Vec<Part>, Option<PartId>) {
    let parts: HashMap<PartId, Part> = parts.into_iter().map(|part| (part.id, part)).collect();
    let missing = wanted.iter().find(|id| !parts.contains_key(id)).copied();
    (wanted.iter().filter_map(|id| parts.get(id).cloned()).collect(), missing)
}

/// The file that an upload becomes with these of its parts, or why it does not.
pub(super) fn assembled(
    upload: &Upload,
    parts: Vec<Part>,
    wanted: &[PartId],
    file: FileId,
) -> Result<NewFile, Completion> {
    let (parts, missing) = ordered(parts, wanted);
    if let Some(missing) = missing {
        return Err(Completion::UnknownPart(missing));
    }
    let found = parts.iter().map(|part| part.bytes).sum();
    if found != upload.bytes {
        return Err(Completion::OtherSize { declared: upload.bytes, found });
    }
    Ok(NewFile {
        id: file,
        owner: upload.owner.clone(),
        filename: upload.filename.clone(),
        purpose: upload.purpose,
        status: FileStatus::Processed,
        pieces: parts.into_iter().map(|part| Piece::own(part.object, part.bytes)).collect(),
        life: upload.file_life,
    })
}
