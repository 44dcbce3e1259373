//! A request that a job answers: what it asks for, and how its answer is written.

#[cfg(test)]
pub(crate) mod samples;

use std::time::Duration;

use forebay_shared::job::{Item, Job, Kind, Object, Outcome, Output};
use forebay_shared::model::ModelCard;
use forebay_shared::residency::Wish;
use serde::Serialize;

use crate::{Fault, FaultCode};

/// What a body asks for.
#[derive(Debug)]
pub struct Call<R> {
    /// The model, as it is asked for.
    pub model: String,
    /// The key of the service's configuration that names the model, where the request does not.
    pub named_by: Option<&'static str>,
    /// What the model must do: one of these; whatever it does where there are none.
    pub kinds: &'static [Kind],
    /// Its inputs; without any there is no job, and the answer is written of no outcomes.
    pub items: Vec<Item>,
    /// Parameters for every item.
    pub params: Object,
    /// How the answer is written.
    pub reply: R,
}

/// How an answer is written: all of a body that matters once its items are taken out.
pub trait Reply: Send + 'static {
    /// Meets the model that is going to answer, before any work is done: takes note of it, and refuses one that does none of
    /// these kinds, or whose answers it has no words for; see [`fit`].
    fn meet(&mut self, kinds: &[Kind], card: &ModelCard) -> Result<(), Fault> {
        fit(kinds, card)
    }

    /// Writes the answer.
    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault>;

    /// What is wished of the model's place in memory, once the call is answered; of a call without inputs, before.
    fn wish(&self) -> Option<Wish> {
        None
    }

    /// How soon it is to be done.
    fn urgency(&self) -> Urgency {
        Urgency::default()
    }
}

/// How soon a call is to be done; by itself like any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Urgency {
    /// −10…10; higher goes first.
    pub priority: i16,
    /// Not begun within this time, it expires.
    pub start_within: Option<Duration>,
}

/// What an answer says besides its outcomes.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Digits and letters that name this answer and no other.
    pub id: &'a str,
    /// The model's own name.
    pub model: &'a str,
    /// The job that did it; a line of a bulk has none of its own, and a call without inputs none at all.
    pub job: Option<&'a Job>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its body.
    pub body: Vec<u8>,
    /// What that is.
    pub content_type: &'static str,
    /// Other headers.
    pub headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// An answer as JSON.
    pub fn json(answer: &impl Serialize) -> Self {
        let body = serde_json::to_vec(answer).expect("answers are finite trees of strings and numbers");
        Self { body, content_type: "application/json", headers: Vec::new() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// The output of every input, or what is wrong with the first that has none, where a dialect has no words for a part;
/// `field` names the inputs.
pub(crate) fn outputs(outcomes: Vec<Outcome>, field: &str) -> Result<Vec<Output>, Fault> {
    let output = |(index, outcome): (usize, Outcome)| {
        outcome.map_err(|failure| {
            let fault = Fault::from(failure);
            Fault { message: format!("input {index}: {}", fault.message), ..fault }.at(field)
        })
    };
    outcomes.into_iter().enumerate().map(output).collect()
}

/// Refuses a model that does none of these kinds. Without any, every model will do.
pub fn fit(kinds: &[Kind], card: &ModelCard) -> Result<(), Fault> {
    if kinds.is_empty() || kinds.contains(&card.kind) {
        return Ok(());
    }
    let asked: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let (name, kind, asked) = (&card.name, card.kind, asked.join(" or "));
    let message = format!("the model `{name}` does {kind}, and this asks for {asked}");
    Err(Fault::new(FaultCode::WrongInput, message).at("model"))
}

/// A model that gives something else than what its kind gives.
pub(crate) fn unlike(kind: Kind) -> Fault {
    Fault::new(FaultCode::JobFailed, format!("the model's output is not that of {kind}"))
}
