//! `POST /tei/predict`: texts, or pairs of texts, get labels.

use forebay_shared::job::{Input, Item, Kind, Label, Object, Outcome, Output};
use serde::Deserialize;
use serde_json::Value;

use super::cut::Cut;
use super::times::{characters, timed};
use super::{Asked, Behind};
use crate::call::{Answer, Answered, Call, outputs, unlike};
use crate::{Fault, FaultCode, call};

#[derive(Debug, Deserialize)]
struct Body {
    inputs: Value,
    #[serde(default)]
    raw_scores: Option<bool>,
    #[serde(flatten)]
    cut: Cut,
}

/// Reads a body.
pub fn read(body: &[u8], behind: Behind) -> Result<Call<Reply>, Fault> {
    let Body { inputs, raw_scores, cut } = crate::read(body, "request")?;
    let (inputs, one) = sequences(inputs)?;
    let items: Vec<Item> = inputs.into_iter().map(|input| Item { input, params: Object::new() }).collect();
    let mut params = cut.params();
    if raw_scores == Some(true) {
        params.insert("function_to_apply".to_owned(), "none".into());
    }
    let reply = Reply { characters: characters(&items), one };
    behind.call("tei.predict", &[Kind::TextClassification], Asked { field: "inputs", items, params, reply })
}

/// A text; a list of one or two texts, which is one input too; or a list of such lists. And whether it is one input.
fn sequences(inputs: Value) -> Result<(Vec<Input>, bool), Fault> {
    match inputs {
        Value::String(text) => Ok((vec![Input::Text(text)], true)),
        Value::Array(list) if list.first().is_some_and(Value::is_array) => {
            let inputs = list.into_iter().enumerate().map(|(index, one)| match one {
                Value::Array(texts) => sequence(texts, &format!("inputs[{index}]")),
                _ => Err(unreadable(&format!("inputs[{index}]"))),
            });
            Ok((inputs.collect::<Result<_, _>>()?, false))
        }
        Value::Array(texts) if texts.is_empty() => Ok((Vec::new(), false)),
        Value::Array(texts) => Ok((vec![sequence(texts, "inputs")?], true)),
        _ => Err(unreadable("inputs")),
    }
}

/// One text or two.
fn sequence(texts: Vec<Value>, field: &str) -> Result<Input, Fault> {
    let text = |value| if let Value::String(text) = value { Some(text) } else { None };
    let mut texts = texts.into_iter().map(text);
    let input = match (texts.next(), texts.next(), texts.next()) {
        (Some(Some(text)), None, None) => Input::Text(text),
        (Some(Some(text)), Some(Some(text_pair)), None) => Input::Pair { text, text_pair },
        _ => return Err(unreadable(field)),
    };
    Ok(input)
}

fn unreadable(field: &str) -> Fault {
    let message = format!(
        "`{field}` must be a text, a list of one text or of the two of a pair; several of them are a list of such lists"
    );
    Fault::new(FaultCode::InvalidField, message).at(field)
}

/// How the answer is written.
#[derive(Clone, Debug)]
pub struct Reply {
    characters: usize,
    one: bool,
}

impl call::Reply for Reply {
    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let labels = |output| match output {
            Output::Labels { labels } => Ok(labels),
            _ => Err(unlike(Kind::TextClassification)),
        };
        let lists: Result<Vec<Vec<Label>>, Fault> =
            outputs(outcomes, "inputs")?.into_iter().map(labels).collect();
        let lists = lists?;
        let answer = match &lists[..] {
            [labels] if self.one => Answer::json(labels),
            lists => Answer::json(&lists),
        };
        Ok(timed(answer, answered, self.characters, None))
    }
}

#[cfg(test)]
mod tests;
