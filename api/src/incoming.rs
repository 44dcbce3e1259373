//! An object that is being uploaded and that no row names yet.

use std::fmt;

use bytes::Bytes;
use forebay_shared::blobs::{BlobWriter, Blobs};
use forebay_shared::shutdown::Tasks;

use crate::problem::Problem;
use crate::state::State;
use crate::submission::place::discard;

/// An object that is written while it arrives. Dropped before [`Incoming::keep`], nothing of it stays: the upload was
/// refused, or its client hung up.
pub struct Incoming {
    blobs: Blobs,
    tasks: Tasks,
    key: String,
    state: Written,
}

enum Written {
    Partly(Box<BlobWriter>),
    Wholly,
    Kept,
}

impl Incoming {
    /// Nothing is written yet.
    pub fn new(app: &State, key: String) -> Self {
        let writer = app.parts.blobs.writer(&key);
        Self {
            blobs: app.parts.blobs.clone(),
            tasks: app.parts.tasks.clone(),
            key,
            state: Written::Partly(Box::new(writer)),
        }
    }

    /// Adds bytes.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Problem> {
        match &mut self.state {
            Written::Partly(writer) => Ok(writer.write(bytes).await?),
            Written::Wholly | Written::Kept => Ok(()),
        }
    }

    /// Makes the object exist.
    pub async fn finish(&mut self) -> Result<(), Problem> {
        if let Written::Partly(writer) = std::mem::replace(&mut self.state, Written::Wholly) {
            writer.finish().await?;
        }
        Ok(())
    }

    /// From now on the object may have a row: whether it has, only the store knows. Answers with its key.
    pub fn keep(mut self) -> String {
        self.state = Written::Kept;
        std::mem::take(&mut self.key)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let (blobs, key) = (self.blobs.clone(), std::mem::take(&mut self.key));
        let written = std::mem::replace(&mut self.state, Written::Kept);
        let clean = async move {
            match written {
                Written::Partly(writer) => writer.abort().await,
                Written::Wholly => discard(&blobs, &[key]).await,
                Written::Kept => {}
            }
        };
        // Without a runtime the process is ending, and the sweeper finds what is left.
        if tokio::runtime::Handle::try_current().is_ok() {
            self.tasks.spawn("discard an upload", clean);
        }
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("key", &self.key).finish_non_exhaustive()
    }
}
