//! `POST /api/embed`: texts become vectors of length one.

use forebay_shared::job::{Input, Item, Kind, Object, Outcome, Output};
use forebay_shared::model::ModelCard;
use forebay_shared::residency::Wish;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::times::Durations;
use super::{MOST_INPUTS, keep, plain};
use crate::call::{Answer, Answered, Call, outputs, unlike};
use crate::inputs::too_many;
use crate::{Fault, FaultCode, call};

/// The body. `options` are passed over.
#[derive(Debug, Deserialize)]
struct Body {
    model: String,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    truncate: Option<bool>,
    #[serde(default)]
    dimensions: Option<i64>,
    #[serde(default)]
    keep_alive: Value,
}

/// Reads a body. Without texts there is nothing to do, which is how Ollama's clients load a model.
pub fn read(body: &[u8]) -> Result<Call<Reply>, Fault> {
    let Body { model, input, truncate, dimensions, keep_alive } = crate::read(body, "request")?;
    let items = texts(input)?.into_iter();
    let items: Vec<_> = items.map(|text| Item { input: Input::Text(text), params: Object::new() }).collect();
    let mut params = Object::from_iter([("normalize".to_owned(), true.into())]);
    if truncate == Some(false) {
        params.insert("truncate".to_owned(), false.into());
    }
    let dimensions = dimensions.and_then(|dimensions| usize::try_from(dimensions).ok());
    let dimensions = dimensions.filter(|dimensions| *dimensions > 0);
    let wish = keep::wish(&keep_alive, items.is_empty())?;
    let reply = Reply { asked: model.clone(), dimensions, wish };
    let model = plain(&model).to_owned();
    Ok(Call { model, named_by: None, kinds: &[Kind::TextEmbedding], items, params, reply })
}

/// A text or a list of them; an empty text is none, but for one that stands in a list.
fn texts(input: Value) -> Result<Vec<String>, Fault> {
    let texts = match input {
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![text],
        Value::Array(list) => list.into_iter().map(text).collect::<Result<_, _>>()?,
        _ => return Err(invalid()),
    };
    if texts.len() > MOST_INPUTS {
        return Err(too_many(texts.len(), MOST_INPUTS).at("input"));
    }
    Ok(texts)
}

fn text(value: Value) -> Result<String, Fault> {
    if let Value::String(text) = value { Ok(text) } else { Err(invalid()) }
}

fn invalid() -> Fault {
    Fault::new(FaultCode::InvalidField, "invalid input type: `input` must be a string or a list of strings")
        .at("input")
}

/// How the answer is written.
#[derive(Clone, Debug)]
pub struct Reply {
    asked: String,
    dimensions: Option<usize>,
    wish: Option<Wish>,
}

#[derive(Serialize)]
struct Embedded<'a> {
    model: &'a str,
    embeddings: Vec<Vec<f32>>,
    #[serde(flatten)]
    durations: Durations,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_eval_count: Option<u64>,
}

impl call::Reply for Reply {
    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let (mut embeddings, mut tokens) = (Vec::with_capacity(outcomes.len()), 0);
        for output in outputs(outcomes, "input")? {
            let Output::Embedding { embedding, tokens: read } = output else {
                return Err(unlike(Kind::TextEmbedding));
            };
            tokens += u64::from(read);
            embeddings.push(cut(embedding, self.dimensions));
        }
        let durations = Durations::of(answered);
        let prompt_eval_count = answered.job.map(|_| tokens);
        Ok(Answer::json(&Embedded { model: &self.asked, embeddings, durations, prompt_eval_count }))
    }

    fn wish(&self) -> Option<Wish> {
        self.wish
    }

    fn meet(&mut self, kinds: &[Kind], card: &ModelCard) -> Result<(), Fault> {
        embeds(&self.asked, kinds, card)
    }
}

/// Refuses a model that gives no vectors, in Ollama's words.
pub(super) fn embeds(asked: &str, kinds: &[Kind], card: &ModelCard) -> Result<(), Fault> {
    call::fit(kinds, card)
        .map_err(|fault| Fault { message: format!("{asked:?} does not support embeddings"), ..fault })
}

/// As many dimensions as are wished for, brought to length one again. As with Ollama, more than there are is no fault; what
/// the model gives is known only here.
fn cut(mut embedding: Vec<f32>, dimensions: Option<usize>) -> Vec<f32> {
    let Some(wanted) = dimensions.filter(|wanted| *wanted < embedding.len()) else { return embedding };
    embedding.truncate(wanted);
    let length = embedding.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        for value in &mut embedding {
            *value /= length;
        }
    }
    embedding
}

#[cfg(test)]
mod tests;
