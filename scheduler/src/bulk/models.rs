//! Which model runs a line.

use std::collections::HashMap;
use std::sync::Arc;

use forebay_dialects::bulk::Request;
use forebay_dialects::call::fit;
use forebay_dialects::item::wrong_tensor;
use forebay_dialects::{Fault, FaultCode};
use forebay_shared::job::{Cost, Item, Missing, Object, Params};
use forebay_shared::model::{Model, ModelCard};

/// Names of models that are remembered, of which a bad file may have as many as lines.
const NAMES: usize = 1000;

/// The models there are, each with what a slice for it may cost.
#[derive(Debug)]
pub(super) struct Models {
    known: Arc<Vec<(Model, Cost)>>,
    /// The number of each model that was asked for, by the name it was asked for with.
    asked: HashMap<String, Option<usize>>,
}

impl Models {
    pub(super) fn new(known: Arc<Vec<(Model, Cost)>>) -> Self {
        Self { known, asked: HashMap::new() }
    }

    /// The model of this number.
    pub(super) fn get(&self, number: usize) -> &(Model, Cost) {
        &self.known[number]
    }

    /// The number of the model that is to run the line, if that can.
    pub(super) fn choose(&mut self, request: &Request) -> Result<usize, Fault> {
        let known = self.asked.get(&request.model).copied();
        let number = known.unwrap_or_else(|| find(&self.known, &request.model));
        if known.is_none() && self.asked.len() < NAMES {
            self.asked.insert(request.model.clone(), number);
        }
        let number = number.ok_or_else(|| {
            Fault::new(FaultCode::UnknownModel, format!("there is no model `{}`", request.model)).at("model")
        })?;
        let card = &self.known[number].0.card;
        fit(request.kinds, card)?;
        request.items.iter().try_for_each(|item| takes(card, item))?;
        Ok(number)
    }
}

/// The model with this name or alias; a name stands before an alias.
fn find(models: &[(Model, Cost)], name: &str) -> Option<usize> {
    let exactly = models.iter().position(|(model, _)| model.card.name == name);
    exactly.or_else(|| models.iter().position(|(model, _)| model.card.answers_to(name)))
}

fn takes(card: &ModelCard, item: &Item) -> Result<(), Fault> {
    if card.kind.draws() {
        let message = format!(
            "the model `{}` gives pictures, for which a bulk's files have no place; submit jobs",
            card.name
        );
        return Err(Fault::new(FaultCode::WrongInput, message).at("model"));
    }
    if let Some(refused) = card.kind.refuses(&item.input) {
        let message = format!("the model `{}` does {} and takes no {refused}", card.name, card.kind);
        return Err(Fault::new(FaultCode::WrongInput, message).at("input"));
    }
    if let Some(missing) = Missing::of(card.kind, &item.input, [&item.params, &Object::new()]) {
        let fault = Fault::new(FaultCode::InvalidField, missing.message("the line's item"));
        return Err(fault.at(format!("params.{}", missing.name)));
    }
    card.check_tensors(&item.input).map_err(|error| wrong_tensor(error, "input"))?;
    if item.params.is_empty() {
        return Ok(());
    }
    Params::parse(card.kind, &item.params).map(|_| ()).map_err(|error| {
        let fault = Fault::new(FaultCode::InvalidField, error.message);
        fault.at(error.field.map_or("params".to_owned(), |field| format!("params.{field}")))
    })
}
