//! Items whose answers were kept from earlier: they need no run.

use std::collections::HashMap;

use forebay_shared::cache::{CacheKey, Content, Question, Scope};
use forebay_shared::job::{Object, Params};

use super::{Held, Job, Step, Todo, failed, panicked};
use crate::lane::reader::File;
use crate::pipeline::{Answer, Material, Pipeline};
use crate::shelf::{Ended, Label, Shelved};

impl<P: Pipeline> Job<P> {
    /// Gives texts their kept answers, and answers with those that have none, each with its key: one question for all.
    pub(super) async fn unknown(&self, texts: Vec<Todo<Material>>) -> Vec<Todo<Material>> {
        let Some(scope) = self.scope().filter(|_| !texts.is_empty()) else { return texts };
        let indices: Vec<u32> = texts.iter().map(|text| text.index).collect();
        let params = self.claimed.params.clone();
        let hash = move || {
            let common = scope.question(&params);
            let question = |own: &Object| {
                if own.is_empty() { common.clone() } else { scope.question(&Params::merge(&params, own)) }
            };
            let hashed = |text: Todo<Material>| {
                let question = question(&text.own);
                text.hashed(question)
            };
            texts.into_iter().map(hashed).collect()
        };
        let hashed: Result<Vec<Todo<Material>>, _> = self.shared.tasks.spawn_blocking(hash).await;
        let Ok(texts) = hashed else {
            self.send(indices.iter().map(|index| failed(*index, &panicked())).collect()).await;
            return Vec::new();
        };
        let (askers, keys): (Vec<u32>, Vec<CacheKey>) =
            texts.iter().filter_map(|text| Some((text.index, text.key?))).unzip();
        if keys.is_empty() {
            return texts;
        }
        let (cache, asked) = (&self.shared.shelf.cache, keys.len());
        let found = cache.find(&self.claimed.owner, keys).await;
        let (known, places): (Vec<u32>, Vec<_>) =
            askers.into_iter().zip(found).filter_map(|(index, found)| Some((index, found?))).unzip();
        let mut answers: HashMap<u32, Answer> = known
            .into_iter()
            .zip(cache.read(places).await)
            .filter_map(|(index, answer)| Some((index, answer?)))
            .collect();
        let (mut given, mut unknown) = (Vec::with_capacity(answers.len()), Vec::new());
        for text in texts {
            match answers.remove(&text.index) {
                Some(answer) => {
                    let ended = self.give(text.index, answer).await;
                    given.push((text.index, Step::Ended(ended), Held::nothing()));
                }
                None => unknown.push(text),
            }
        }
        self.count(given.len(), asked - given.len());
        if !given.is_empty() {
            self.send(given).await;
        }
        unknown
    }

    /// Gives a picture its kept answer. If it has none it comes back, with its key.
    pub(super) async fn unknown_file(
        &self,
        index: u32,
        file: File,
        own: &Object,
    ) -> Option<(File, Option<CacheKey>)> {
        let Some(scope) = self.scope() else { return Some((file, None)) };
        let (bytes, params) = (file.bytes.clone(), over(&self.claimed.params, own));
        let hash = move || scope.key(&params, Content::File(&bytes));
        let Ok(Some(key)) = self.shared.tasks.spawn_blocking(hash).await else { return Some((file, None)) };
        let cache = &self.shared.shelf.cache;
        let Some(place) = cache.find(&self.claimed.owner, vec![key]).await.pop().flatten() else {
            self.count(0, 1);
            return Some((file, Some(key)));
        };
        let _turn = cache.turn().await;
        let Some(answer) = cache.read(vec![place]).await.pop().flatten() else {
            self.count(0, 1);
            return Some((file, Some(key)));
        };
        drop(file);
        let ended = self.give(index, answer).await;
        self.count(1, 0);
        self.send(vec![(index, Step::Ended(ended), Held::nothing())]).await;
        None
    }

    fn scope(&self) -> Option<Scope> {
        self.shared.shelf.cache.scope(&self.claimed, &self.shared.model.card)
    }

    /// A kept answer as this item's. Its media become objects of this job's, so that either may be deleted.
    async fn give(&self, item: u32, answer: Answer) -> Ended {
        let label = Label { job: self.claimed.id, lease: self.claimed.lease, item };
        let shelved = if answer.media.is_empty() || self.claimed.bulk.is_some() {
            Shelved::from(answer.output)
        } else {
            self.shared.shelf.store(label, answer).await?
        };
        Ok(Shelved { cached: true, ..shelved })
    }

    fn count(&self, hits: usize, misses: usize) {
        let model = || self.claimed.model.clone();
        metrics::counter!("forebay_cache_hits_total", "model" => model()).increment(hits as u64);
        metrics::counter!("forebay_cache_misses_total", "model" => model()).increment(misses as u64);
    }
}

impl Todo<Material> {
    /// With the key of what is asked.
    fn hashed(self, question: Option<Question>) -> Self {
        let content = match &self.material {
            Material::Text(text) => Content::Text(text),
            Material::Pair(text, pair) => Content::Pair(text, pair),
            Material::Tokens(ids) => Content::Tokens(ids),
            Material::Image(bytes) => Content::File(bytes),
            Material::Tensors(tensors) => Content::Tensors(tensors),
        };
        let key = question.map(|question| question.key(content));
        Self { key, ..self }
    }
}

/// An item's own parameters over its job's.
fn over(params: &Object, own: &Object) -> Object {
    if own.is_empty() { params.clone() } else { Params::merge(params, own) }
}
