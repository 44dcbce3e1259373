//! The endpoints of Text Embeddings Inference: what they share.

pub mod embed;
pub mod health;
pub mod info;
pub mod predict;
pub mod rerank;
pub mod similarity;

use forebay_dialects::tei::Behind;
use utoipa::ToSchema;

use crate::state::App;

/// A refusal in TEI's words.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
pub struct TeiError {
    /// One sentence.
    error: String,
    /// `Validation`, `Empty`, `Overloaded`, `Backend` or `Unhealthy`.
    error_type: String,
}

/// What stands behind a path.
fn behind(app: &App, model: &str) -> Behind {
    Behind { model: model.to_owned(), most: app.config.limits.max_items as usize }
}

/// Which end of a text that is too long is cut off.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
enum TruncationDirection {
    /// Its beginning.
    Left,
    /// Its end, which is the default.
    Right,
}
