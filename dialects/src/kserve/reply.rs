//! What an inference is answered with: JSON, and after it the tensors that are wanted as bytes.

use forebay_shared::job::{Datatype, Encoding, Kind, Outcome, Tensor};
use serde::Serialize;

use super::{VERSION, output};
use crate::call::{self, Answer, Answered, Urgency, outputs};
use crate::{Fault, FaultCode};

/// Tells how much of an answer is JSON.
const JSON_LENGTH: &str = "inference-header-content-length";

/// How the answer is written.
#[derive(Debug)]
pub struct Reply {
    pub(super) id: Option<String>,
    pub(super) kind: Kind,
    /// Which outputs, in this order; none: all of them.
    pub(super) wanted: Option<Vec<Wanted>>,
    /// Whether all of them are wanted as bytes.
    pub(super) binary: bool,
    pub(super) urgency: Urgency,
}

/// An output that is wanted.
#[derive(Debug)]
pub(super) struct Wanted {
    pub name: String,
    /// Whether as bytes.
    pub binary: bool,
}

impl Wanted {
    /// Whether JSON has no form for the datatype.
    pub fn is_bytes_only(datatype: Datatype) -> bool {
        matches!(datatype, Datatype::Fp16 | Datatype::Bf16)
    }

    /// The output must be wanted otherwise.
    pub fn as_bytes(name: &str, datatype: Datatype) -> Fault {
        let message =
            format!("the output `{name}` is {datatype}, which has no form in JSON: ask for `binary_data`");
        Fault::new(FaultCode::InvalidField, message).at("outputs")
    }
}

/// The JSON.
#[derive(Serialize)]
struct Body<'a> {
    model_name: &'a str,
    model_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: Vec<Told<'a>>,
}

/// A tensor, with its elements or with how many bytes these have behind the JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    Here(&'a Tensor),
    Behind { name: &'a str, datatype: Datatype, shape: &'a [u64], parameters: Size },
}

impl<'a> Told<'a> {
    fn of(tensor: &'a Tensor, binary: bool) -> Self {
        if !binary {
            return Self::Here(tensor);
        }
        let parameters = Size { binary_data_size: tensor.bytes.len() };
        Self::Behind { name: &tensor.name, datatype: tensor.datatype, shape: &tensor.shape, parameters }
    }
}

#[derive(Serialize)]
struct Size {
    binary_data_size: usize,
}

impl call::Reply for Reply {
    fn urgency(&self) -> Urgency {
        self.urgency
    }

    /// A tensor has a place for each item, so one failed item fails the whole.
    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let tensors = output::tensors(self.kind, outputs(outcomes, "inputs")?, answered.job)?;
        let tensors = self.chosen(tensors)?;
        let body = Body {
            model_name: answered.model,
            model_version: VERSION,
            id: self.id.as_deref(),
            outputs: tensors.iter().map(|(tensor, binary)| Told::of(tensor, *binary)).collect(),
        };
        let mut answer = Answer::json(&body);
        if tensors.iter().any(|(_, binary)| *binary) {
            answer.headers.push((JSON_LENGTH, answer.body.len().to_string()));
            answer.content_type = "application/octet-stream";
            let behind = tensors.iter().filter(|(_, binary)| *binary);
            behind.for_each(|(tensor, _)| answer.body.extend_from_slice(&tensor.bytes));
        }
        Ok(answer)
    }
}

impl Reply {
    /// The tensors that are wanted, and whether as bytes.
    fn chosen(&self, tensors: Vec<Tensor>) -> Result<Vec<(Tensor, bool)>, Fault> {
        let tensors: Vec<(Tensor, bool)> = match &self.wanted {
            None => tensors.into_iter().map(|tensor| (tensor, self.binary)).collect(),
            Some(wanted) => {
                let find = |wanted: &Wanted| {
                    let tensor = tensors.iter().find(|tensor| tensor.name == wanted.name).cloned();
                    let missing = || {
                        let message = format!("the model gave no output `{}`", wanted.name);
                        Fault::new(FaultCode::JobFailed, message)
                    };
                    tensor.map(|tensor| (tensor, wanted.binary)).ok_or_else(missing)
                };
                wanted.iter().map(find).collect::<Result<_, _>>()?
            }
        };
        let half = tensors.iter().find(|(tensor, binary)| !binary && Wanted::is_bytes_only(tensor.datatype));
        half.map_or(Ok(()), |(half, _)| Err(Wanted::as_bytes(&half.name, half.datatype)))?;
        let in_json = |(tensor, binary)| (Tensor { encoding: Encoding::Json, ..tensor }, binary);
        Ok(tensors.into_iter().map(in_json).collect())
    }
}
