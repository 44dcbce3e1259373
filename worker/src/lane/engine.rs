//! The thread that owns a model, and nothing else touches.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::id::JobId;
use forebay_shared::job::{Failure, FailureCode};
use forebay_shared::shutdown::Tasks;
use tokio::sync::mpsc;

use super::{Ended, IN_HAND, Ready};
use crate::model::{ModelFiles, Runtime};
use crate::pipeline::Pipeline;
use crate::quarantine::Sealed;

/// A batch for the model.
pub(super) struct Work<P: Pipeline> {
    pub(super) items: Vec<Ready<P>>,
    pub(super) pipeline: Option<Arc<P>>,
    /// For suspects: the right to run them now.
    pub(super) sealed: Option<Sealed>,
}

/// What the thread has to say.
pub(super) enum Word {
    /// A batch has left the device.
    Free(Option<Sealed>),
    /// What became of a batch's items, and how long it ran.
    Ended { outcomes: Vec<(JobId, u32, Ended)>, took: Duration },
}

/// The way to a model's thread.
pub(super) struct Engine<P: Pipeline> {
    work: mpsc::Sender<Work<P>>,
    words: mpsc::Sender<Word>,
}

impl<P: Pipeline> Clone for Engine<P> {
    fn clone(&self) -> Self {
        Self { work: self.work.clone(), words: self.words.clone() }
    }
}

impl<P: Pipeline> Engine<P> {
    /// Starts the thread. The model is loaded when its first batch comes.
    pub(super) fn start(
        model: ModelFiles,
        runtime: Option<Runtime>,
        words: mpsc::Sender<Word>,
        tasks: &Tasks,
    ) -> Self {
        let (work, mut waiting) = mpsc::channel::<Work<P>>(IN_HAND as usize);
        let host = Host { model, runtime, engine: None, words: words.clone(), tasks: tasks.clone() };
        let handle = tokio::runtime::Handle::current();
        let name = format!("model {}", host.model.card.name);
        let started = std::thread::Builder::new().name(name).spawn(move || {
            let _entered = handle.enter();
            let mut host = host;
            while let Some(work) = waiting.blocking_recv() {
                host.serve(work);
            }
        });
        if let Err(error) = started {
            tracing::error!(%error, "the model's thread could not be started; its jobs will not run");
        }
        Self { work, words }
    }

    /// Hands a batch over. The lane never has more in hand than the thread takes.
    pub(super) fn send(&self, work: Work<P>) {
        if self.work.try_send(work).is_err() {
            tracing::error!("the model's thread is gone; its jobs' leases will lapse");
        }
    }

    /// Tells the lane that its batch of suspects will not run.
    pub(super) async fn give_up(&self) {
        // A lane that is gone does not wait for word.
        let _ = self.words.send(Word::Free(None)).await;
    }
}

/// What lives on the thread.
struct Host<P: Pipeline> {
    model: ModelFiles,
    runtime: Option<Runtime>,
    engine: Option<P::Engine>,
    words: mpsc::Sender<Word>,
    tasks: Tasks,
}

impl<P: Pipeline> Host<P> {
    fn serve(&mut self, work: Work<P>) {
        let Work { items, pipeline, sealed } = work;
        let started = Instant::now();
        let raw = match &pipeline {
            Some(pipeline) => self.run(pipeline, &items),
            None => Err(Failure::permanent(FailureCode::Internal, "the batch came before its pipeline")),
        };
        let took = started.elapsed();
        let _ = self.words.blocking_send(Word::Free(sealed));
        let words = self.words.clone();
        let retry = raw.is_err() && items.len() > 1;
        if retry {
            // One bad item never fails another: each runs by itself.
            tracing::warn!(
                model = self.model.card.name,
                items = items.len(),
                "a batch failed; its items run one by one"
            );
            for item in items {
                let raw = match &pipeline {
                    Some(pipeline) => self.run(pipeline, std::slice::from_ref(&item)),
                    None => return,
                };
                let outcomes = finish(pipeline.as_deref(), vec![item], raw);
                let _ = words.blocking_send(Word::Ended { outcomes, took });
            }
            return;
        }
        self.tasks.spawn_blocking(move || {
            let outcomes = finish(pipeline.as_deref(), items, raw);
            let _ = words.blocking_send(Word::Ended { outcomes, took });
        });
    }

    fn run(&mut self, pipeline: &P, items: &[Ready<P>]) -> Result<Vec<P::Raw>, Failure> {
        let engine = if let Some(engine) = self.engine.as_mut() {
            engine
        } else {
            let loaded = load::<P>(&self.model, self.runtime.as_ref())?;
            self.engine.insert(loaded)
        };
        let batch: Vec<&P::Prepared> = items.iter().map(|item| &item.prepared).collect();
        let tensors = pipeline.collate(&batch);
        caught(|| P::run(engine, &tensors))
    }
}

fn load<P: Pipeline>(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<P::Engine, Failure> {
    let started = Instant::now();
    let loaded = P::load(model, runtime).map_err(|error| {
        tracing::error!(%error, model = model.card.name, "the model cannot be loaded");
        Failure::transient(FailureCode::ModelUnavailable, "the model cannot be loaded")
    })?;
    tracing::info!(model = model.card.name, took = ?started.elapsed(), "model loaded");
    Ok(loaded)
}

fn finish<P: Pipeline>(
    pipeline: Option<&P>,
    items: Vec<Ready<P>>,
    raw: Result<Vec<P::Raw>, Failure>,
) -> Vec<(JobId, u32, Ended)> {
    let mut raw = match raw {
        Ok(raw) => raw.into_iter().map(Ok).collect::<Vec<_>>().into_iter(),
        Err(failure) => items.iter().map(|_| Err(failure.clone())).collect::<Vec<_>>().into_iter(),
    };
    items
        .into_iter()
        .map(|item| {
            let ended = match (raw.next(), pipeline) {
                (Some(Ok(raw)), Some(pipeline)) => caught(|| pipeline.finish(item.prepared, raw)),
                (Some(Err(failure)), _) => Err(failure),
                _ => Err(Failure::permanent(
                    FailureCode::InferenceFailed,
                    "the model gave fewer answers than it got items",
                )),
            };
            (item.job, item.index, ended)
        })
        .collect()
}

/// A panic in a pipeline is a failure of the item, not of the worker.
fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Failure::permanent(FailureCode::Internal, "the pipeline panicked; the worker's log says where"))
    })
}
