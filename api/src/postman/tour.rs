//! In which order requests make sense, what they are filled with, and what of an answer the next one names.
//!
//! Each folder can be run by itself: what it names it has made. What it makes it deletes, where it can be deleted.

mod dialects;
mod openai;
mod ours;
mod work;

use super::stop::{Stop, page, stop};

/// Stops that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Folder {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Its stops, in order.
    pub stops: &'static [Stop],
}

/// The tour, folder by folder.
pub const TOUR: &[Folder] = &[
    Folder {
        name: "Service",
        about: "How it is, what it counts, and how it is documented.",
        stops: &[
            stop("livez"),
            stop("readyz"),
            stop("metrics"),
            page("/openapi.json", "Read the OpenAPI document"),
            page("/openapi-3.0.json", "Read it as OpenAPI 3.0.3"),
            page("/openapi.yaml", "Read it as YAML"),
            page("/postman/collection.json", "Read this collection"),
            page("/postman/environment.json", "Read its environment"),
        ],
    },
    work::JOBS,
    work::PICTURES,
    work::BULK,
    ours::SCHEDULES,
    ours::WEBHOOKS,
    ours::EVENTS,
    ours::QUEUES,
    openai::MODELS,
    openai::FILES,
    openai::BATCHES,
    dialects::EMOTION,
    dialects::EMOTION_V1,
    dialects::IMAGES,
    dialects::OLLAMA,
    dialects::KSERVE,
    dialects::TEI,
];

/// Operations that the tour leaves out, and why.
#[cfg(test)]
pub const LEFT_OUT: &[(&str, &[&str])] = &[
    (
        "they are WebSockets, which this format of collections does not know",
        &["open_socket", "emotion_socket", "emotion_socket_v1"],
    ),
    (
        "they take from their caller what it may still need",
        &["forget_cache", "rotate_default_webhook_secret"],
    ),
    (
        "they send something to a receiver, or name what was sent to one",
        &["test_webhook", "replay_webhook_delivery"],
    ),
    (
        "they are about a model that somebody brought, and a collection brings no files along",
        &[
            "import_model",
            "copy_model",
            "delete_model",
            "ollama_copy",
            "ollama_delete",
            "ollama_create",
            "ollama_has_blob",
            "ollama_upload_blob",
            "ollama_delete_blob",
            "ollama_delete_one_blob",
            "pull_model",
            "ollama_pull",
        ],
    ),
    ("it is not offered, and says so", &["ollama_push"]),
    (
        "they succeed only where the configuration or a model that is not there says so",
        &["create_moderation", "create_image"],
    ),
];
