//! From a claimed job to items that are ready to run: read, tokenise, decode.

mod known;

use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::cache::CacheKey;
use forebay_shared::id::JobId;
use forebay_shared::job::{
    Claimed, Failure, FailureCode, ImageSource, Input, Isolation, Kind, Lease, Object, Params,
};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Noted;
use futures::stream::{self, StreamExt};
use tokio::sync::{OnceCell, mpsc};

use super::memory::Held;
use super::parts::LaneParts;
use super::progress::convicted;
use super::reader::{File, Reader};
use crate::model::ModelFiles;
use crate::pipeline::{Material, Pipeline};
use crate::plan::Plan;
use crate::quarantine::Quarantine;
use crate::shelf::{Ended, Shelf};

/// Texts that are prepared in one turn, so that a long slice of a bulk lets others in between: some ten milliseconds.
const TEXTS_AT_ONCE: usize = 512;
/// Pictures of one job that are on their way at once; the process's bounds stand over it.
const PICTURES_AT_ONCE: usize = 16;

/// Items of a job that are ready, or have failed.
pub(super) struct Prepared<P: Pipeline> {
    pub(super) id: JobId,
    pub(super) lease: Lease,
    pub(super) items: Vec<Outcome<P>>,
    /// Of a slice, with the first of its items: how its lines are to be answered.
    pub(super) plan: Option<Plan>,
    pub(super) took: Duration,
}

/// An item's place in its job, how far it has come, and the room it takes.
type Outcome<P> = (u32, Step<P>, Held);

/// How far an item has come.
pub(super) enum Step<P: Pipeline> {
    /// It may run; what comes of it may be kept under the key.
    Ready(P::Prepared, Option<CacheKey>),
    /// It needs no run: it has failed, its answer was kept from earlier, or is in the model's files.
    Ended(Ended),
}

/// An item that is to be prepared.
struct Todo<T> {
    index: u32,
    material: T,
    /// The job's own are shared by all items that have none.
    params: Arc<Params>,
    /// Its own parameters, as they came.
    own: Object,
    key: Option<CacheKey>,
}

/// Prepares jobs for one model.
pub(super) struct Preparer<P: Pipeline>(Arc<Shared<P>>);

struct Shared<P: Pipeline> {
    model: ModelFiles,
    /// Read when the first job comes.
    pipeline: OnceCell<Arc<P>>,
    reader: Reader,
    quarantine: Quarantine,
    shelf: Shelf,
    tasks: Tasks,
    ready: mpsc::Sender<Prepared<P>>,
}

impl<P: Pipeline> Preparer<P> {
    pub(super) fn new(model: ModelFiles, parts: &LaneParts, ready: mpsc::Sender<Prepared<P>>) -> Self {
        Self(Arc::new(Shared {
            model,
            pipeline: OnceCell::new(),
            reader: parts.reader.clone(),
            quarantine: parts.quarantine.clone(),
            shelf: parts.shelf.clone(),
            tasks: parts.tasks.clone(),
            ready,
        }))
    }

    /// What preparing and finishing need, once a job was prepared.
    pub(super) fn pipeline(&self) -> Option<Arc<P>> {
        self.0.pipeline.get().cloned()
    }

    /// Prepares a job and sends it on, texts together, pictures as they come.
    pub(super) fn begin(&self, claimed: Claimed) {
        let shared = self.0.clone();
        self.0.tasks.spawn("prepare", async move {
            let job = Job { claimed, started: Instant::now(), shared: shared.clone() };
            if let Err(failure) = job.prepare().await {
                job.send((0..job.claimed.item_count).map(|index| failed(index, &failure)).collect()).await;
            }
        });
    }
}

/// A job that is being prepared.
struct Job<P: Pipeline> {
    claimed: Claimed,
    started: Instant,
    shared: Arc<Shared<P>>,
}

impl<P: Pipeline> Job<P> {
    /// Prepares all items. An error is that of the job as a whole.
    async fn prepare(&self) -> Result<(), Failure> {
        self.check_owner()?;
        let pipeline = self.shared.pipeline().await?;
        let (items, plan) = self.shared.reader.items(&self.claimed, &self.shared.tasks).await?;
        if items.len() != self.claimed.item_count as usize {
            return Err(Failure::permanent(FailureCode::Internal, "the job lost some of its items"));
        }
        if plan.is_some() {
            self.send_with(Vec::new(), plan).await;
        }
        let (mut texts, mut pictures, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        let kind = self.shared.model.card.kind;
        let common = params(kind, &self.claimed.params);
        for (index, item) in (0..).zip(items) {
            let params = match convicted(self.claimed.suspects.isolation(index)) {
                Some(failure) => Err(failure),
                None if item.params.is_empty() => common.clone(),
                None => params(kind, &Params::merge(&self.claimed.params, &item.params)),
            };
            let params = match params {
                Ok(params) => params,
                Err(failure) => {
                    refused.push(failed(index, &failure));
                    continue;
                }
            };
            let material = match item.input {
                Input::Image(material) => {
                    pictures.push(Todo { index, material, params, own: item.params, key: None });
                    continue;
                }
                Input::Text(text) => Material::Text(text),
                Input::Pair { text, text_pair } => Material::Pair(text, text_pair),
                Input::Tokens(ids) => Material::Tokens(ids),
                Input::Tensors(tensors) => Material::Tensors(tensors),
            };
            texts.push(Todo { index, material, params, own: item.params, key: None });
        }
        if !refused.is_empty() {
            self.send(refused).await;
        }
        let (alone, mut together): (Vec<_>, Vec<_>) = texts
            .into_iter()
            .partition(|text| matches!(self.claimed.suspects.isolation(text.index), Isolation::Alone(_)));
        let mut groups = Vec::new();
        while !together.is_empty() {
            let rest = together.split_off(together.len().min(TEXTS_AT_ONCE));
            groups.push(std::mem::replace(&mut together, rest));
        }
        groups.extend(alone.into_iter().map(|text| vec![text]));
        let texts = async {
            for group in groups {
                self.texts(group, pipeline.clone()).await;
            }
        };
        let pictures: Vec<_> =
            pictures.into_iter().map(|picture| self.picture(picture, pipeline.clone())).collect();
        let pictures = stream::iter(pictures).buffer_unordered(PICTURES_AT_ONCE).collect::<()>();
        tokio::join!(texts, pictures);
        Ok(())
    }

    /// A name may have become another owner's since the job was submitted for it, and that one's model answers nobody else. It is
    /// tried again, since the name may just be becoming what the job's owner sees.
    fn check_owner(&self) -> Result<(), Failure> {
        let Claimed { owner, model, .. } = &self.claimed;
        if self.shared.model.card.is_seen_by(owner) {
            return Ok(());
        }
        let message = format!("no model of yours, nor one of everybody's, is called `{model}` any more");
        Err(Failure::transient(FailureCode::ModelUnavailable, message))
    }

    /// Texts cost little each, so they are prepared together.
    async fn texts(&self, texts: Vec<Todo<Material>>, pipeline: Arc<P>) {
        let texts = self.unknown(texts).await;
        if texts.is_empty() {
            return;
        }
        let indices: Vec<u32> = texts.iter().map(|text| text.index).collect();
        let prepare = async {
            let _turn = self.shared.reader.turn().await;
            let prepare = move || {
                let prepare = |Todo { index, material, params, key, .. }: Todo<Material>| {
                    let step = match pipeline.at_hand(&material, &params) {
                        Some(answer) => Step::Ended(answer.map(|answer| answer.output.into())),
                        None => Step::new(pipeline.prepare(material, Arc::unwrap_or_clone(params)), key),
                    };
                    (index, step, Held::nothing())
                };
                texts.into_iter().map(prepare).collect()
            };
            self.shared.tasks.spawn_blocking(prepare).await
        };
        let Some(prepared) = self.noted(&indices, prepare).await else { return };
        let lost = || indices.iter().map(|index| failed(*index, &panicked())).collect();
        self.send(prepared.unwrap_or_else(|_| lost())).await;
    }

    /// Pictures are large, so each takes its room, and goes on as soon as it is ready.
    async fn picture(&self, picture: Todo<ImageSource>, pipeline: Arc<P>) {
        let Todo { index, material, params, own, .. } = picture;
        let (step, room) = match self.shared.reader.file(material).await {
            Err(failure) => (Step::Ended(Err(failure)), Held::nothing()),
            Ok(file) => {
                let Some((File { bytes, room }, key)) = self.unknown_file(index, file, &own).await else {
                    return;
                };
                let prepare = async {
                    let turn = self.shared.reader.turn_for(&bytes).await;
                    let prepare =
                        move || pipeline.prepare(Material::Image(bytes), Arc::unwrap_or_clone(params));
                    (self.shared.tasks.spawn_blocking(prepare).await, turn.room)
                };
                // Whoever waits here for the quarantine has its file's room already: those in it wait for none.
                let Some((prepared, pixels)) = self.noted(&[index], prepare).await else { return };
                let prepared = prepared.unwrap_or_else(|_| Err(panicked()));
                let mut room = room.and(pixels);
                room.shrink(prepared.as_ref().map_or(0, P::weight));
                (Step::new(prepared, key), room)
            }
        };
        self.send(vec![(index, step, room)]).await;
    }

    /// What is under suspicion is named in the worker's row before anything is done with it. `None`: the lease is gone, and
    /// with it the job.
    async fn noted<T>(&self, indices: &[u32], work: impl Future<Output = T>) -> Option<T> {
        let Claimed { id, lease, ref suspects, .. } = self.claimed;
        let suspects = (!suspects.is_none()).then(|| Noted(vec![(id, indices.to_vec())]));
        self.shared.quarantine.during(lease.worker, suspects, work).await
    }

    async fn send(&self, items: Vec<Outcome<P>>) {
        self.send_with(items, None).await;
    }

    async fn send_with(&self, items: Vec<Outcome<P>>, plan: Option<Plan>) {
        let (id, lease) = (self.claimed.id, self.claimed.lease);
        // A lane that is gone needs nothing prepared.
        let _ =
            self.shared.ready.send(Prepared { id, lease, items, plan, took: self.started.elapsed() }).await;
    }
}

impl<P: Pipeline> Shared<P> {
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

impl<P: Pipeline> Step<P> {
    fn new(prepared: Result<P::Prepared, Failure>, key: Option<CacheKey>) -> Self {
        match prepared {
            Ok(prepared) => Self::Ready(prepared, key),
            Err(failure) => Self::Ended(Err(failure)),
        }
    }
}

fn failed<P: Pipeline>(index: u32, failure: &Failure) -> Outcome<P> {
    (index, Step::Ended(Err(failure.clone())), Held::nothing())
}

fn panicked() -> Failure {
    Failure::permanent(FailureCode::Internal, "preparing panicked; the worker's log says where")
}

fn params(kind: Kind, params: &Object) -> Result<Arc<Params>, Failure> {
    let read = Params::parse(kind, params);
    read.map(Arc::new).map_err(|error| Failure::permanent(FailureCode::InvalidParams, error))
}

#[cfg(test)]
mod tests;
