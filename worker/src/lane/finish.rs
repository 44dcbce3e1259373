//! What the model gave becomes answers, and their media go to the object store.

use std::panic::{AssertUnwindSafe, catch_unwind};

use forebay_shared::cache::CacheKey;
use forebay_shared::job::{Failure, FailureCode};

use super::memory::Held;
use super::work::{Outcome, Ready};
use crate::cache::Keep;
use crate::pipeline::{Answer, Pipeline};
use crate::shelf::{Label, Shelf, Shelved};

/// What an item became, with its media still in memory.
pub(super) struct Made {
    label: Label,
    of_bulk: bool,
    answer: Result<Answer, Failure>,
    key: Option<CacheKey>,
    /// Its part of the room for pictures, until its media are stored.
    memory: Held,
}

/// Makes answers of what the model gave for a batch, or of its failure.
pub(super) fn finish<P: Pipeline>(
    pipeline: Option<&P>,
    items: Vec<Ready<P>>,
    raw: Result<Vec<P::Raw>, Failure>,
) -> Vec<Made> {
    let mut raw = match raw {
        Ok(raw) => raw.into_iter().map(Ok).collect::<Vec<_>>().into_iter(),
        Err(failure) => items.iter().map(|_| Err(failure.clone())).collect::<Vec<_>>().into_iter(),
    };
    items
        .into_iter()
        .map(|item| {
            let answer = match (raw.next(), pipeline) {
                (Some(Ok(raw)), Some(pipeline)) => caught(|| pipeline.finish(item.prepared, raw)),
                (Some(Err(failure)), _) => Err(failure),
                _ => Err(Failure::permanent(
                    FailureCode::InferenceFailed,
                    "the model gave fewer answers than it got items",
                )),
            };
            let label = Label { job: item.job, lease: item.lease, item: item.index };
            Made { label, of_bulk: item.of_bulk, answer, key: item.key, memory: item.memory }
        })
        .collect()
}

impl Made {
    /// Whether there is something to store.
    pub(super) fn has_media(&self) -> bool {
        !self.of_bulk && self.answer.as_ref().is_ok_and(|answer| !answer.media.is_empty())
    }

    /// What became of an item that has no media, or whose media nobody wants: a line's answer is its line.
    pub(super) fn plain(self) -> Outcome {
        let shelved = |answer: Answer| {
            // An answer without the media that go with it is not to be given again.
            let key = self.key.filter(|_| answer.media.is_empty());
            let keep = key.map(|key| Keep { key, at: None });
            Shelved { keep, ..Shelved::from(answer.output) }
        };
        (self.label.job, self.label.item, self.answer.map(shelved))
    }

    /// What became of the item, its media stored.
    pub(super) async fn shelved(mut self, media: &Shelf) -> Outcome {
        if !self.has_media() {
            return self.plain();
        }
        let ended = match self.answer {
            Ok(answer) => {
                self.memory.shrink(answer.media.iter().map(|medium| medium.bytes.len()).sum());
                let keep = match self.key {
                    Some(key) => media.cache.put_media(self.label.lease.worker, key, &answer).await,
                    None => None,
                };
                media.store(self.label, answer).await.map(|shelved| Shelved { keep, ..shelved })
            }
            Err(failure) => Err(failure),
        };
        (self.label.job, self.label.item, ended)
    }
}

/// A panic in a pipeline is a failure of the item, not of the worker.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Failure::permanent(FailureCode::Internal, "the pipeline panicked; the worker's log says where"))
    })
}
