//! The words Forebay's programs agree on.
//!
//! `id` and `clock` carry `job` and `bulk`; these carry the seams `store`, `queue`, `events`, `blobs` and `fetch`. Drivers are known to
//! nobody but their parent. Nothing here serves HTTP or runs a model. Without the feature `seams` only the words are left.
#![warn(missing_docs)]

#[cfg(feature = "seams")]
pub mod amqp;
pub mod apikey;
#[cfg(feature = "seams")]
pub mod blobs;
pub mod bulk;
pub mod cache;
#[cfg(feature = "seams")]
pub mod catalog;
pub mod clock;
pub mod config;
pub mod entropy;
#[cfg(feature = "seams")]
pub mod events;
#[cfg(feature = "seams")]
pub mod fetch;
pub mod file;
#[cfg(feature = "seams")]
pub mod handover;
pub mod hub;
pub mod id;
pub mod job;
pub mod model;
pub mod picture;
#[cfg(feature = "seams")]
pub mod queue;
pub mod rate;
pub mod registry;
pub mod residency;
mod retry_after;
#[cfg(feature = "seams")]
pub mod schedule;
#[cfg(feature = "seams")]
pub mod segment;
#[cfg(feature = "seams")]
pub mod shutdown;
#[cfg(feature = "seams")]
pub mod store;
#[cfg(feature = "seams")]
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod webhook;
mod words;

pub use words::UnknownWord;
