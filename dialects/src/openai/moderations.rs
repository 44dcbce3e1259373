//! `POST /v1/moderations`: a classifier's labels become OpenAI's categories.

use std::collections::BTreeMap;

use forebay_shared::config::ModerationConfig;
use forebay_shared::job::{Input, Item, Kind, Label, Object, Output};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Call, MOST_INPUTS};
use crate::call::{Answer, Answered, unlike};
use crate::{Fault, FaultCode};

/// OpenAI's categories: clients read them as fields, so they are always there.
const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// What OpenAI's own moderation models are called; asked for one, the configured one answers.
const OPENAIS: [&str; 2] = ["omni-moderation-", "text-moderation-"];

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    input: Inputs,
    #[serde(default)]
    model: Option<String>,
}

/// A text, texts, or the parts of one input.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a string, a list of strings, or a list of `{type, text}`")]
enum Inputs {
    One(String),
    Many(Vec<String>),
    Parts(Vec<Part>),
}

/// A part of an input.
#[derive(Debug, Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
}

/// Reads a body.
pub(super) fn read(body: &[u8], config: &ModerationConfig) -> Result<Call, Fault> {
    let Body { input, model } = crate::read(body, "request")?;
    if config.model.is_empty() {
        let message =
            "no model is set up to judge texts: `moderation.model` of the service's configuration names it";
        return Err(Fault::new(FaultCode::UnknownModel, message).at("model"));
    }
    if let Some(model) = model
        && model != config.model
        && !OPENAIS.iter().any(|prefix| model.starts_with(prefix))
    {
        let message = format!("`{model}` does not judge texts here; `{}` does", config.model);
        return Err(Fault::new(FaultCode::UnknownModel, message).at("model"));
    }
    let items = input.texts()?.into_iter();
    let items = items.map(|text| Item { input: Input::Text(text), params: Object::new() }).collect();
    let reply = Reply { threshold: config.threshold, categories: config.categories.clone() };
    Ok(Call {
        model: config.model.clone(),
        named_by: Some("moderation.model"),
        kinds: &[Kind::TextClassification],
        items,
        params: Object::new(),
        reply: super::Reply::Moderations(reply),
    })
}

impl Inputs {
    fn texts(self) -> Result<Vec<String>, Fault> {
        let texts = match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
            Self::Parts(parts) => vec![joined(parts)?],
        };
        if texts.is_empty() || texts.iter().any(String::is_empty) {
            return Err(Fault::new(FaultCode::EmptyInput, "`input` must not be empty").at("input"));
        }
        if texts.len() > MOST_INPUTS {
            let message = format!("there are {} inputs, the limit is {MOST_INPUTS}", texts.len());
            return Err(Fault::new(FaultCode::TooManyItems, message).at("input").limit(MOST_INPUTS as u64));
        }
        Ok(texts)
    }
}

/// The parts are judged together: they get one result.
fn joined(parts: Vec<Part>) -> Result<String, Fault> {
    let texts = parts.into_iter().enumerate().map(|(index, part)| match part {
        Part { kind, text: Some(text) } if kind == "text" => Ok(text),
        Part { kind, .. } if kind == "text" => {
            let field = format!("input[{index}].text");
            Err(Fault::new(FaultCode::MissingField, "missing field `text`").at(field))
        }
        Part { kind, .. } => {
            let message = format!("only texts are judged here, no `{kind}`");
            Err(Fault::new(FaultCode::NotSupported, message).at(format!("input[{index}].type")))
        }
    });
    Ok(texts.collect::<Result<Vec<String>, Fault>>()?.join("\n"))
}

/// How the answer is written.
#[derive(Clone, Debug)]
pub struct Reply {
    threshold: f32,
    categories: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Judgement {
    flagged: bool,
    categories: Map<String, Value>,
    category_scores: Map<String, Value>,
    category_applied_input_types: Map<String, Value>,
}

impl Reply {
    pub(super) fn write(&self, answered: Answered<'_>, outputs: &[Output]) -> Result<Answer, Fault> {
        let results: Result<Vec<Judgement>, Fault> = outputs
            .iter()
            .map(|output| match output {
                Output::Labels { labels } => Ok(self.judge(labels)),
                _ => Err(unlike(Kind::TextClassification)),
            })
            .collect();
        let id = format!("modr-{}", answered.id);
        Ok(Answer::json(&json!({"id": id, "model": answered.model, "results": results?})))
    }

    /// A category scores as high as the highest of its labels. Without a mapping every label is its own category.
    fn judge(&self, labels: &[Label]) -> Judgement {
        let mut scores: BTreeMap<&str, Option<f32>> = CATEGORIES.map(|category| (category, None)).into();
        scores.extend(self.categories.values().map(|category| (category.as_str(), None)));
        for Label { label, score } in labels {
            let category = match self.categories.get(label) {
                Some(category) => category.as_str(),
                None if self.categories.is_empty() => label.as_str(),
                None => continue,
            };
            let highest = scores.entry(category).or_default();
            *highest = Some(highest.map_or(*score, |highest| highest.max(*score)));
        }
        let is_over = |score: &Option<f32>| score.is_some_and(|score| score >= self.threshold);
        let told = |value: &dyn Fn(&Option<f32>) -> Value| {
            scores.iter().map(|(category, score)| ((*category).to_owned(), value(score))).collect()
        };
        Judgement {
            flagged: scores.values().any(is_over),
            categories: told(&|score| is_over(score).into()),
            category_scores: told(&|score| score.unwrap_or(0.0).into()),
            category_applied_input_types: told(&|score| {
                if score.is_some() { json!(["text"]) } else { json!([]) }
            }),
        }
    }
}

#[cfg(test)]
mod tests;
