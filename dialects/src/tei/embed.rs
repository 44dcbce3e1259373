//! `POST /tei/embed`: texts or their tokens become vectors.

use forebay_shared::job::{Kind, Outcome, Output};
use serde::Deserialize;

use super::cut::Cut;
use super::times::{characters, timed};
use super::{Asked, Behind};
use crate::call::{Answer, Answered, Call, outputs, unlike};
use crate::inputs::Inputs;
use crate::{Fault, call};

#[derive(Debug, Deserialize)]
struct Body {
    inputs: Inputs,
    #[serde(flatten)]
    cut: Cut,
    #[serde(default)]
    prompt_name: Option<String>,
    #[serde(default)]
    normalize: Option<bool>,
    #[serde(default)]
    dimensions: Option<u32>,
}

/// Reads a body. Unless it says otherwise, vectors are brought to length one.
pub fn read(body: &[u8], behind: Behind) -> Result<Call<Reply>, Fault> {
    let Body { inputs, cut, prompt_name, normalize, dimensions } = crate::read(body, "request")?;
    let items = inputs.items("inputs", behind.most)?;
    let mut params = cut.params();
    params.insert("normalize".to_owned(), normalize.unwrap_or(true).into());
    if let Some(prompt) = prompt_name {
        params.insert("prompt".to_owned(), prompt.into());
    }
    if let Some(dimensions) = dimensions {
        params.insert("dimensions".to_owned(), dimensions.into());
    }
    let reply = Reply { characters: characters(&items) };
    behind.call("tei.embed", &[Kind::TextEmbedding], Asked { field: "inputs", items, params, reply })
}

/// How the answer is written.
#[derive(Clone, Debug)]
pub struct Reply {
    characters: usize,
}

impl call::Reply for Reply {
    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let (mut vectors, mut tokens) = (Vec::with_capacity(outcomes.len()), 0);
        for output in outputs(outcomes, "inputs")? {
            let Output::Embedding { embedding, tokens: read } = output else {
                return Err(unlike(Kind::TextEmbedding));
            };
            tokens += u64::from(read);
            vectors.push(embedding);
        }
        Ok(timed(Answer::json(&vectors), answered, self.characters, Some(tokens)))
    }
}

#[cfg(test)]
mod tests;
