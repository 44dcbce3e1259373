//! From a claimed job to items that are ready to run: read, tokenise, decode.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forebay_shared::blobs::{BlobError, Blobs};
use forebay_shared::fetch::Fetcher;
use forebay_shared::id::JobId;
use forebay_shared::job::{
    Claimed, Failure, FailureCode, ImageSource, Input, Item, ItemsAt, Kind, Lease, Object, Params,
};
use forebay_shared::shutdown::Tasks;
use futures::stream::{self, StreamExt};
use tokio::sync::{OnceCell, Semaphore, mpsc};

use super::progress::convicted;
use crate::model::ModelFiles;
use crate::pipeline::{Material, Pipeline};

/// Items of one job that are read at once; the process's bound on fetches stands over it.
const READ_AT_ONCE: usize = 16;

/// Reads what items are made of, within the process's bounds.
#[derive(Clone, Debug)]
pub struct Reader {
    blobs: Blobs,
    fetcher: Fetcher,
    /// Pictures that are fetched or read at once.
    fetches: Arc<Semaphore>,
    /// Preparations that use a processor at once.
    processors: Arc<Semaphore>,
}

impl Reader {
    /// A reader with these bounds.
    pub fn new(blobs: Blobs, fetcher: Fetcher, at_once: usize, processors: usize) -> Self {
        Self {
            blobs,
            fetcher,
            fetches: Arc::new(Semaphore::new(at_once)),
            processors: Arc::new(Semaphore::new(processors)),
        }
    }

    async fn items(&self, items: &ItemsAt) -> Result<Vec<Item>, Failure> {
        let stored = match items {
            ItemsAt::Row(stored) => Bytes::copy_from_slice(stored.as_bytes()),
            ItemsAt::Blob(key) => self.blobs.get(key).await.map_err(|error| blob_failure(&error))?,
        };
        ItemsAt::decode(&stored)
            .map_err(|error| Failure::permanent(FailureCode::Internal, format!("stored items: {error}")))
    }

    async fn material(&self, input: Input) -> Result<Material, Failure> {
        let source = match input {
            Input::Text(text) => return Ok(Material::Text(text)),
            Input::Image(ImageSource::Inline(bytes)) => return Ok(Material::Image(bytes.into())),
            Input::Image(source) => source,
        };
        let _permit = self.fetches.acquire().await;
        match source {
            ImageSource::Url(url) => {
                let fetched = self.fetcher.picture(&url).await.map_err(|error| {
                    let code =
                        if error.is_refusal() { FailureCode::FetchRefused } else { FailureCode::FetchFailed };
                    Failure { code, message: error.to_string(), retryable: error.is_transient() }
                })?;
                Ok(Material::Image(fetched))
            }
            ImageSource::Blob(key) => {
                Ok(Material::Image(self.blobs.get(&key).await.map_err(|error| blob_failure(&error))?))
            }
            ImageSource::Inline(bytes) => Ok(Material::Image(bytes.into())),
        }
    }
}

fn blob_failure(error: &BlobError) -> Failure {
    match error {
        BlobError::Missing(_) => Failure::permanent(FailureCode::InputMissing, "a stored input is gone"),
        BlobError::Unavailable(_) | BlobError::Unusable(..) => {
            Failure::transient(FailureCode::StorageUnavailable, "the object store cannot be reached")
        }
    }
}

/// A job whose items are ready, or have failed.
pub(super) struct PreparedJob<P: Pipeline> {
    pub(super) id: JobId,
    pub(super) lease: Lease,
    pub(super) items: Vec<Result<P::Prepared, Failure>>,
    pub(super) took: Duration,
}

/// Prepares jobs for one model.
pub(super) struct Preparer<P: Pipeline>(Arc<Shared<P>>);

struct Shared<P: Pipeline> {
    model: ModelFiles,
    /// Read when the first job comes.
    pipeline: OnceCell<Arc<P>>,
    reader: Reader,
    tasks: Tasks,
    ready: mpsc::Sender<PreparedJob<P>>,
}

impl<P: Pipeline> Preparer<P> {
    pub(super) fn new(
        model: ModelFiles,
        reader: Reader,
        tasks: Tasks,
        ready: mpsc::Sender<PreparedJob<P>>,
    ) -> Self {
        Self(Arc::new(Shared { model, pipeline: OnceCell::new(), reader, tasks, ready }))
    }

    /// What preparing and finishing need, once a job was prepared.
    pub(super) fn pipeline(&self) -> Option<Arc<P>> {
        self.0.pipeline.get().cloned()
    }

    /// Prepares a job and sends it on.
    pub(super) fn begin(&self, claimed: Claimed) {
        let shared = self.0.clone();
        self.0.tasks.spawn("prepare", async move {
            let started = Instant::now();
            let items = shared.prepare(&claimed).await;
            let job = PreparedJob { id: claimed.id, lease: claimed.lease, items, took: started.elapsed() };
            // A lane that is gone needs nothing prepared.
            let _ = shared.ready.send(job).await;
        });
    }
}

impl<P: Pipeline> Shared<P> {
    async fn prepare(self: &Arc<Self>, claimed: &Claimed) -> Vec<Result<P::Prepared, Failure>> {
        let count = claimed.item_count as usize;
        let all = |failure: Failure| (0..count).map(|_| Err(failure.clone())).collect();
        let pipeline = match self.pipeline().await {
            Ok(pipeline) => pipeline,
            Err(failure) => return all(failure),
        };
        let items = match self.reader.items(&claimed.items).await {
            Ok(items) if items.len() == count => items,
            Ok(_) => return all(Failure::permanent(FailureCode::Internal, "the job lost some of its items")),
            Err(failure) => return all(failure),
        };
        let materials = self.materials(items, claimed).await;
        self.on_processor(materials, pipeline).await.unwrap_or_else(all)
    }

    /// Reads the items' bytes, several at once, in order.
    async fn materials(
        &self,
        items: Vec<Item>,
        claimed: &Claimed,
    ) -> Vec<Result<(Material, Params), Failure>> {
        let kind = self.model.card.kind;
        stream::iter(items.into_iter().enumerate())
            .map(|(index, item)| async move {
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                if let Some(failure) = convicted(claimed.suspects.isolation(index)) {
                    return Err(failure);
                }
                let params = params(kind, &claimed.params, &item.params)?;
                Ok((self.reader.material(item.input).await?, params))
            })
            .buffered(READ_AT_ONCE)
            .collect()
            .await
    }

    /// Tokenises and decodes where it blocks nobody, on as many threads as there are processors.
    async fn on_processor(
        &self,
        materials: Vec<Result<(Material, Params), Failure>>,
        pipeline: Arc<P>,
    ) -> Result<Vec<Result<P::Prepared, Failure>>, Failure> {
        let _permit = self.reader.processors.acquire().await;
        let prepared = self.tasks.spawn_blocking(move || {
            materials
                .into_iter()
                .map(|material| material.and_then(|(material, params)| pipeline.prepare(material, params)))
                .collect()
        });
        prepared.await.map_err(|_| {
            Failure::permanent(FailureCode::Internal, "preparing panicked; the worker's log says where")
        })
    }

    async fn pipeline(&self) -> Result<Arc<P>, Failure> {
        let read = self.pipeline.get_or_try_init(|| async {
            let model = self.model.clone();
            let read = self.tasks.spawn_blocking(move || P::read(&model)).await;
            read.map_err(|error| error.to_string())
                .and_then(|read| read.map_err(|error| error.to_string()))
                .map(Arc::new)
        });
        read.await.cloned().map_err(|error| {
            tracing::error!(error, model = self.model.card.name, "the model's files cannot be read");
            Failure::transient(FailureCode::ModelUnavailable, "the model's files cannot be read")
        })
    }
}

fn params(kind: Kind, job: &Object, item: &Object) -> Result<Params, Failure> {
    let merged = if item.is_empty() { job.clone() } else { Params::merge(job, item) };
    Params::parse(kind, &merged).map_err(|error| Failure::permanent(FailureCode::InvalidParams, error))
}
