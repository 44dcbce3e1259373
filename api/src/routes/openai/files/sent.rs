//! A file that has arrived, without a row yet.

use std::time::Duration;

use forebay_shared::config::Size;
use forebay_shared::file::{self, File, FileStatus, NewFile, Piece, Purpose};
use forebay_shared::id::FileId;
use forebay_shared::store::Stored;

use super::{full, room_left};
use crate::incoming::Incoming;
use crate::problem::Problem;
use crate::state::App;
use crate::submission::place::discard;

/// A file that has arrived.
#[derive(Debug)]
pub struct Sent {
    /// Its id.
    pub id: FileId,
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its bytes.
    pub object: Incoming,
}

impl Sent {
    /// Gives it a row, if the owner has room for it; otherwise nothing of it stays.
    pub async fn keep(
        self,
        app: &App,
        owner: &str,
        purpose: Purpose,
        life: Option<Duration>,
    ) -> Result<File, Problem> {
        let new = NewFile {
            id: self.id,
            owner: owner.to_owned(),
            filename: self.name,
            purpose,
            status: FileStatus::Processed,
            pieces: vec![Piece::own(key(self.id), self.bytes)],
            life,
        };
        // The row may be stored from now on, and what it names must stay. If it is not, the sweeper finds the object.
        let key = self.object.keep();
        match app.parts.store.create_file(&new, app.config.limits.room()).await? {
            Stored::Stored(file) => Ok(file),
            Stored::Full { used } => {
                discard(&app.parts.blobs, &[key]).await;
                Err(full(app, used))
            }
        }
    }
}

/// Where the bytes of a new file go, while they arrive.
pub fn object(app: &App, id: FileId) -> Incoming {
    Incoming::new(app, key(id))
}

fn key(id: FileId) -> String {
    format!("{}/{}", file::FOLDER, id.0)
}

/// How large a file the owner may send now.
pub async fn most(app: &App, owner: &str) -> Result<Size, Problem> {
    let room = room_left(app, owner).await?;
    Ok(Size::new(app.config.files.max_size.bytes().min(room.unwrap_or(u64::MAX))))
}
