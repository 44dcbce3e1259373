//! Looking for kept answers: whoever asks while a statement runs shares the next one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use forebay_shared::blobs::Blobs;
use forebay_shared::cache::{self, CacheKey};
use forebay_shared::file::Piece;
use forebay_shared::store::{KeptAt, Store};
use tokio::sync::{mpsc, oneshot};

use super::{ASKERS, Cache, PATIENCE, failed};
use crate::pipeline::{Answer, Medium};

/// Keys of one statement: some hundred kilobytes.
const KEYS: usize = 2048;

/// Somebody who looks for answers.
#[derive(Debug)]
pub(super) struct Ask {
    owner: String,
    keys: Vec<CacheKey>,
    answer: oneshot::Sender<Vec<Option<KeptAt>>>,
}

/// Answers whoever asks, all who wait together, until nobody can ask any more.
pub(super) async fn answer_all(store: Arc<dyn Store>, mut asks: mpsc::Receiver<Ask>) {
    let mut waiting = Vec::new();
    while asks.recv_many(&mut waiting, ASKERS).await > 0 {
        let asked: Vec<_> =
            waiting.iter().flat_map(|ask| ask.keys.iter().map(|key| (ask.owner.clone(), *key))).collect();
        let mut found = HashMap::new();
        for keys in asked.chunks(KEYS) {
            match store.cached(keys).await {
                Ok(kept) => found.extend(kept),
                Err(error) => failed("find", &error),
            }
        }
        for Ask { owner, keys, answer } in waiting.drain(..) {
            let of = |key| found.get(&(owner.clone(), key)).cloned();
            // Who has waited long enough does without.
            let _ = answer.send(keys.into_iter().map(of).collect());
        }
    }
}

impl Cache {
    /// Where an owner's answers stand, in the order of the keys.
    pub(crate) async fn find(&self, owner: &str, keys: Vec<CacheKey>) -> Vec<Option<KeptAt>> {
        let nothing = vec![None; keys.len()];
        let Some(open) = &self.0 else { return nothing };
        let (answer, answered) = oneshot::channel();
        let ask = Ask { owner: owner.to_owned(), keys, answer };
        let found = async {
            open.asks.send(ask).await.ok()?;
            answered.await.ok()
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(found) => found.unwrap_or(nothing),
            Err(late) => {
                failed("find", &late);
                nothing
            }
        }
    }

    /// Reads answers that were found, in their order; `None`: one cannot be read any more.
    pub(crate) async fn read(&self, found: Vec<KeptAt>) -> Vec<Option<Answer>> {
        let nothing = vec![None; found.len()];
        let Some(open) = &self.0 else { return nothing };
        let Ok(written) = tokio::time::timeout(PATIENCE * 2, bring(&open.blobs, found)).await else {
            failed("read", &"an answer's object takes too long");
            return nothing;
        };
        let read = move || {
            let answer = |written: Bytes| {
                let (output, media) = cache::read(&written)?;
                let medium = |(content_type, bytes)| Medium { content_type, bytes };
                Some(Answer { output, media: media.into_iter().map(medium).collect() })
            };
            written.into_iter().map(|written| written.and_then(answer)).collect()
        };
        open.tasks.spawn_blocking(read).await.unwrap_or(nothing)
    }
}

/// The bytes of answers, those that stand near each other in an object read together.
async fn bring(blobs: &Blobs, found: Vec<KeptAt>) -> Vec<Option<Bytes>> {
    let mut written = vec![None; found.len()];
    let mut objects: BTreeMap<String, Vec<(u64, u64, usize)>> = BTreeMap::new();
    for (place, at) in found.into_iter().enumerate() {
        match at {
            KeptAt::Row(answer) => written[place] = Some(answer.into()),
            KeptAt::Object { key, offset, length } => {
                objects.entry(key).or_default().push((offset, offset + length, place));
            }
        }
    }
    for (key, mut answers) in objects {
        answers.sort_unstable();
        // One may be asked for twice.
        let mut ranges: Vec<_> = answers.iter().map(|(start, end, _)| *start..*end).collect();
        ranges.dedup();
        let size = ranges.iter().map(|range| range.end).max().unwrap_or(0);
        match blobs.ranges(&[Piece::own(&key, size)], &ranges).await {
            Ok(read) => {
                let read: HashMap<u64, Bytes> = ranges
                    .iter()
                    .map(|range| range.start)
                    .zip(read.iter().map(|chunks| joined(chunks)))
                    .collect();
                for (start, _, place) in answers {
                    written[place] = read.get(&start).cloned();
                }
            }
            // It may have been forgotten just now.
            Err(error) => failed("read", &error),
        }
    }
    written
}

fn joined(chunks: &[Bytes]) -> Bytes {
    match chunks {
        [one] => one.clone(),
        chunks => chunks.concat().into(),
    }
}

#[cfg(test)]
mod tests {
    use forebay_shared::clock::ManualClock;
    use forebay_shared::shutdown::Tasks;
    use forebay_shared::store::{NewKept, Sqlite};
    use forebay_shared::testing::Watched;

    use super::*;

    #[tokio::test]
    async fn all_who_wait_share_a_statement_and_hear_of_their_own() {
        let (folder, tasks) = (tempfile::tempdir().unwrap(), Tasks::new());
        let file = folder.path().join("forebay.db");
        let store = Sqlite::open(&file, Arc::new(ManualClock::default()), &tasks).await.unwrap();
        let store = Arc::new(Watched::new(Arc::new(store)));
        let key = |number| CacheKey([number; 32]);
        let at = |owner: &str| KeptAt::Row(owner.to_owned());
        let kept = |owner: &str, number| NewKept { owner: owner.to_owned(), key: key(number), at: at(owner) };
        let life = std::time::Duration::from_mins(1);
        store.behind().keep_cached(&[kept("alice", 1), kept("bob", 2)], life).await.unwrap();
        let (asks, asked) = mpsc::channel(8);
        let mut answers = Vec::new();
        for (owner, keys) in [("alice", vec![key(2), key(1)]), ("bob", vec![key(2)]), ("carol", vec![key(1)])]
        {
            let (answer, answered) = oneshot::channel();
            asks.send(Ask { owner: owner.to_owned(), keys, answer }).await.unwrap();
            answers.push(answered);
        }
        drop(asks);
        answer_all(store.clone(), asked).await;
        assert_eq!(store.calls("cached"), 1);
        let mut heard = Vec::new();
        for answer in answers {
            heard.push(answer.await.unwrap());
        }
        assert_eq!(heard, [vec![None, Some(at("alice"))], vec![Some(at("bob"))], vec![None]]);
        tasks.halt();
    }
}
