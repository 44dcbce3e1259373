//! How well two texts go together: what `rerank` and `text_similarity` have in common.
//!
//! A model for sequence classification is a cross-encoder: it reads both texts in one row and gives one score. Any other is an
//! embedding model: each text is a row, and the score is the cosine of their vectors. A text that many items have in common,
//! such as a query, runs once in a batch.

use std::fmt::Debug;
use std::marker::PhantomData;

use forebay_shared::job::{Failure, FailureCode, Output, Params};

use super::labels::sigmoid;
use super::pooling::{OUTPUTS, Pooling, Prompts, cosine};
use super::text_classification::logits;
use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::text::{Cut, Rows, TextEncoder, TextSession, Tokens};

/// What prompts of queries are called.
const QUERY: [&str; 1] = ["query"];
/// What prompts of texts that may answer them are called.
const DOCUMENT: [&str; 4] = ["document", "passage", "corpus", "text"];

/// What two texts are compared for.
pub trait Question: Debug + Send + Sync + 'static {
    /// The parameter with the text that goes with every item.
    const OTHER: &'static str;
    /// What the two texts are to each other.
    const ROLES: Roles;

    /// What the client asked for.
    fn asked(params: Params) -> Result<Asked, Failure>;
}

/// What the client asked for.
#[derive(Debug)]
pub struct Asked {
    /// The text that goes with every item.
    pub other: Option<String>,
    /// What becomes of texts that are too long.
    pub cut: Cut,
    /// Whether a cross-encoder's score stays as it is.
    pub raw: bool,
}

/// Compares texts.
#[derive(Debug)]
pub struct Comparison<Q> {
    encoder: TextEncoder,
    way: Way,
    /// Padded tokens of one run.
    most: u64,
    question: PhantomData<Q>,
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
pub enum Roles {
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

impl<Q: Question> Pipeline for Comparison<Q> {
    type Prepared = Compared;
    type Tensors = ComparisonTensors;
    type Engine = TextSession;
    type Raw = Vec<Vec<f32>>;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let encoder = TextEncoder::read(model)?;
        Ok(Self { encoder, way: Way::read(model)?, most: model.card.batch_cost, question: PhantomData })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<TextSession, ModelError> {
        let outputs: &[&str] = if model.is_sequence_classifier() { &["logits"] } else { &OUTPUTS };
        TextSession::new(model.open(runtime)?, model.onnx.clone(), outputs)
    }

    fn prepare(&self, material: Material, params: Params) -> Result<Compared, Failure> {
        let Asked { other, cut, raw } = Q::asked(params)?;
        let (first, second) = match (material, other) {
            (Material::Pair(first, second), _) => (first, second),
            (Material::Text(text), Some(other)) => (other, text),
            (Material::Text(_), None) => {
                let message = format!(
                    "`{}` is required, unless the item is a pair of `text` and `text_pair`",
                    Q::OTHER
                );
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
                let (before, behind) = match Q::ROLES {
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

    /// The item's rows, each as long as the longest.
    fn length(prepared: &Compared) -> u32 {
        let longest = prepared.rows.iter().map(Tokens::len).max().unwrap_or(0);
        longest.saturating_mul(u32::try_from(prepared.rows.len()).unwrap_or(u32::MAX))
    }

    fn collate(&self, batch: &[&Compared]) -> Result<ComparisonTensors, Failure> {
        let rows = Rows::collate(&self.encoder, batch.iter().map(|item| &item.rows[..]), self.most);
        let pooling = match self.way {
            Way::Cross(_) => None,
            Way::Vectors { pooling, .. } => Some(pooling),
        };
        Ok(ComparisonTensors { rows, pooling })
    }

    fn run(engine: &mut TextSession, tensors: &ComparisonTensors) -> Result<Vec<Vec<Vec<f32>>>, Failure> {
        tensors.rows.run(engine, |rows, shape, values| match tensors.pooling {
            None => logits(shape, values),
            Some(pooling) => pooling.vectors(rows, shape, values),
        })
    }

    /// The score, from a raw score or from two vectors.
    fn finish(&self, prepared: Compared, values: Vec<Vec<f32>>) -> Result<Answer, Failure> {
        let score = match &values[..] {
            [one, other] => cosine(one, other),
            [logits] => match logits[..] {
                [logit] if prepared.raw => logit,
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
        let tokens = prepared.rows.iter().map(Tokens::len).sum();
        Ok(Output::Score { score, tokens }.into())
    }
}

impl Way {
    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let prompts = Prompts::of(model)?;
        if model.is_sequence_classifier() {
            return Ok(Self::Cross(model.manifest.text.prefix.clone()));
        }
        let owned = |prompt: Option<&str>| prompt.map(str::to_owned);
        Ok(Self::Vectors {
            pooling: Pooling::of(model)?,
            query: owned(prompts.first(&QUERY)),
            document: owned(prompts.first(&DOCUMENT)),
            usual: owned(prompts.usual()),
        })
    }
}
