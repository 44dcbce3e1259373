//! What a line asks for.

use forebay_shared::bulk::Form;
use forebay_shared::config::ModerationConfig;
use forebay_shared::job::{Cost, ImageSource, Input, Item, Kind, Object, Params};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::job::{self, JobBody};
use crate::item::ItemBody;
use crate::openai::{Call, Endpoint, Reply};
use crate::{Fault, FaultCode};

/// The longest `custom_id`, in characters.
pub const LONGEST_ID: usize = 512;

/// The path that asks for a job.
const JOBS: &str = "/v1/jobs";

/// What holds for every line of a bulk.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// How lines are written.
    pub form: Form,
    /// What each must name; any of those known, if it is not given.
    pub endpoint: Option<&'a str>,
    /// The model of lines that name none.
    pub model: Option<&'a str>,
    /// Parameters that stand below the lines' own.
    pub params: &'a Object,
    /// Who judges texts.
    pub moderation: &'a ModerationConfig,
}

/// A line that was read.
#[derive(Debug)]
pub struct Request {
    /// The client's own name for it.
    pub id: Option<String>,
    /// The model, as it is asked for.
    pub model: String,
    /// What the model must do: one of these; whatever it does where there are none.
    pub kinds: &'static [Kind],
    /// Its inputs, with all their parameters.
    pub items: Vec<Item>,
    /// How it is answered.
    pub(super) reply: Wanted,
}

/// How a line is answered.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// As the endpoint answers a call.
    Call(Reply),
    /// As a job's result.
    Result,
}

/// What reading a line gives: its name as far as that was read, and the request or what is wrong with it.
pub type Read = (Option<String>, Result<Request, Fault>);

/// A line around a body, as OpenAI writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    #[serde(default)]
    custom_id: Option<String>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    body: Option<Box<RawValue>>,
}

/// A line that is a job.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bare {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    input: Option<ItemBody>,
    #[serde(default)]
    inputs: Option<Vec<ItemBody>>,
    #[serde(default)]
    params: Option<Object>,
}

/// Enough of a native line to tell how it is written.
#[derive(Debug, Deserialize)]
struct Glimpse {
    #[serde(default)]
    url: Option<serde::de::IgnoredAny>,
}

impl Rules<'_> {
    /// Reads a line. What depends on the model is checked by whoever knows the models.
    pub fn read(&self, line: &[u8]) -> Read {
        match self.form {
            Form::Openai => self.envelope(line),
            Form::Native => match crate::read::<Glimpse>(line, "line") {
                Ok(Glimpse { url: Some(_) }) => self.envelope(line),
                Ok(_) => self.bare(line),
                Err(fault) => (None, Err(fault)),
            },
        }
    }

    fn envelope(&self, line: &[u8]) -> Read {
        let envelope: Envelope = match crate::read(line, "line") {
            Ok(envelope) => envelope,
            Err(fault) => return (None, Err(fault)),
        };
        let id = envelope.custom_id.clone();
        (id, self.opened(envelope))
    }

    fn opened(&self, Envelope { custom_id, method, url, body }: Envelope) -> Result<Request, Fault> {
        let missing =
            |field: &str| Fault::new(FaultCode::MissingField, format!("missing field `{field}`")).at(field);
        if self.form == Form::Openai && custom_id.is_none() {
            return Err(missing("custom_id"));
        }
        check_id("custom_id", custom_id.as_deref())?;
        if let Some(method) = method.filter(|method| method != "POST") {
            let message = format!("`method` must be `POST`, not `{method}`");
            return Err(Fault::new(FaultCode::InvalidField, message).at("method"));
        }
        let url = url.ok_or_else(|| missing("url"))?;
        if let Some(endpoint) = self.endpoint.filter(|endpoint| *endpoint != url) {
            let message = format!("`url` must be `{endpoint}`, which the bulk names, not `{url}`");
            return Err(Fault::new(FaultCode::InvalidField, message).at("url"));
        }
        let body = body.ok_or_else(|| missing("body"))?;
        let within = |fault: Fault| {
            let field = fault.field.as_deref().map_or("body".to_owned(), |field| format!("body.{field}"));
            Fault { field: Some(field), ..fault }
        };
        match Endpoint::at(&url) {
            Some(endpoint) => {
                let call = endpoint.read(body.get().as_bytes(), self.moderation).map_err(within)?;
                Ok(called(custom_id, call))
            }
            None if url == JOBS => {
                let body = crate::read::<JobBody>(body.get().as_bytes(), "body").map_err(within)?;
                self.job(custom_id, body).map_err(within)
            }
            None => {
                let message =
                    format!("nothing answers `{url}`: name `/v1/embeddings`, `/v1/moderations` or `{JOBS}`");
                Err(Fault::new(FaultCode::InvalidField, message).at("url"))
            }
        }
    }

    fn bare(&self, line: &[u8]) -> Read {
        let Bare { id, model, input, inputs, params } = match crate::read(line, "line") {
            Ok(bare) => bare,
            Err(fault) => return (None, Err(fault)),
        };
        let body = JobBody { model, input, inputs, params };
        let read = check_id("id", id.as_deref()).and_then(|()| self.job(id.clone(), body));
        (id, read)
    }

    /// What a text alone asks for, as a row of a table has it.
    pub(super) fn text(&self, id: Option<String>, text: String) -> Read {
        self.alone(id, Input::Text(text))
    }

    /// What a picture asks for, by the name that it has in its archive.
    pub fn picture(&self, name: Option<String>, bytes: Vec<u8>) -> Read {
        self.alone(name, Input::Image(ImageSource::Inline(bytes)))
    }

    fn alone(&self, id: Option<String>, input: Input) -> Read {
        let missing = || Fault::new(FaultCode::MissingField, "the bulk names no model").at("model");
        let read = check_id("id", id.as_deref()).and_then(|()| {
            let model = self.model.map(str::to_owned).ok_or_else(missing)?;
            let items = vec![Item { input, params: self.params.clone() }];
            Ok(Request { id: id.clone(), model, kinds: &[], items, reply: Wanted::Result })
        });
        (id, read)
    }

    fn job(&self, id: Option<String>, body: JobBody) -> Result<Request, Fault> {
        let model = body.model.clone().or_else(|| self.model.map(str::to_owned)).ok_or_else(|| {
            let message = "neither the line nor the bulk names a model";
            Fault::new(FaultCode::MissingField, message).at("model")
        })?;
        let items = job::items(body, self.params)?;
        Ok(Request { id, model, kinds: &[], items, reply: Wanted::Result })
    }
}

fn called(id: Option<String>, call: Call) -> Request {
    let Call { model, kinds, items, params, reply, .. } = call;
    let items = if params.is_empty() {
        items
    } else {
        items.into_iter().map(|item| Item { params: Params::merge(&params, &item.params), ..item }).collect()
    };
    Request { id, model, kinds, items, reply: Wanted::Call(reply) }
}

fn check_id(field: &str, id: Option<&str>) -> Result<(), Fault> {
    match id {
        Some(id) if id.is_empty() || id.chars().nth(LONGEST_ID).is_some() => {
            let message = format!("`{field}` must have from 1 to {LONGEST_ID} characters");
            Err(Fault::new(FaultCode::InvalidField, message).at(field).limit(LONGEST_ID as u64))
        }
        _ => Ok(()),
    }
}

impl Request {
    /// What it probably costs; its items have all parameters.
    pub fn cost(&self) -> Cost {
        Cost::of(&self.items, &Object::new())
    }
}
