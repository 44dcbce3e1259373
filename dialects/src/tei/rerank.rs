//! `POST /tei/rerank`: texts in the order in which they answer a query.

use forebay_shared::job::{Input, Item, Kind, Object, Outcome, Output};
use serde::{Deserialize, Serialize};

use super::cut::Cut;
use super::times::{characters, timed};
use super::{Asked, Behind};
use crate::call::{Answer, Answered, Call, outputs, unlike};
use crate::{Fault, call};

#[derive(Debug, Deserialize)]
struct Body {
    query: String,
    texts: Vec<String>,
    #[serde(default)]
    raw_scores: Option<bool>,
    #[serde(default)]
    return_text: Option<bool>,
    #[serde(flatten)]
    cut: Cut,
}

/// Reads a body.
pub fn read(body: &[u8], behind: Behind) -> Result<Call<Reply>, Fault> {
    let Body { query, texts, raw_scores, return_text, cut } = crate::read(body, "request")?;
    let returned = if return_text == Some(true) { texts.clone() } else { Vec::new() };
    let item = |text| Item { input: Input::Text(text), params: Object::new() };
    let items: Vec<Item> = texts.into_iter().map(item).collect();
    let characters = characters(&items) + query.chars().count() * items.len();
    let mut params = cut.params();
    params.insert("query".to_owned(), query.into());
    params.insert("raw_scores".to_owned(), raw_scores.unwrap_or(false).into());
    let reply = Reply { characters, texts: returned };
    behind.call("tei.rerank", &[Kind::Rerank], Asked { field: "texts", items, params, reply })
}

/// How the answer is written.
#[derive(Clone, Debug)]
pub struct Reply {
    characters: usize,
    /// The texts, if they are to be returned.
    texts: Vec<String>,
}

#[derive(Serialize)]
struct Rank<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    score: f32,
}

impl call::Reply for Reply {
    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let (mut ranks, mut tokens) = (Vec::with_capacity(outcomes.len()), 0);
        for (index, output) in outputs(outcomes, "texts")?.into_iter().enumerate() {
            let Output::Score { score, tokens: read } = output else { return Err(unlike(Kind::Rerank)) };
            tokens += u64::from(read);
            ranks.push(Rank { index, text: self.texts.get(index).map(String::as_str), score });
        }
        // Equal ones stay in their order.
        ranks.sort_by(|one, other| other.score.total_cmp(&one.score));
        Ok(timed(Answer::json(&ranks), answered, self.characters, Some(tokens)))
    }
}

#[cfg(test)]
mod tests;
