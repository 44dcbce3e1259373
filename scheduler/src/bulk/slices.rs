//! A bulk's slices, as jobs.

use std::time::Duration;

use forebay_shared::bulk::{Bulk, Cut, Part, Slice};
use forebay_shared::job::{Class, Cost, ItemsAt, Keep, NewJob, Object};
use forebay_shared::model::Model;

use super::cut::Piece;
use crate::Chores;

/// A slice's job is kept as long as its bulk, which forgets it: longer than any of those.
const KEPT: Duration = Duration::from_hours(24 * 365 * 100);

impl Chores {
    /// What the store is to know of a bulk's file that was read.
    pub(super) fn cut(
        &self,
        bulk: &Bulk,
        models: &[(Model, Cost)],
        (part, pieces): (Part, Vec<Piece>),
        (bad, bad_lines): (Option<(String, u64)>, u64),
    ) -> Cut {
        let mut used: Vec<usize> = pieces.iter().map(|piece| piece.model).collect();
        used.sort_unstable();
        used.dedup();
        let model = match used[..] {
            [only] => Some(models[only].0.card.name.clone()),
            _ => None,
        };
        let slices = pieces
            .into_iter()
            .map(|piece| (self.slice(bulk, &models[piece.model].0, (part, &piece)), piece.lines));
        Cut {
            output_file: self.parts.ids.file(),
            error_file: self.parts.ids.file(),
            bad,
            bad_lines,
            model,
            slices: slices.collect(),
        }
    }

    fn slice(&self, bulk: &Bulk, model: &Model, (part, piece): (Part, &Piece)) -> NewJob {
        let slice = Slice {
            form: bulk.form,
            model: bulk.model.clone(),
            params: bulk.params.clone(),
            part,
            runs: piece.runs.clone(),
        };
        NewJob {
            id: self.parts.ids.job(),
            owner: bulk.owner.clone(),
            model: model.card.name.clone(),
            model_digest: model.card.digest.clone(),
            class: Class::Bulk,
            priority: 0,
            item_count: piece.items,
            items: ItemsAt::File { file: bulk.file.to_string(), lines: slice.encode() },
            cost: piece.cost,
            params: Object::new(),
            metadata: Object::new(),
            blobs: Vec::new(),
            blob_bytes: 0,
            idempotency: None,
            max_attempts: 3,
            waiter: None,
            // The filler hands it over in its turn.
            published: false,
            keep: Keep::all(KEPT),
            client_id: None,
            key: bulk.key,
            run_at: None,
            start_by: None,
            finish_by: Some(bulk.times.expires_at),
            webhook: None,
            bulk: Some(bulk.id),
            trace: None,
        }
    }
}
