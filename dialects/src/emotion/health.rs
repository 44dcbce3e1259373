//! `GET /health`

use forebay_shared::clock::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::TASK;

/// The service can be asked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmotionHealth)]
pub struct HealthResponse {
    /// `healthy`
    #[schema(example = "healthy")]
    status: &'static str,
    /// `m2lorder-api`: the name by which clients of the emotion API know it.
    #[schema(example = "m2lorder-api")]
    service: &'static str,
    /// When it was asked.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// `emotion-recognition`
    #[schema(example = "emotion-recognition")]
    task: &'static str,
}

impl HealthResponse {
    /// What is said at this instant.
    pub fn at(timestamp: Timestamp) -> Self {
        Self { status: "healthy", service: "m2lorder-api", timestamp, task: TASK }
    }
}
