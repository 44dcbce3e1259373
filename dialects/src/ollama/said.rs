//! An answer in words, whole in its only piece: to `generate`, or to `chat`.

use forebay_shared::clock::Timestamp;
use forebay_shared::job::{Kind, Modality, Outcome};
use forebay_shared::model::ModelCard;
use forebay_shared::residency::{KeepAlive, Wish};
use serde::Serialize;

use super::seen;
use super::stream::Manner;
use super::times::{Durations, Spent};
use crate::call::{Answer, Answered, fit, outputs};
use crate::{Fault, FaultCode, call};

/// Which endpoint is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Generate,
    Chat,
}

/// How the answer is written.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) endpoint: Endpoint,
    /// The model, as it was asked for.
    pub(super) asked: String,
    pub(super) manner: Manner,
    /// How long the model is to stay in memory.
    pub(super) keep: Option<KeepAlive>,
    /// Whether nothing else is asked.
    pub(super) is_empty: bool,
}

#[derive(Serialize)]
struct Piece<'a> {
    model: &'a str,
    created_at: Option<Timestamp>,
    #[serde(flatten)]
    words: Words,
    done: bool,
    done_reason: &'static str,
    #[serde(flatten)]
    durations: Durations,
    #[serde(flatten)]
    spent: Spent,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Words {
    Response(String),
    Message { role: &'static str, content: String },
}

impl Endpoint {
    /// What a model must support for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Chat => "chat",
        }
    }

    /// Where the pictures stand in a request.
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::Generate => "images",
            Self::Chat => "messages[].images",
        }
    }

    fn words(self, text: String) -> Words {
        match self {
            Self::Generate => Words::Response(text),
            Self::Chat => Words::Message { role: "assistant", content: text },
        }
    }
}

impl Reply {
    /// Why an answer to nothing is done.
    fn reason(&self) -> &'static str {
        if call::Reply::wish(self) == Some(Wish::Unload) { "unload" } else { "load" }
    }

    fn piece(&self, answered: Answered<'_>, text: String, done_reason: &'static str) -> Answer {
        self.manner.write(&Piece {
            model: &self.asked,
            created_at: answered.job.and_then(|job| job.finished_at),
            words: self.endpoint.words(text),
            done: true,
            done_reason,
            durations: Durations::of(answered),
            spent: Spent::of(answered),
        })
    }
}

impl call::Reply for Reply {
    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let field = self.endpoint.field();
        if self.is_empty {
            return Ok(self.piece(answered, String::new(), self.reason()));
        }
        if outcomes.is_empty() {
            let message = format!("{:?} looks at pictures: give `{field}`", self.asked);
            return Err(Fault::new(FaultCode::MissingField, message).at(field));
        }
        let text = seen::words(&outputs(outcomes, field)?)?;
        Ok(self.piece(answered, text, "stop"))
    }

    fn wish(&self) -> Option<Wish> {
        if self.is_empty { Some(Wish::load(self.keep)) } else { self.keep.map(Wish::keep) }
    }

    /// In the words that Ollama's clients look for.
    fn meet(&mut self, kinds: &[Kind], card: &ModelCard) -> Result<(), Fault> {
        fit(kinds, card).map_err(|fault| {
            let blind = if card.kind.takes(Modality::Image) { "" } else { ", and it takes no images" };
            let message = format!("{:?} does not support {}{blind}", self.asked, self.endpoint.word());
            Fault { message, ..fault }
        })
    }
}

#[cfg(test)]
mod tests;
