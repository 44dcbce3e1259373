//! Their words, our items and outcomes: one file per dialect.
//!
//! A dialect is a translation: it knows no HTTP server, no database and no tensors, so that the api, the scheduler and the
//! workers can all speak it. All translate refusals; requests and answers come with the dialects themselves, of OpenAI, Ollama, TEI, KServe,
//! the emotion API and image tasks.
#![warn(missing_docs)]

pub mod bulk;
pub mod call;
pub mod emotion;
mod fault;
pub mod images;
mod inputs;
pub mod item;
pub mod kserve;
pub mod ollama;
pub mod openai;
pub mod records;
mod refusal;
pub mod table;
pub mod tei;
mod text_or;

pub use fault::{Fault, FaultCode, excerpt, read};
pub use refusal::Refusal;
pub use text_or::TextOr;
