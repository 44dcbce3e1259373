//! `POST /v2/models/{name}/infer`: what is asked for.

use std::time::Duration;

use bytes::Bytes;
use forebay_shared::job::{Datatype, Kind, Object};
use forebay_shared::model::ModelCard;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::input::{Content, Given};
use super::reply::{Reply, Wanted};
use super::{input, ports};
use crate::call::{Call, Urgency};
use crate::{Fault, FaultCode};

/// The priority of ours that the highest of theirs is.
const HIGHEST: i16 = 10;
/// How long a request may say that it waits: as far as a job may be planned ahead.
const LONGEST_WAIT: Duration = Duration::from_hours(30 * 24);

/// A request, and what it is held against.
#[derive(Debug)]
pub struct Request<'a> {
    /// The model that is asked.
    pub card: &'a ModelCard,
    /// The body.
    pub body: &'a Bytes,
    /// How much of it is JSON, if tensors follow as bytes.
    pub json: Option<usize>,
    /// How many texts or pictures it may have.
    pub most: u32,
}

/// The JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    parameters: Option<Object>,
    inputs: Vec<InputBody>,
    #[serde(default)]
    outputs: Option<Vec<OutputBody>>,
}

/// A tensor that is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputBody {
    name: String,
    shape: Vec<u64>,
    datatype: Datatype,
    #[serde(default)]
    parameters: Option<InputParameters>,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

/// How it is given.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputParameters {
    #[serde(default)]
    binary_data_size: Option<usize>,
}

/// A tensor that is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputBody {
    name: String,
    #[serde(default)]
    parameters: Option<OutputParameters>,
}

/// How it is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputParameters {
    #[serde(default)]
    binary_data: Option<bool>,
}

/// What parameters say of the request itself; the others are the model's.
#[derive(Debug, Default)]
struct Orders {
    urgency: Urgency,
    binary: bool,
}

impl Request<'_> {
    /// Reads it.
    pub fn read(self) -> Result<Call<Reply>, Fault> {
        let end = self.json.unwrap_or(self.body.len());
        if end > self.body.len() {
            let message = format!(
                "the header `Inference-Header-Content-Length` says {end} bytes of JSON, and the body has {}",
                self.body.len()
            );
            return Err(Fault::new(FaultCode::InvalidField, message));
        }
        let Body { id, parameters, inputs, outputs } = crate::read(&self.body[..end], "request")?;
        let mut params = parameters.unwrap_or_default();
        let orders = Orders::take(&mut params)?;
        if self.card.kind == Kind::TextEmbedding
            && params.get("output").is_some_and(|output| output != "embedding")
        {
            let message = "`output` must be `embedding` here: a tensor has no rows of different lengths";
            return Err(Fault::new(FaultCode::NotSupported, message).at("parameters.output"));
        }
        let wanted = wanted(self.card, outputs.unwrap_or_default(), orders.binary)?;
        if self.card.kind == Kind::Tensor {
            if let Some(wanted) = &wanted {
                let names = wanted.iter().map(|wanted| Value::from(wanted.name.as_str()));
                params.insert("outputs".to_owned(), names.collect());
            }
            // Exact, and smaller than digits.
            params.insert("encoding".to_owned(), "base64".into());
        }
        let given = given(inputs, self.body.slice(end..), self.json.is_some())?;
        let items = input::items(self.card, given, self.most)?;
        Ok(Call {
            model: self.card.name.clone(),
            named_by: None,
            kinds: &[],
            items,
            params,
            reply: Reply { id, kind: self.card.kind, wanted, binary: orders.binary, urgency: orders.urgency },
        })
    }
}

impl Orders {
    /// Takes them out of a request's parameters.
    fn take(params: &mut Object) -> Result<Self, Fault> {
        let mut orders = Self::default();
        if let Some(priority) = number(params, "priority")? {
            orders.urgency.priority = ours(priority);
        }
        if let Some(wait) = number(params, "timeout")?.filter(|wait| *wait > 0) {
            orders.urgency.start_within = Some(Duration::from_micros(wait).min(LONGEST_WAIT));
        }
        if let Some(binary) = params.remove("binary_data_output") {
            let wrong = || {
                let message = "the parameter `binary_data_output` must be true or false";
                Fault::new(FaultCode::InvalidField, message).at("parameters.binary_data_output")
            };
            orders.binary = binary.as_bool().ok_or_else(wrong)?;
        }
        Ok(orders)
    }
}

fn number(params: &mut Object, name: &str) -> Result<Option<u64>, Fault> {
    let Some(value) = params.remove(name) else { return Ok(None) };
    value.as_u64().map(Some).ok_or_else(|| {
        let message = format!("the parameter `{name}` must be a whole number from 0");
        Fault::new(FaultCode::InvalidField, message).at(format!("parameters.{name}"))
    })
}

/// Theirs go down from 1, the highest; 0 says nothing. Ours go down from 10 to −10, and say nothing at 0.
fn ours(priority: u64) -> i16 {
    match i16::try_from(priority) {
        Ok(0) => 0,
        Ok(priority) => (HIGHEST + 1).saturating_sub(priority).max(-HIGHEST),
        Err(_) => -HIGHEST,
    }
}

/// The tensors, each with its elements; those that follow the JSON stand in the order of the inputs.
fn given(inputs: Vec<InputBody>, mut rest: Bytes, has_rest: bool) -> Result<Vec<Given>, Fault> {
    let mut given = Vec::with_capacity(inputs.len());
    for (place, input) in inputs.into_iter().enumerate() {
        let InputBody { name, shape, datatype, parameters, data } = input;
        let refuse = |what: &str| {
            let message = format!("the input `{name}` {what}");
            Err(Fault::new(FaultCode::InvalidField, message).at(format!("inputs[{place}]")))
        };
        let content = match (data, parameters.unwrap_or_default().binary_data_size) {
            (Some(_), None) if matches!(datatype, Datatype::Fp16 | Datatype::Bf16) => {
                return refuse(&format!("is {datatype}, which has no form in JSON: send it as bytes"));
            }
            (Some(data), None) => Content::Json(data),
            (None, Some(size)) if size <= rest.len() => Content::Bytes(rest.split_to(size)),
            (None, Some(_)) if !has_rest => {
                return refuse(
                    "has `binary_data_size`, and the header `Inference-Header-Content-Length` is missing",
                );
            }
            (None, Some(size)) => {
                let left = rest.len();
                return refuse(&format!("has {size} bytes, and the body has {left} left for it"));
            }
            _ => return refuse("must have either `data` or the parameter `binary_data_size`"),
        };
        given.push(Given { name, shape, datatype, content });
    }
    if !rest.is_empty() {
        let message = format!("the body has {} bytes that belong to no input", rest.len());
        return Err(Fault::new(FaultCode::InvalidField, message).at("inputs"));
    }
    Ok(given)
}

/// The outputs that are wanted, in their order; none: all.
fn wanted(card: &ModelCard, outputs: Vec<OutputBody>, binary: bool) -> Result<Option<Vec<Wanted>>, Fault> {
    let known = ports::outputs(card);
    let mut wanted: Vec<Wanted> = Vec::with_capacity(outputs.len());
    for (place, OutputBody { name, parameters }) in outputs.into_iter().enumerate() {
        let refuse =
            |message| Err(Fault::new(FaultCode::InvalidField, message).at(format!("outputs[{place}].name")));
        // Of a card that tells nothing the worker will know.
        if !known.is_empty() && known.iter().all(|known| known.name != name) {
            let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
            let names = names.join("`, `");
            return refuse(format!("the model `{}` has no output `{name}`; it has `{names}`", card.name));
        }
        if wanted.iter().any(|wanted| wanted.name == name) {
            return refuse(format!("the output `{name}` is wanted twice"));
        }
        let binary = parameters.unwrap_or_default().binary_data.unwrap_or(binary);
        wanted.push(Wanted { name, binary });
    }
    let wanted = Some(wanted).filter(|wanted| !wanted.is_empty());
    let in_json = |name: &str| match &wanted {
        None => !binary,
        Some(wanted) => wanted.iter().any(|wanted| wanted.name == name && !wanted.binary),
    };
    let half = known.iter().find(|known| Wanted::is_bytes_only(known.datatype) && in_json(&known.name));
    half.map_or(Ok(()), |half| Err(Wanted::as_bytes(&half.name, half.datatype)))?;
    Ok(wanted)
}
