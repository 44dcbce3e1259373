//! Files, as OpenAI has them.

pub mod content;
pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod sent;

use std::time::Duration;

use forebay_shared::config::Size;
use forebay_shared::file::{File, Purpose};
use forebay_shared::id::FileId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{Code, Problem};
use crate::state::State;

/// The longest name of a file, as file systems have it.
const LONGEST_NAME: usize = 255;
/// How long a file may be kept if its owner says how long, as OpenAI bounds it: an hour to thirty days.
const LIVES: std::ops::RangeInclusive<u64> = 3_600..=2_592_000;

/// A file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File)]
pub struct FileView {
    /// Its id.
    #[schema(value_type = String, example = "file-019a9f1b2c3d7e4f8a9b0c1d2e3f4a5b")]
    id: FileId,
    /// `file`
    object: &'static str,
    /// Its size.
    bytes: u64,
    /// When it was made, in seconds since 1970.
    created_at: i64,
    /// Until when it is kept, in seconds since 1970; null: until it is deleted.
    expires_at: Option<i64>,
    /// Its name.
    filename: String,
    /// `assistants`, `batch`, `fine-tune`, `vision`, `user_data`, `evals` or `batch_output`.
    purpose: &'static str,
    /// `uploaded`, `processed` or `error`.
    status: &'static str,
    /// Always null.
    #[schema(nullable)]
    status_details: Option<String>,
}

impl FileView {
    /// The file in OpenAI's words.
    pub fn new(file: File) -> Self {
        Self {
            id: file.id,
            object: "file",
            bytes: file.bytes,
            created_at: file.created_at.seconds(),
            expires_at: file.expires_at.map(forebay_shared::clock::Timestamp::seconds),
            filename: file.filename,
            purpose: file.purpose.as_str(),
            status: file.status.as_str(),
            status_details: None,
        }
    }
}

/// How long a file is kept.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpiresAfter {
    /// `created_at`
    pub anchor: String,
    /// 3600 to 2592000.
    pub seconds: u64,
}

impl ExpiresAfter {
    /// The life that is asked for.
    fn life(&self) -> Result<Duration, Problem> {
        if self.anchor != "created_at" {
            let detail = "`expires_after.anchor` must be `created_at`";
            return Err(Problem::new(Code::InvalidField, detail).at("expires_after.anchor"));
        }
        if !LIVES.contains(&self.seconds) {
            let (shortest, longest) = (LIVES.start(), LIVES.end());
            let detail = format_args!("`expires_after.seconds` must be from {shortest} to {longest}");
            return Err(Problem::new(Code::InvalidField, detail).at("expires_after.seconds").limit(*longest));
        }
        Ok(Duration::from_secs(self.seconds))
    }
}

/// How long a file with this purpose is kept; `None`: until it is deleted.
pub fn life(
    app: &State,
    purpose: Purpose,
    wished: Option<&ExpiresAfter>,
) -> Result<Option<Duration>, Problem> {
    match wished {
        Some(wished) => wished.life().map(Some),
        None => Ok((purpose == Purpose::Batch).then(|| app.config.files.batch_life.get())),
    }
}

/// A purpose that a client may give a file.
pub fn purpose(word: &str) -> Result<Purpose, Problem> {
    let purpose = Purpose::UPLOADED.into_iter().find(|purpose| purpose.as_str() == word);
    purpose.ok_or_else(|| {
        let known = Purpose::UPLOADED.map(|purpose| format!("`{purpose}`")).join(", ");
        Problem::new(Code::InvalidField, format_args!("`purpose` must be one of {known}")).at("purpose")
    })
}

/// A name that a file may have.
pub fn filename(name: &str, field: &str) -> Result<String, Problem> {
    let fits = (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    if fits {
        return Ok(name.to_owned());
    }
    let detail = format_args!("a file name must have 1 to {LONGEST_NAME} bytes and no control characters");
    Err(Problem::new(Code::InvalidField, detail).at(field).limit(LONGEST_NAME as u64))
}

/// How large a file with this purpose may be when at most `most` are taken.
pub fn largest(app: &State, purpose: Purpose, most: Size) -> Size {
    if purpose == Purpose::Batch { most.min(app.config.files.batch_max_size) } else { most }
}

/// What is left of the owner's room, if that is bounded: what is larger is refused before it is read.
pub async fn room_left(app: &State, owner: &str) -> Result<Option<u64>, Problem> {
    let Some(room) = app.config.limits.room() else { return Ok(None) };
    let used = app.parts.store.stored_bytes(owner).await?;
    if used >= room { Err(full(app, used)) } else { Ok(Some(room - used)) }
}

/// The owner has no room left for this.
pub fn full(app: &State, used: u64) -> Problem {
    let (room, used) = (app.config.limits.owner_storage, Size::new(used));
    let detail = format_args!(
        "your files may have {room} together and have {used}; delete some, then send this again"
    );
    Problem::new(Code::StorageFull, detail).limit(room.bytes())
}

/// The file that a path names.
pub fn id(word: &str) -> Result<FileId, Problem> {
    word.parse().map_err(|_| not_found(word))
}

/// The owner has no such file.
pub fn not_found(id: impl std::fmt::Display) -> Problem {
    let id: String = id.to_string().chars().take(64).collect();
    Problem::new(Code::FileNotFound, format_args!("No such File object: {id}")).at("file_id")
}
