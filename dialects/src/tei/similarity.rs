//! `POST /tei/similarity`: how alike texts are to one.

use forebay_shared::job::{Input, Item, Kind, Object, Outcome, Output};
use serde::Deserialize;

use super::cut::Cut;
use super::times::{characters, timed};
use super::{Asked, Behind};
use crate::call::{Answer, Answered, Call, outputs, unlike};
use crate::{Fault, FaultCode, call};

#[derive(Debug, Deserialize)]
struct Body {
    inputs: Inputs,
    #[serde(default)]
    parameters: Option<Parameters>,
}

#[derive(Debug, Deserialize)]
struct Inputs {
    source_sentence: String,
    sentences: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Parameters {
    #[serde(flatten)]
    cut: Cut,
    #[serde(default)]
    prompt_name: Option<String>,
}

/// Reads a body.
pub fn read(body: &[u8], behind: Behind) -> Result<Call<Reply>, Fault> {
    let Body { inputs, parameters } = crate::read(body, "request")?;
    let Parameters { cut, prompt_name } = parameters.unwrap_or_default();
    if prompt_name.is_some() {
        let message = "no prompt is put before texts that are compared";
        return Err(Fault::new(FaultCode::NotSupported, message).at("parameters.prompt_name"));
    }
    let Inputs { source_sentence, sentences } = inputs;
    let item = |text| Item { input: Input::Text(text), params: Object::new() };
    let items: Vec<Item> = sentences.into_iter().map(item).collect();
    let reply = Reply { characters: characters(&items) + source_sentence.chars().count() };
    let mut params = cut.params();
    params.insert("source".to_owned(), source_sentence.into());
    let asked = Asked { field: "inputs.sentences", items, params, reply };
    behind.call("tei.similarity", &[Kind::TextSimilarity], asked)
}

/// How the answer is written.
#[derive(Clone, Debug)]
pub struct Reply {
    characters: usize,
}

impl call::Reply for Reply {
    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let (mut scores, mut tokens) = (Vec::with_capacity(outcomes.len()), 0);
        for output in outputs(outcomes, "inputs.sentences")? {
            let Output::Score { score, tokens: read } = output else {
                return Err(unlike(Kind::TextSimilarity));
            };
            tokens += u64::from(read);
            scores.push(score);
        }
        Ok(timed(Answer::json(&scores), answered, self.characters, Some(tokens)))
    }
}

#[cfg(test)]
mod tests;
