//! The emotion API: which of six emotions a text shows, of one text or of a hundred.

mod batch;
mod emotions;
mod error;
mod health;
mod id;
mod message;
mod model;
mod predict;
mod stats;

pub use batch::{BatchPredictRequest, BatchPredictResponse, BatchPrediction, batch};
pub use emotions::Emotion;
pub use error::{ErrorResponse, error};
pub use health::HealthResponse;
pub use id::{Ids, is_id};
pub use message::{PredictAnswer, PredictMessage, message, refused};
pub use model::{ModelDetail, ModelInfo, find, listed};
pub use predict::{Metadata, PredictRequest, PredictResponse, predict};
pub use stats::{Lately, Latency, StatsResponse};

/// What all of this is about, in the document's words.
const TASK: &str = "emotion-recognition";

#[cfg(test)]
mod tests;
