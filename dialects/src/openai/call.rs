//! OpenAI's requests that can be answered later, by their paths.

use forebay_shared::config::ModerationConfig;
use forebay_shared::job::Outcome;

use super::{embeddings, moderations};
use crate::call::{Answer, Answered, outputs};
use crate::{Fault, call};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1/moderations`
    Moderations,
}

/// What a body asks for.
pub type Call = call::Call<Reply>;

/// How an answer is written.
#[derive(Clone, Debug)]
pub enum Reply {
    /// To `POST /v1/embeddings`.
    Embeddings(embeddings::Reply),
    /// To `POST /v1/moderations`.
    Moderations(moderations::Reply),
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

impl call::Reply for Reply {
    /// It has one entry for each input or it is none: one failed item fails the whole, as OpenAI has no words for a part.
    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let outputs = outputs(outcomes, "input")?;
        match self {
            Self::Embeddings(reply) => reply.write(answered, outputs),
            Self::Moderations(reply) => reply.write(answered, &outputs),
        }
    }
}
