//! The thread that owns a model: nothing else runs it, and nothing takes it away while it runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use forebay_shared::job::{Failure, FailureCode};
use forebay_shared::shutdown::Tasks;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::finish::{Made, caught, finish};
use super::parts::LaneParts;
use super::work::{Outcome, Ran, Ready, Word, Work};
use crate::bucket;
use crate::check::sample;
use crate::model::{ModelFiles, Runtime};
use crate::pipeline::Pipeline;
use crate::quarantine::Sealed;
use crate::residence::{Guest, Residence, Slot};
use crate::shelf::Shelf;

/// Batches with the model's thread: one that runs, and one that could not grow any further.
pub(super) const IN_HAND: u32 = 2;

/// Wishes to load that wait there: one at a time.
const LOADS: usize = 1;

/// What a model's thread is to do.
enum Errand<P: Pipeline> {
    /// To run a batch.
    Run(Work<P>),
    /// To load the model if it is not loaded, and to warm it up.
    Load,
}

/// The way to a model's thread.
pub(super) struct Engine<P: Pipeline> {
    errands: mpsc::Sender<Errand<P>>,
    /// Whether it is asked to load already.
    asked: Arc<AtomicBool>,
    words: mpsc::Sender<Word>,
    tasks: Tasks,
}

impl<P: Pipeline> Clone for Engine<P> {
    fn clone(&self) -> Self {
        let (errands, asked) = (self.errands.clone(), self.asked.clone());
        Self { errands, asked, words: self.words.clone(), tasks: self.tasks.clone() }
    }
}

impl<P: Pipeline> Engine<P> {
    /// Starts the thread. The model is loaded when its first batch comes, or at once if it is to be warm.
    pub(super) fn start(model: ModelFiles, parts: &LaneParts, words: mpsc::Sender<Word>) -> Self {
        let tasks = &parts.tasks;
        let (errands, mut waiting) = mpsc::channel::<Errand<P>>(IN_HAND as usize + LOADS);
        let asked = Arc::new(AtomicBool::new(false));
        let heard = asked.clone();
        let load = &model.manifest.load;
        let guest = Guest {
            name: model.card.name.clone(),
            bytes: model.bytes,
            keep_alive: load.keep_alive.map_or(parts.keep_alive, |keep| Some(keep.get())),
        };
        let is_warm = load.warm_up.unwrap_or(parts.warm_up);
        let host = Host::<P> {
            model,
            runtime: parts.runtime.clone(),
            residence: parts.residence.clone(),
            guest,
            slot: Slot::default(),
            words: words.clone(),
            shelf: parts.shelf.clone(),
            tasks: tasks.clone(),
        };
        let handle = tokio::runtime::Handle::current();
        let name = format!("model {}", host.model.card.name);
        let started = std::thread::Builder::new().name(name).spawn(move || {
            let _entered = handle.enter();
            if is_warm {
                host.warm_up();
            }
            while let Some(errand) = waiting.blocking_recv() {
                match errand {
                    Errand::Run(work) => host.serve(work),
                    Errand::Load => {
                        heard.store(false, Ordering::Release);
                        host.warm_up();
                    }
                }
            }
            host.residence.leave(&host.slot);
        });
        if let Err(error) = started {
            tracing::error!(%error, "the model's thread could not be started");
        }
        Self { errands, asked, words, tasks: tasks.clone() }
    }

    /// Asks for the model to be loaded, unless that is asked already.
    pub(super) fn load(&self) {
        if !self.asked.swap(true, Ordering::AcqRel) {
            // A thread that is gone is noticed by the next batch.
            let _ = self.errands.try_send(Errand::Load);
        }
    }

    /// Hands a batch over. The lane never has more in hand than the thread takes.
    pub(super) fn send(&self, work: Work<P>) {
        if self.errands.try_send(Errand::Run(work)).is_err() {
            // A worker that goes on beating would keep these jobs for ever; one that stops gives them back.
            tracing::error!("the model's thread is gone; the worker stops");
            self.tasks.stop();
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
    residence: Residence,
    guest: Guest,
    slot: Slot<P::Engine>,
    words: mpsc::Sender<Word>,
    shelf: Shelf,
    tasks: Tasks,
}

impl<P: Pipeline> Host<P> {
    fn serve(&self, work: Work<P>) {
        let Work { number, items, pipeline, sealed } = work;
        let started = Instant::now();
        let ready = pipeline
            .ok_or_else(|| Failure::permanent(FailureCode::Internal, "the batch came before its pipeline"))
            .and_then(|pipeline| self.load().map(|()| pipeline));
        // Loading takes no turn: whoever runs goes on meanwhile.
        let _turn = self.residence.turn();
        match ready {
            Err(failure) => self.end((number, false), None, items, (Err(failure), started.elapsed()), sealed),
            Ok(pipeline) => {
                let raw = self.run(&pipeline, &items);
                let took = started.elapsed();
                match raw {
                    Err(failure) if items.len() > 1 => {
                        self.serve_parts(number, &pipeline, self.split(items, &failure), sealed);
                    }
                    raw => self.end((number, false), Some(pipeline), items, (raw, took), sealed),
                }
            }
        }
    }

    /// Runs the parts of a batch that failed, the last first.
    fn serve_parts(
        &self,
        number: u64,
        pipeline: &Arc<P>,
        mut parts: Vec<Vec<Ready<P>>>,
        sealed: Option<Sealed>,
    ) {
        let mut ends = Vec::with_capacity(parts.len());
        while let Some(part) = parts.pop() {
            let started = Instant::now();
            match self.run(pipeline, &part) {
                Err(failure) if part.len() > 1 => parts.extend(self.split(part, &failure)),
                raw => {
                    let raw = (raw, started.elapsed());
                    ends.push(self.finish((number, true), Some(pipeline.clone()), part, raw));
                }
            }
        }
        self.free(sealed, ends);
    }

    /// What to run of a batch that failed: its halves if memory was short, which the lane will know from now on; else its
    /// items one by one, since one bad item never fails another.
    fn split(&self, mut items: Vec<Ready<P>>, failure: &Failure) -> Vec<Vec<Ready<P>>> {
        let model = self.model.card.name.clone();
        if failure.code != FailureCode::OutOfMemory {
            tracing::warn!(model, items = items.len(), %failure, "a batch failed; its items run one by one");
            return items.into_iter().map(|item| vec![item]).collect();
        }
        let longest = items.iter().map(|item| P::length(&item.prepared).max(1)).max().unwrap_or(1);
        let ceiling = u64::from(bucket::padded(longest)) * items.len() as u64 / 2;
        tracing::warn!(model, items = items.len(), ceiling, %failure, "memory is short; the batch is halved");
        metrics::counter!("forebay_batches_out_of_memory_total", "model" => model).increment(1);
        self.say(Word::Ceiling(ceiling));
        let half = items.split_off(items.len() / 2);
        vec![items, half]
    }

    /// Makes answers of what the model gave, and says that the device is free.
    fn end(
        &self,
        batch: (u64, bool),
        pipeline: Option<Arc<P>>,
        items: Vec<Ready<P>>,
        raw: (Result<Vec<P::Raw>, Failure>, Duration),
        sealed: Option<Sealed>,
    ) {
        if sealed.is_none() {
            self.say(Word::Free(None));
        }
        let end = self.finish(batch, pipeline, items, raw);
        if sealed.is_some() {
            self.free(sealed, vec![end]);
        }
    }

    /// Says that the device is free: of suspects when their answers are made too, since that may be what they die of.
    fn free(&self, sealed: Option<Sealed>, ends: Vec<JoinHandle<()>>) {
        if sealed.is_none() {
            return self.say(Word::Free(None));
        }
        let words = self.words.clone();
        self.tasks.spawn("free", async move {
            futures::future::join_all(ends).await;
            let _ = words.send(Word::Free(sealed)).await;
        });
    }

    /// Makes answers of what the model gave, on another thread; tells the lane when their media are stored too.
    fn finish(
        &self,
        (number, split): (u64, bool),
        pipeline: Option<Arc<P>>,
        items: Vec<Ready<P>>,
        (raw, took): (Result<Vec<P::Raw>, Failure>, Duration),
    ) -> JoinHandle<()> {
        let (words, media, tasks) = (self.words.clone(), self.shelf.clone(), self.tasks.clone());
        self.tasks.spawn_blocking(move || {
            let made = finish(pipeline.as_deref(), items, raw);
            let ran = move |outcomes| Word::Ran(Ran { number, split, outcomes, took });
            // A lane that is gone does not wait for word.
            if made.iter().any(Made::has_media) {
                tasks.spawn("media", async move {
                    let mut outcomes: Vec<Outcome> = Vec::with_capacity(made.len());
                    for made in made {
                        outcomes.push(made.shelved(&media).await);
                    }
                    let _ = words.send(ran(outcomes)).await;
                });
            } else {
                let _ = words.blocking_send(ran(made.into_iter().map(Made::plain).collect()));
            }
        })
    }

    fn say(&self, word: Word) {
        // A lane that is gone does not wait for word.
        let _ = self.words.blocking_send(word);
    }

    /// Loads the model if it is not loaded.
    fn load(&self) -> Result<(), Failure> {
        let load = || caught(|| load::<P>(&self.model, self.runtime.as_ref()));
        self.residence.enter(&self.guest, &self.slot, load)
    }

    /// Loads the model, unless it is loaded, and runs one sample, so that the first client waits for neither. What fails now will be told to the
    /// client whose job it fails.
    fn warm_up(&self) {
        if self.slot.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return;
        }
        let ran = self.load().and_then(|()| {
            let _turn = self.residence.turn();
            let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.as_mut().map_or(Ok(()), |engine| caught(|| sample::run_first::<P>(&self.model, engine)))
        });
        if let Err(failure) = ran {
            tracing::warn!(model = self.guest.name, %failure, "the model could not be warmed up");
        }
    }

    fn run(&self, pipeline: &P, items: &[Ready<P>]) -> Result<Vec<P::Raw>, Failure> {
        let batch: Vec<&P::Prepared> = items.iter().map(|item| &item.prepared).collect();
        let raw = loop {
            let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(engine) = slot.as_mut() {
                break caught(|| P::run(engine, &pipeline.collate(&batch)?))?;
            }
            // Somebody needed its room in the moment between.
            drop(slot);
            self.load()?;
        };
        self.residence.used(&self.slot);
        if raw.len() != items.len() {
            let message = format!("the model gave {} answers for {} items", raw.len(), items.len());
            return Err(Failure::permanent(FailureCode::InferenceFailed, message));
        }
        Ok(raw)
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
