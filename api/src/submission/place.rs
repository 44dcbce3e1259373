//! Where a submission's inputs stand: small ones in the row, large ones in the object store.

use std::fmt;

use bytes::Bytes;
use forebay_shared::blobs::{BlobWriter, Blobs};
use forebay_shared::id::JobId;
use forebay_shared::job::{ImageSource, Input, Item, ItemsAt};
use forebay_shared::shutdown::Tasks;
use futures::{StreamExt, TryStreamExt};

use crate::limits;
use crate::problem::Problem;
use crate::state::State;

/// Objects of one submission that are written at the same time.
const AT_ONCE: usize = 8;

/// The folder of a job's inputs.
pub fn folder(job: JobId) -> String {
    format!("inputs/{job}")
}

/// The objects of a job that is not in the store yet. Dropped before [`Inputs::keep`], they are removed again: the
/// submission was refused, or its client hung up.
pub struct Inputs {
    blobs: Blobs,
    tasks: Tasks,
    folder: String,
    inline: usize,
    keys: Vec<String>,
    bytes: u64,
    writing: Option<BlobWriter>,
}

impl Inputs {
    /// No objects yet.
    pub fn new(app: &State, job: JobId) -> Self {
        Self {
            blobs: app.parts.blobs.clone(),
            tasks: app.parts.tasks.clone(),
            folder: folder(job),
            inline: app.config.limits.inline_input.as_usize(),
            keys: Vec::new(),
            bytes: 0,
            writing: None,
        }
    }

    /// Whether a picture of so many bytes is kept with the list of items.
    ///
    /// Pictures that would fit in a row by themselves stay in the list, whether that stands in the row or not: sixty
    /// thumbnails are one object, not sixty.
    pub fn is_small(&self, bytes: usize) -> bool {
        bytes <= self.inline
    }

    /// Moves what is too large out of the row, and answers with where the items stand.
    pub async fn place(&mut self, mut items: Vec<Item>) -> Result<ItemsAt, Problem> {
        self.place_pictures(&mut items).await?;
        let size = items.iter().map(|item| size(&item.input)).sum();
        let list = limits::work(&self.tasks, size, move || Ok(ItemsAt::encode(&items))).await?;
        if list.len() <= self.inline {
            return Ok(ItemsAt::Row(list));
        }
        let key = format!("{}/items", self.folder);
        self.keys.push(key.clone());
        self.bytes += list.len() as u64;
        self.blobs.put(&key, list.into()).await?;
        Ok(ItemsAt::Blob(key))
    }

    async fn place_pictures(&mut self, items: &mut [Item]) -> Result<(), Problem> {
        let mut puts = Vec::new();
        for (index, item) in items.iter_mut().enumerate() {
            let Input::Image(source) = &mut item.input else { continue };
            match source {
                ImageSource::Inline(bytes) if bytes.len() > self.inline => {
                    let key = format!("{}/{index}", self.folder);
                    self.keys.push(key.clone());
                    self.bytes += bytes.len() as u64;
                    puts.push((key.clone(), Bytes::from(std::mem::take(bytes))));
                    *source = ImageSource::Blob(key);
                }
                _ => {}
            }
        }
        let blobs = &self.blobs;
        futures::stream::iter(puts)
            .map(|(key, bytes)| async move { blobs.put(&key, bytes).await })
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(())
    }

    /// Begins an object that is written piece by piece; answers with its key.
    pub fn begin(&mut self, index: usize) -> String {
        let key = format!("{}/{index}", self.folder);
        self.writing = Some(self.blobs.writer(&key));
        key
    }

    /// Adds to the object that was begun.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Problem> {
        match &mut self.writing {
            Some(writer) => {
                self.bytes += bytes.len() as u64;
                Ok(writer.write(bytes).await?)
            }
            None => Ok(()),
        }
    }

    /// Ends the object that was begun.
    pub async fn finish(&mut self, key: String) -> Result<(), Problem> {
        self.keys.push(key);
        if let Some(writer) = self.writing.take() {
            writer.finish().await?;
        }
        Ok(())
    }

    /// The objects so far.
    pub fn keys(&self) -> Vec<String> {
        self.keys.clone()
    }

    /// Bytes of the objects so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// From now on the objects belong to the job.
    pub fn keep(mut self) {
        self.keys.clear();
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        let (keys, writing) = (std::mem::take(&mut self.keys), self.writing.take());
        if keys.is_empty() && writing.is_none() {
            return;
        }
        let blobs = self.blobs.clone();
        let clean = async move {
            if let Some(writer) = writing {
                writer.abort().await;
            }
            discard(&blobs, &keys).await;
        };
        // Without a runtime the process is ending, and the sweeper finds what is left.
        if tokio::runtime::Handle::try_current().is_ok() {
            self.tasks.spawn("discard inputs", clean);
        }
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs")
            .field("folder", &self.folder)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// Removes objects as well as it can; the sweeper takes the rest.
pub async fn discard(blobs: &Blobs, keys: &[String]) {
    if let Err(error) = blobs.delete(keys).await {
        tracing::debug!(%error, "inputs that nobody needs are left to the sweeper");
    }
}

fn size(input: &Input) -> usize {
    match input {
        Input::Text(text) => text.len(),
        Input::Pair { text, text_pair } => text.len() + text_pair.len(),
        // As digits, which is how the list has them.
        Input::Tokens(ids) => ids.len() * 7,
        Input::Image(ImageSource::Inline(bytes)) => bytes.len(),
        Input::Tensors(tensors) => tensors.iter().map(|tensor| tensor.bytes.len()).sum(),
        Input::Image(ImageSource::Blob(address) | ImageSource::Url(address)) => address.len(),
    }
}
