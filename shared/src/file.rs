//! Files: named bytes that an owner uploaded or was given, and uploads that become files.
//!
//! A file's content is an ordered list of pieces, each a range of an object. An uploaded file has one piece, an upload in
//! parts one for each part, a bulk's output one for each range of a segment: nothing is ever copied to be joined.

use std::ops::Range;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::{FileId, PartId, UploadId};
use crate::words::words;

/// The folder of objects that belong to one file, or to one part that may become a piece of one.
pub const FOLDER: &str = "files";

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// For assistants.
    Assistants,
    /// Requests of a bulk, one a line.
    Batch,
    /// For training.
    FineTune,
    /// Pictures.
    Vision,
    /// Whatever its owner likes.
    UserData,
    /// Evaluation data.
    Evals,
    /// Answers of a bulk; only the service makes these.
    BatchOutput,
}

words!(
    Purpose,
    "purpose",
    Assistants = "assistants",
    Batch = "batch",
    FineTune = "fine-tune",
    Vision = "vision",
    UserData = "user_data",
    Evals = "evals",
    BatchOutput = "batch_output",
);

impl Purpose {
    /// Those that a client may give a file.
    pub const UPLOADED: [Self; 6] =
        [Self::Assistants, Self::Batch, Self::FineTune, Self::Vision, Self::UserData, Self::Evals];
}

/// What has been made of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileStatus {
    /// It is being written; what is there can be read.
    Uploaded,
    /// It is as it will stay.
    Processed,
    /// It is not what its purpose needs.
    Error,
}

words!(FileStatus, "file status", Uploaded = "uploaded", Processed = "processed", Error = "error");

/// A file as its row tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its id; later files sort later.
    pub id: FileId,
    /// Whose it is.
    pub owner: String,
    /// The name its owner gave it.
    pub filename: String,
    /// What it is for.
    pub purpose: Purpose,
    /// What has been made of it.
    pub status: FileStatus,
    /// Its size.
    pub bytes: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is kept; `None`: until it is deleted.
    pub expires_at: Option<Timestamp>,
}

/// A file about to be stored. Its objects exist already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Its id.
    pub id: FileId,
    /// Whose it is.
    pub owner: String,
    /// The name its owner gave it.
    pub filename: String,
    /// What it is for.
    pub purpose: Purpose,
    /// What has been made of it.
    pub status: FileStatus,
    /// Its content, in order; more may be added.
    pub pieces: Vec<Piece>,
    /// How long it is kept; `None`: until it is deleted.
    pub life: Option<Duration>,
}

impl NewFile {
    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.length).sum()
    }
}

/// A range of an object that is part of a file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The object's key.
    pub object: String,
    /// Its first byte there.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// Whether the object, below [`FOLDER`], is this file's alone and goes with it. Otherwise it is a segment, which the
    /// piece keeps alive as a job's result would.
    pub own: bool,
}

impl Piece {
    /// A whole object that is the file's own.
    pub fn own(object: impl Into<String>, bytes: u64) -> Self {
        Self { object: object.into(), offset: 0, length: bytes, own: true }
    }

    /// A range of a segment that no other file names, nor a job that may be deleted before the file: it is blanked with
    /// either.
    pub fn of_segment(segment: impl Into<String>, offset: u64, length: u64) -> Self {
        Self { object: segment.into(), offset, length, own: false }
    }
}

/// Where the bytes `range` of a content stand, in order; neighbours in one object are one range. What lies past the end is
/// left out.
pub fn locate(pieces: &[Piece], range: Range<u64>) -> Vec<(&str, Range<u64>)> {
    let mut found: Vec<(&str, Range<u64>)> = Vec::new();
    let mut start = 0;
    for piece in pieces {
        let end = start + piece.length;
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from < to {
            let at = piece.offset + (from - start);
            match found.last_mut() {
                Some((object, before)) if *object == piece.object && before.end == at => {
                    before.end += to - from;
                }
                _ => found.push((piece.object.as_str(), at..at + (to - from))),
            }
        }
        start = end;
    }
    found
}

/// What has become of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UploadStatus {
    /// It takes parts.
    Pending,
    /// It is a file.
    Completed,
    /// Its owner gave it up.
    Cancelled,
    /// It was not completed in time.
    Expired,
}

words!(
    UploadStatus,
    "upload status",
    Pending = "pending",
    Completed = "completed",
    Cancelled = "cancelled",
    Expired = "expired",
);

/// An upload as its row tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// Whose it is.
    pub owner: String,
    /// The file's name.
    pub filename: String,
    /// What the file is for.
    pub purpose: Purpose,
    /// The file's size, as declared.
    pub bytes: u64,
    /// The file's media type, as declared.
    pub mime_type: String,
    /// What has become of it.
    pub status: UploadStatus,
    /// How long the file is kept from its completion; `None`: until it is deleted.
    pub file_life: Option<Duration>,
    /// The file that it has become.
    pub file: Option<FileId>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Until when it takes parts.
    pub expires_at: Timestamp,
}

/// An upload about to be begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpload {
    /// Its id.
    pub id: UploadId,
    /// Whose it is.
    pub owner: String,
    /// The file's name.
    pub filename: String,
    /// What the file is for.
    pub purpose: Purpose,
    /// The file's size, as declared.
    pub bytes: u64,
    /// The file's media type, as declared.
    pub mime_type: String,
    /// How long the file is kept from its completion; `None`: until it is deleted.
    pub file_life: Option<Duration>,
    /// How long it takes parts.
    pub life: Duration,
}

/// A part of an upload. Its object is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its id.
    pub id: PartId,
    /// The upload it belongs to.
    pub upload: UploadId,
    /// Its object's key.
    pub object: String,
    /// Its size.
    pub bytes: u64,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// A part about to be stored. Its object exists already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPart {
    /// Its id.
    pub id: PartId,
    /// The upload it belongs to.
    pub upload: UploadId,
    /// Its object's key.
    pub object: String,
    /// Its size.
    pub bytes: u64,
}

#[cfg(test)]
mod tests;
