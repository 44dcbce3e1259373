//! The endpoints of Text Embeddings Inference: what they share.

pub mod decode;
pub mod embed;
pub mod embed_all;
pub mod health;
pub mod info;
pub mod predict;
pub mod rerank;
pub mod similarity;
pub mod tokenize;

use forebay_dialects::tei::Behind;
use serde::Serialize;
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

/// A text, texts, a text's token ids, or lists of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the dialect reads it")]
enum TeiEmbedInputs {
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// The token ids of a text.
    Tokens(Vec<u32>),
    /// The token ids of texts.
    TokenLists(Vec<Vec<u32>>),
}
