//! `text_similarity`: two texts get a score of how alike they are.
//!
//! What is too long is cut, by a cross-encoder the longer text first, or fails as `input_too_long`. A text without `source` that is
//! no pair, ids of tokens, and pictures fail as `invalid_params`. Each fails its item alone.

use forebay_shared::job::{Failure, Params};

use super::comparison::{Asked, Comparison, Question, Roles};
use crate::text::Cut;

/// Scores how alike texts are.
pub type TextSimilarity = Comparison<Alike>;

/// How alike are the texts?
#[derive(Debug)]
pub enum Alike {}

impl Question for Alike {
    const OTHER: &'static str = "source";
    const ROLES: Roles = Roles::Equals;

    fn asked(params: Params) -> Result<Asked, Failure> {
        let Params::TextSimilarity(params) = params else { return Err(super::of_another_kind()) };
        let cut = Cut::new(params.truncate, params.truncation_side);
        Ok(Asked { other: params.source, cut, raw: params.raw_scores })
    }
}
