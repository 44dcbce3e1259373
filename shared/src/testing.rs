//! What tests of every crate share: sample jobs, fixed clocks, and where the real services are.

pub mod graph;
mod hub;
mod receiver;
mod services;
mod watched;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::blobs::Blobs;
use crate::clock::{ManualClock, SystemClock};
use crate::config::{
    BulkConfig, CacheConfig, HubConfig, ModerationConfig, RegistryConfig, Secret, Size, Span,
};
use crate::entropy::{OsEntropy, SeededEntropy};
use crate::id::Ids;
use crate::job::{Class, Cost, Idempotency, Input, Item, ItemsAt, Keep, Kind, NewJob, Object};
use crate::model::ModelCard;
use crate::registry::{Promised, Registrar};
use crate::schedule::Template;
use crate::store::Store;
pub use hub::{Asked, Manner, StandIn};
pub use receiver::{Received, Receiver};
pub use services::Services;
pub use watched::{Fault, Watched};

/// Ids that are the same in every run, at the instant that `clock` shows.
pub fn fixed_ids(clock: &ManualClock) -> Ids {
    Ids::new(Arc::new(clock.clone()), Arc::new(SeededEntropy::new(7)))
}

/// Ids that no other test run has.
pub fn fresh_ids() -> Ids {
    Ids::new(Arc::new(SystemClock), Arc::new(OsEntropy))
}

/// A word that no other test run uses, for the names of databases, queues and buckets.
pub fn fresh_word() -> String {
    format!("t{}", fresh_ids().uuid().simple())
}

/// The card of a model that exists in no directory.
pub fn card(name: &str, kind: Kind) -> ModelCard {
    ModelCard {
        name: name.to_owned(),
        owner: None,
        registered: false,
        digest: "00".repeat(32),
        bytes: Some(1000),
        kind,
        aliases: Vec::new(),
        description: String::new(),
        licence: "Apache-2.0".to_owned(),
        owned_by: "forebay".to_owned(),
        labels: Vec::new(),
        prompts: Vec::new(),
        max_tokens: Some(128),
        dimensions: None,
        inputs: Vec::new(),
        outputs: Vec::new(),
        batch_cost: 64,
        file: format!("{name}/onnx/model.onnx"),
    }
}

/// No answers are kept, and if they were, for a day.
pub fn cache_config() -> CacheConfig {
    CacheConfig {
        enabled: false,
        ttl: Span::new(Duration::from_hours(24)),
        max_bytes: Size::new(1 << 30),
        inline: Size::new(16 << 10),
    }
}

/// Small models.
pub fn registry_config() -> RegistryConfig {
    RegistryConfig {
        max_files: 20,
        max_bytes: Size::new(32 << 20),
        max_models: 5,
        disk_reserve: Size::new(0),
    }
}

/// A registrar that takes every folder for a model but one with a file `unservable`. It unpacks below `data`.
pub fn registrar(store: Arc<dyn Store>, blobs: &Blobs, ids: &Ids, data: &Path) -> Registrar {
    fn examine(folder: &Path, name: &str) -> Result<ModelCard, String> {
        let file = folder.join("unservable");
        if file.exists() {
            return Err(format!("{}: it says so itself", file.display()));
        }
        Ok(card(name, Kind::Echo))
    }
    let (blobs, ids, limits) = (blobs.clone(), ids.clone(), registry_config());
    Registrar {
        store,
        blobs,
        ids,
        limits,
        scratch: data.join("scratch"),
        examine,
        promised: Promised::default(),
    }
}

/// A hub at this address, with the defaults of `cli/config.default.toml`.
pub fn hub_config(endpoint: &str) -> HubConfig {
    HubConfig {
        endpoint: endpoint.to_owned(),
        token: Secret::new(""),
        token_owners: Vec::new(),
        timeout: Span::new(Duration::from_secs(30)),
        pulls: 2,
        files: 4,
        keep: Span::new(Duration::from_hours(24)),
    }
}

/// OpenAI's limits of a bulk, with slices of a second.
pub fn bulk_config() -> BulkConfig {
    BulkConfig {
        max_lines: 50_000,
        max_inputs: 50_000,
        max_bytes: Size::new(200_000_000),
        longest_line: Size::new(1 << 20),
        longest_window: Span::new(Duration::from_hours(720)),
        max_errors: 100,
        readers: 2,
        slice: Span::new(Duration::from_secs(1)),
        keep: Span::new(Duration::from_hours(720)),
    }
}

/// Nobody judges texts.
pub fn no_moderation() -> ModerationConfig {
    ModerationConfig { model: String::new(), threshold: 0.5, categories: [].into() }
}

/// A job of one text for `echo`, owned by `owner`.
pub fn sample_job(ids: &Ids, owner: &str) -> NewJob {
    let item = Item { input: Input::Text("hello".to_owned()), params: Object::new() };
    NewJob {
        id: ids.job(),
        owner: owner.to_owned(),
        model: "echo".to_owned(),
        model_digest: "00".repeat(32),
        class: Class::Interactive,
        priority: 0,
        item_count: 1,
        cost: Cost::new(1),
        items: ItemsAt::Row(ItemsAt::encode(&[item])),
        params: Object::new(),
        metadata: Object::new(),
        blobs: Vec::new(),
        blob_bytes: 0,
        idempotency: None,
        max_attempts: 3,
        waiter: None,
        published: true,
        keep: Keep::all(Duration::from_hours(1)),
        client_id: None,
        key: None,
        run_at: None,
        start_by: None,
        finish_by: None,
        webhook: None,
        bulk: None,
        trace: None,
    }
}

/// A template of one text for `echo`.
pub fn sample_template() -> Template {
    Template {
        model: "echo".to_owned(),
        class: Class::Interactive,
        priority: 0,
        max_attempts: 3,
        params: Object::new(),
        metadata: Object::new(),
        items: vec![Item { input: Input::Text("hello".to_owned()), params: Object::new() }],
        keep: Keep::all(Duration::from_hours(1)),
        start_within: None,
        finish_within: None,
        webhook: None,
        key: None,
    }
}

/// The same job under an idempotency key.
pub fn keyed(mut job: NewJob, key: &str, body: u8, clock: &dyn crate::clock::Clock) -> NewJob {
    job.idempotency = Some(Idempotency {
        key: key.to_owned(),
        fingerprint: [body; 32],
        expires_at: clock.now().plus(Duration::from_hours(24)),
    });
    job
}

/// What the test command tells through the environment; a test that needs it must fail without it, never skip.
#[expect(clippy::disallowed_methods, reason = "this is the door through which tests read the environment")]
pub fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `cargo xtask test`"))
}

/// What whoever runs the tests may say through the environment.
#[expect(clippy::disallowed_methods, reason = "this is the door through which tests read the environment")]
pub fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Sixteen kibibytes, the bound of what stands in a row.
pub const INLINE: Size = Size::new(16 * 1024);
