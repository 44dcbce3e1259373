//! The words Forebay's programs agree on.
//!
//! `id` and `clock` carry `job`; `job` carries the seams `store`, `queue`, `events`, `blobs` and `fetch`. Drivers are known to
//! nobody but their parent. Nothing here serves HTTP or runs a model.
#![warn(missing_docs)]

pub mod amqp;
pub mod apikey;
pub mod blobs;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod entropy;
pub mod events;
pub mod fetch;
pub mod handover;
pub mod id;
pub mod job;
pub mod model;
pub mod picture;
pub mod queue;
pub mod segment;
pub mod shutdown;
pub mod store;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod words;

pub use words::UnknownWord;
