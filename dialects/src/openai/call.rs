//! A request that can be answered later: what it asks for, and how its answer is written.

use forebay_shared::config::ModerationConfig;
use forebay_shared::job::{Item, Kind, Object, Outcome, Output};

use super::{embeddings, moderations};
use crate::{Fault, FaultCode};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1/moderations`
    Moderations,
}

/// What a body asks for.
#[derive(Debug)]
pub struct Call {
    /// The model, as it is asked for.
    pub model: String,
    /// What the model must do.
    pub kind: Kind,
    /// Its inputs.
    pub items: Vec<Item>,
    /// Parameters for every item.
    pub params: Object,
    /// How the answer is written.
    pub reply: Reply,
}

/// How an answer is written: all of a body that matters once its items are taken out.
#[derive(Clone, Debug)]
pub enum Reply {
    /// To `POST /v1/embeddings`.
    Embeddings(embeddings::Reply),
    /// To `POST /v1/moderations`.
    Moderations(moderations::Reply),
}

/// What an answer says besides its outcomes.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Digits and letters that name this answer and no other.
    pub id: &'a str,
    /// The model's own name.
    pub model: &'a str,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 2] = [Self::Embeddings, Self::Moderations];

    /// Its path, by which the lines of a file name it.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Embeddings => "/v1/embeddings",
            Self::Moderations => "/v1/moderations",
        }
    }

    /// The endpoint at `path`.
    pub fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == path)
    }

    /// Reads a body. What depends on the model, its name above all, is checked by whoever knows the models.
    pub fn read(self, body: &[u8], moderation: &ModerationConfig) -> Result<Call, Fault> {
        match self {
            Self::Embeddings => embeddings::read(body),
            Self::Moderations => moderations::read(body, moderation),
        }
    }
}

impl Reply {
    /// Writes the answer. It has one entry for each input or it is none: one failed item fails the whole, as OpenAI has no
    /// words for a part.
    pub fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Vec<u8>, Fault> {
        let outputs: Result<Vec<Output>, Fault> =
            outcomes.into_iter().enumerate().map(|(index, outcome)| successful(index, outcome)).collect();
        match self {
            Self::Embeddings(reply) => reply.write(answered, outputs?),
            Self::Moderations(reply) => reply.write(answered, &outputs?),
        }
    }
}

fn successful(index: usize, outcome: Outcome) -> Result<Output, Fault> {
    outcome.map_err(|failure| {
        let fault = Fault::from(failure);
        Fault { message: format!("input {index}: {}", fault.message), ..fault }.at("input")
    })
}

/// A model that gives something else than what its kind gives.
pub(super) fn unlike(kind: Kind) -> Fault {
    Fault::new(FaultCode::JobFailed, format!("the model's output is not that of {kind}"))
}

/// An answer as bytes.
pub(super) fn bytes(answer: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(answer).expect("answers are finite trees of strings and numbers")
}
