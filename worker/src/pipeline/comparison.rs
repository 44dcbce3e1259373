//! How well two texts go together: what `rerank` and `text_similarity` have in common.
//!
//! A model for sequence classification is a cross-encoder: it reads both texts in one row and gives one score. Any other is an
//! embedding model: each text is a row, and the score is the cosine of their vectors. A text that many items have in common,
//! such as a query, runs once in a batch.

use forebay_shared::job::{Failure, FailureCode, Output};

use super::labels::sigmoid;
use super::pooling::{OUTPUTS, Pooling, Prompts, cosine};
use super::text_classification::logits;
use super::{Answer, Material};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::text::{Cut, Rows, TextEncoder, TextSession, Tokens};

/// What prompts of queries are called.
const QUERY: [&str; 1] = ["query"];
/// What prompts of texts that may answer them are called.
const DOCUMENT: [&str; 4] = ["document", "passage", "corpus", "text"];

/// Compares texts.
#[derive(Debug)]
pub(super) struct Comparer {
    encoder: TextEncoder,
    way: Way,
    /// Padded tokens of one run.
    most: u64,
}

#[derive(Debug)]
enum Way {
    /// Both texts in one row, with what is put before the first.
    Cross(Option<String>),
    /// A row for each.
    Vectors { pooling: Pooling, query: Option<String>, document: Option<String>, usual: Option<String> },
}

/// What two texts are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Roles {
    /// The first asks, the second may answer.
    QueryAndDocument,
    /// They are alike, or not.
    Equals,
}

/// Two tokenised texts, as one row or two.
#[derive(Debug)]
pub struct Compared {
    rows: Vec<Tokens>,
    raw: bool,
}

/// A batch, and how its rows become values.
#[derive(Debug)]
pub struct ComparisonTensors {
    rows: Rows,
    /// `None`: raw scores of a cross-encoder.
    pooling: Option<Pooling>,
}

impl Comparer {
    /// Reads what the model's files say.
    pub(super) fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let prompts = Prompts::of(model)?;
        let owned = |prompt: Option<&str>| prompt.map(str::to_owned);
        let way = if model.is_sequence_classifier() {
            Way::Cross(model.manifest.text.prefix.clone())
        } else {
            Way::Vectors {
                pooling: Pooling::of(model)?,
                query: owned(prompts.first(&QUERY)),
                document: owned(prompts.first(&DOCUMENT)),
                usual: owned(prompts.usual()),
            }
        };
        Ok(Self { encoder: TextEncoder::read(model)?, way, most: model.card.batch_cost })
    }

    /// Loads the model.
    pub(super) fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<TextSession, ModelError> {
        let outputs: &[&str] = if model.is_sequence_classifier() { &["logits"] } else { &OUTPUTS };
        TextSession::new(model.open(runtime)?, model.onnx.clone(), outputs)
    }

    /// Tokenises the two texts: of a pair both are there, of a text alone `other` comes first.
    pub(super) fn prepare(
        &self,
        (material, other): (Material, (&str, Option<&str>)),
        roles: Roles,
        cut: Cut,
        raw: bool,
    ) -> Result<Compared, Failure> {
        let (name, other) = other;
        let (first, second) = match (material, other) {
            (Material::Pair(first, second), _) => (first, second),
            (Material::Text(text), Some(other)) => (other.to_owned(), text),
            (Material::Text(_), None) => {
                let message =
                    format!("`{name}` is required, unless the item is a pair of `text` and `text_pair`");
                return Err(Failure::permanent(FailureCode::InvalidParams, message));
            }
            _ => return Err(crate::text::not_a_text()),
        };
        let rows = match &self.way {
            Way::Cross(prefix) => {
                let first = format!("{}{first}", prefix.as_deref().unwrap_or_default());
                vec![self.encoder.encode(&first, Some(&second), cut)?]
            }
            Way::Vectors { query, document, usual, .. } => {
                let (before, behind) = match roles {
                    Roles::QueryAndDocument => (query, document),
                    Roles::Equals => (usual, usual),
                };
                vec![
                    self.encoder.read_in(Material::Text(first), before.as_deref(), cut)?,
                    self.encoder.read_in(Material::Text(second), behind.as_deref(), cut)?,
                ]
            }
        };
        Ok(Compared { rows, raw })
    }

    /// Makes a batch.
    pub(super) fn collate(&self, batch: &[&Compared]) -> ComparisonTensors {
        let rows = Rows::collate(&self.encoder, batch.iter().map(|item| &item.rows[..]), self.most);
        let pooling = match self.way {
            Way::Cross(_) => None,
            Way::Vectors { pooling, .. } => Some(pooling),
        };
        ComparisonTensors { rows, pooling }
    }
}

impl Compared {
    /// What the item costs: its rows, each as long as the longest.
    pub(super) fn length(&self) -> u32 {
        let longest = self.rows.iter().map(Tokens::len).max().unwrap_or(0);
        longest.saturating_mul(u32::try_from(self.rows.len()).unwrap_or(u32::MAX))
    }

    /// The score, from a raw score or from two vectors.
    pub(super) fn finish(self, values: &[Vec<f32>]) -> Result<Answer, Failure> {
        let score = match values {
            [one, other] => cosine(one, other),
            [logits] => match logits[..] {
                [logit] if self.raw => logit,
                [logit] => sigmoid(logit),
                _ => {
                    let message = format!(
                        "the model gives {} scores for two texts; a cross-encoder gives one",
                        logits.len()
                    );
                    return Err(Failure::permanent(FailureCode::InferenceFailed, message));
                }
            },
            _ => {
                let message = "the model gave no scores for the texts";
                return Err(Failure::permanent(FailureCode::InferenceFailed, message));
            }
        };
        let tokens = self.rows.iter().map(Tokens::len).sum();
        Ok(Output::Score { score, tokens }.into())
    }
}

impl ComparisonTensors {
    /// Runs the rows.
    pub(super) fn run(&self, engine: &mut TextSession) -> Result<Vec<Vec<Vec<f32>>>, Failure> {
        self.rows.run(engine, |tensors, shape, values| match self.pooling {
            None => logits(shape, values),
            Some(pooling) => pooling.vectors(tensors, shape, values),
        })
    }
}
