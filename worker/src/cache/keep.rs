//! Keeping answers: small ones in rows, the larger ones of a group in one object for each owner.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use forebay_shared::cache::{self, CacheKey, FOLDER};
use forebay_shared::id::WorkerId;
use forebay_shared::segment::SEGMENT_LIMIT;
use forebay_shared::store::{KeptAt, NewKept};

use super::{Cache, Keep, PATIENCE, failed};
use crate::pipeline::Answer;
use crate::settle::Finished;
use crate::shelf::Shelved;

/// Answers that are to be kept.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    /// Those that stand somewhere already, or are small.
    rows: Vec<NewKept>,
    objects: Vec<Object>,
    seen: HashSet<CacheKey>,
}

/// Larger answers of one owner, that are stored together.
#[derive(Debug)]
struct Object {
    owner: String,
    bytes: Vec<u8>,
    answers: Vec<(CacheKey, u64, u64)>,
}

impl Keeping {
    fn add(&mut self, owner: &str, shelved: &Shelved, inline: usize) {
        let Some(Keep { key, at }) = &shelved.keep else { return };
        if !self.seen.insert(*key) {
            return;
        }
        let owner = owner.to_owned();
        if let Some(at) = at.clone() {
            return self.rows.push(NewKept { owner, key: *key, at });
        }
        let written = cache::write(&shelved.output, &[]);
        match String::from_utf8(written) {
            Ok(answer) if answer.len() <= inline => {
                self.rows.push(NewKept { owner, key: *key, at: KeptAt::Row(answer) });
            }
            Ok(answer) => self.add_large(owner, *key, answer.as_bytes()),
            Err(_) => {}
        }
    }

    fn add_large(&mut self, owner: String, key: CacheKey, answer: &[u8]) {
        let has_room =
            |object: &Object| object.owner == owner && object.bytes.len() + answer.len() <= SEGMENT_LIMIT;
        let place = self.objects.iter().position(has_room).unwrap_or_else(|| {
            self.objects.push(Object { owner, bytes: Vec::new(), answers: Vec::new() });
            self.objects.len() - 1
        });
        let object = &mut self.objects[place];
        object.answers.push((key, object.bytes.len() as u64, answer.len() as u64));
        object.bytes.extend_from_slice(answer);
    }
}

impl Cache {
    /// What is to be kept of these jobs. Work for a thread where that may take its time.
    pub(crate) fn keeping(&self, jobs: &[Finished]) -> Keeping {
        let mut keeping = Keeping::default();
        if let Some(open) = &self.0 {
            for job in jobs {
                for shelved in job.outcomes.iter().flatten() {
                    keeping.add(&job.claimed.owner, shelved, open.inline);
                }
            }
        }
        keeping
    }

    /// Keeps answers. Whoever is told of their jobs after this finds them.
    pub(crate) async fn keep(&self, worker: WorkerId, keeping: Keeping) {
        let Some(open) = &self.0 else { return };
        if keeping.rows.is_empty() && keeping.objects.is_empty() {
            return;
        }
        let kept = async {
            let Keeping { mut rows, objects, .. } = keeping;
            for Object { owner, bytes, answers } in objects {
                let Some(object) = self.put(worker, bytes.into()).await else { continue };
                rows.extend(answers.into_iter().map(|(key, offset, length)| NewKept {
                    owner: owner.clone(),
                    key,
                    at: KeptAt::Object { key: object.clone(), offset, length },
                }));
            }
            match open.store.keep_cached(&rows, open.ttl).await {
                Ok(new) => {
                    metrics::counter!("forebay_cache_kept_total").increment(new.len() as u64);
                    self.clear_up(&rows, &new).await;
                }
                Err(error) => failed("keep", &error),
            }
        };
        // What is stored and then not named is swept.
        if let Err(late) = tokio::time::timeout(PATIENCE, kept).await {
            failed("keep", &late);
        }
    }

    /// Stores an answer with its media, before these are given up.
    pub(crate) async fn put_media(&self, worker: WorkerId, key: CacheKey, answer: &Answer) -> Option<Keep> {
        let media: Vec<_> =
            answer.media.iter().map(|medium| (medium.content_type.clone(), medium.bytes.clone())).collect();
        let written = Bytes::from(cache::write(&answer.output, &media));
        let length = written.len() as u64;
        let object = self.put(worker, written).await?;
        Some(Keep { key, at: Some(KeptAt::Object { key: object, offset: 0, length }) })
    }

    async fn put(&self, worker: WorkerId, bytes: Bytes) -> Option<String> {
        let open = self.0.as_ref()?;
        let key = format!("{FOLDER}/{worker}/{:010}", open.sequence.fetch_add(1, Ordering::Relaxed));
        match open.blobs.put(&key, bytes).await {
            Ok(()) => Some(key),
            Err(error) => {
                failed("keep", &error);
                None
            }
        }
    }

    /// Removes objects of which no answer was kept, since all were kept before.
    async fn clear_up(&self, rows: &[NewKept], new: &[CacheKey]) {
        let Some(open) = &self.0 else { return };
        let new: HashSet<&CacheKey> = new.iter().collect();
        let object = |row: &NewKept| match &row.at {
            KeptAt::Object { key, .. } => Some(key.clone()),
            KeptAt::Row(_) => None,
        };
        let named: HashSet<_> = rows.iter().filter(|row| new.contains(&row.key)).filter_map(object).collect();
        let mut unnamed: Vec<_> =
            rows.iter().filter_map(object).filter(|object| !named.contains(object)).collect();
        unnamed.dedup();
        if let Err(error) = open.blobs.delete(&unnamed).await {
            failed("keep", &error);
        }
    }
}
