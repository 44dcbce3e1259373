//! `POST /api/embeddings`, the older way: one text becomes a vector.

use forebay_shared::job::{Input, Item, Kind, Object, Outcome, Output};
use forebay_shared::model::ModelCard;
use forebay_shared::residency::Wish;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{embed, keep, plain};
use crate::call::{Answer, Answered, Call, outputs, unlike};
use crate::{Fault, call};

/// The body. `options` are passed over.
#[derive(Debug, Deserialize)]
struct Body {
    model: String,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    input: Option<String>,
    #[serde(default)]
    keep_alive: Value,
}

/// Reads a body: the text is its `prompt`, or its `input` if there is no other. Without a text there is nothing to do.
pub fn read(body: &[u8]) -> Result<Call<Reply>, Fault> {
    let Body { model, prompt, input, keep_alive } = crate::read(body, "request")?;
    let text = [prompt, input].into_iter().flatten().find(|text| !text.is_empty());
    let items: Vec<Item> =
        text.map(|text| Item { input: Input::Text(text), params: Object::new() }).into_iter().collect();
    let wish = keep::wish(&keep_alive, items.is_empty())?;
    let reply = Reply { asked: model.clone(), wish };
    let model = plain(&model).to_owned();
    Ok(Call { model, named_by: None, kinds: &[Kind::TextEmbedding], items, params: Object::new(), reply })
}

/// How the answer is written.
#[derive(Clone, Debug)]
pub struct Reply {
    asked: String,
    wish: Option<Wish>,
}

#[derive(Serialize)]
struct Embedded {
    embedding: Vec<f32>,
}

impl call::Reply for Reply {
    fn write(&self, _: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let embedding = match outputs(outcomes, "prompt")?.pop() {
            None => Vec::new(),
            Some(Output::Embedding { embedding, .. }) => embedding,
            Some(_) => return Err(unlike(Kind::TextEmbedding)),
        };
        Ok(Answer::json(&Embedded { embedding }))
    }

    fn wish(&self) -> Option<Wish> {
        self.wish
    }

    fn meet(&mut self, kinds: &[Kind], card: &ModelCard) -> Result<(), Fault> {
        embed::embeds(&self.asked, kinds, card)
    }
}

#[cfg(test)]
mod tests;
