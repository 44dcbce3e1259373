//! Uploads in parts, as OpenAI has them.

pub mod add;
pub mod cancel;
pub mod complete;
pub mod create;

use forebay_shared::file::{File, Upload, UploadStatus};
use forebay_shared::id::UploadId;
use serde::Serialize;
use utoipa::ToSchema;

use super::files::FileView;
use crate::problem::{Code, Problem};

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Upload)]
pub struct UploadView {
    /// Its id.
    #[schema(value_type = String, example = "upload_019a9f1b2c3d7e4f8a9b0c1d2e3f4a5b")]
    id: UploadId,
    /// `upload`
    object: &'static str,
    /// The file's size, as declared.
    bytes: u64,
    /// When it was begun, in seconds since 1970.
    created_at: i64,
    /// Until when it takes parts, in seconds since 1970.
    expires_at: i64,
    /// The file's name.
    filename: String,
    /// What the file is for.
    purpose: &'static str,
    /// `pending`, `completed`, `cancelled` or `expired`.
    status: &'static str,
    /// The file, once it is completed.
    file: Option<FileView>,
}

impl UploadView {
    /// The upload in OpenAI's words, with the file that it has become.
    pub fn new(upload: Upload, file: Option<File>) -> Self {
        Self {
            id: upload.id,
            object: "upload",
            bytes: upload.bytes,
            created_at: upload.created_at.seconds(),
            expires_at: upload.expires_at.seconds(),
            filename: upload.filename,
            purpose: upload.purpose.as_str(),
            status: upload.status.as_str(),
            file: file.map(FileView::new),
        }
    }
}

/// The upload that a path names.
fn id(word: &str) -> Result<UploadId, Problem> {
    word.parse().map_err(|_| not_found(word))
}

/// The owner has no such upload.
fn not_found(id: impl std::fmt::Display) -> Problem {
    let id: String = id.to_string().chars().take(64).collect();
    Problem::new(Code::UploadNotFound, format_args!("No such Upload object: {id}")).at("upload_id")
}

/// The upload has ended, so nothing is done to it.
fn ended(status: UploadStatus) -> Problem {
    let detail = match status {
        UploadStatus::Expired => "the upload has expired: it was not completed in time".to_owned(),
        status => format!("the upload is {status} already"),
    };
    Problem::new(Code::UploadEnded, detail).at("upload_id")
}
