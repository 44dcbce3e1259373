//! `rerank`: a text gets a score of how well it answers a query.
//!
//! What is too long is cut, by a cross-encoder the longer text first, or fails as `input_too_long`. A text without `query` that is
//! no pair, ids of tokens, and pictures fail as `invalid_params`. Each fails its item alone.

use forebay_shared::job::{Failure, Params};

use super::comparison::{Asked, Comparison, Question, Roles};
use crate::text::Cut;

/// Scores texts by a query.
pub type Rerank = Comparison<Answers>;

/// How well does the text answer the query?
#[derive(Debug)]
pub enum Answers {}

impl Question for Answers {
    const OTHER: &'static str = "query";
    const ROLES: Roles = Roles::QueryAndDocument;

    fn asked(params: Params) -> Result<Asked, Failure> {
        let Params::Rerank(params) = params else { return Err(super::of_another_kind()) };
        let cut = Cut::new(params.truncate, params.truncation_side);
        Ok(Asked { other: params.query, cut, raw: params.raw_scores })
    }
}
