//! The object that tells of a bulk's bad lines.

use forebay_shared::blobs::{BlobResult, BlobWriter, Blobs};

/// The object that tells of bad lines, once there is one to tell of.
pub(super) struct Bad<'a> {
    blobs: &'a Blobs,
    writer: Option<BlobWriter>,
    key: String,
}

impl<'a> Bad<'a> {
    /// Nothing is told yet.
    pub(super) fn new(blobs: &'a Blobs, key: String) -> Self {
        Self { blobs, writer: None, key }
    }

    pub(super) async fn write(&mut self, told: Vec<u8>) -> BlobResult<()> {
        if !told.is_empty() {
            let writer = self.writer.get_or_insert_with(|| self.blobs.writer(&self.key));
            writer.write(told.into()).await?;
        }
        Ok(())
    }

    pub(super) async fn abort(self) {
        if let Some(writer) = self.writer {
            writer.abort().await;
        }
    }

    /// Its key with its length, if there is one.
    pub(super) async fn finish(self) -> BlobResult<Option<(String, u64)>> {
        match self.writer {
            Some(writer) => Ok(Some((self.key, writer.finish().await?))),
            None => Ok(None),
        }
    }
}
