//! From a claimed job to items that are ready to run: read, tokenise, decode.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::id::JobId;
use forebay_shared::job::{
    Claimed, Failure, FailureCode, ImageSource, Input, Item, Kind, Lease, Object, Params,
};
use forebay_shared::shutdown::Tasks;
use futures::stream::{self, StreamExt};
use tokio::sync::{OnceCell, mpsc};

use super::progress::convicted;
use super::reader::Reader;
use crate::model::ModelFiles;
use crate::pipeline::{Material, Pipeline};

/// Pictures of one job that are on their way at once; the process's bounds stand over it.
const PICTURES_AT_ONCE: usize = 16;

/// A job whose items are ready, or have failed.
pub(super) struct PreparedJob<P: Pipeline> {
    pub(super) id: JobId,
    pub(super) lease: Lease,
    pub(super) items: Vec<Result<P::Prepared, Failure>>,
    pub(super) took: Duration,
}

/// An item's place in its job, and what became of it.
type Outcome<P> = (usize, Result<<P as Pipeline>::Prepared, Failure>);

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
        self.each(items, claimed, pipeline).await
    }

    /// Prepares texts together, which costs little each, and pictures one by one, so that only a few are ever held.
    async fn each(
        &self,
        items: Vec<Item>,
        claimed: &Claimed,
        pipeline: Arc<P>,
    ) -> Vec<Result<P::Prepared, Failure>> {
        let (mut texts, mut pictures, mut prepared) = (Vec::new(), Vec::new(), Vec::new());
        for (index, item) in items.into_iter().enumerate() {
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            let convicted = convicted(claimed.suspects.isolation(number)).map_or(Ok(()), Err);
            let kind = self.model.card.kind;
            match (convicted.and_then(|()| params(kind, &claimed.params, &item.params)), item.input) {
                (Err(failure), _) => prepared.push((index, Err(failure))),
                (Ok(params), Input::Text(text)) => texts.push((index, text, params)),
                (Ok(params), Input::Image(source)) => pictures.push((index, source, params)),
            }
        }
        let (texts, pictures) =
            tokio::join!(self.texts(texts, pipeline.clone()), self.pictures(pictures, &pipeline));
        prepared.extend(texts.into_iter().chain(pictures));
        prepared.sort_unstable_by_key(|(index, _)| *index);
        prepared.into_iter().map(|(_, prepared)| prepared).collect()
    }

    async fn texts(&self, texts: Vec<(usize, String, Params)>, pipeline: Arc<P>) -> Vec<Outcome<P>> {
        if texts.is_empty() {
            return Vec::new();
        }
        let indices: Vec<usize> = texts.iter().map(|(index, ..)| *index).collect();
        let _turn = self.reader.turn().await;
        let prepare = move || {
            let prepared = texts
                .into_iter()
                .map(|(index, text, params)| (index, pipeline.prepare(Material::Text(text), params)));
            prepared.collect()
        };
        let prepared = self.tasks.spawn_blocking(prepare).await;
        prepared.unwrap_or_else(|_| indices.into_iter().map(|index| (index, Err(panicked()))).collect())
    }

    async fn pictures(
        &self,
        pictures: Vec<(usize, ImageSource, Params)>,
        pipeline: &Arc<P>,
    ) -> Vec<Outcome<P>> {
        stream::iter(pictures)
            .map(|(index, source, params)| async move {
                (index, self.picture(source, params, pipeline.clone()).await)
            })
            .buffer_unordered(PICTURES_AT_ONCE)
            .collect()
            .await
    }

    async fn picture(
        &self,
        source: ImageSource,
        params: Params,
        pipeline: Arc<P>,
    ) -> Result<P::Prepared, Failure> {
        let file = self.reader.file(source).await?;
        let _turn = self.reader.turn_for(&file).await;
        let prepare = move || pipeline.prepare(Material::Image(file.bytes.clone()), params);
        self.tasks.spawn_blocking(prepare).await.map_err(|_| panicked())?
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

fn panicked() -> Failure {
    Failure::permanent(FailureCode::Internal, "preparing panicked; the worker's log says where")
}

fn params(kind: Kind, job: &Object, item: &Object) -> Result<Params, Failure> {
    let merged = if item.is_empty() { job.clone() } else { Params::merge(job, item) };
    Params::parse(kind, &merged).map_err(|error| Failure::permanent(FailureCode::InvalidParams, error))
}
