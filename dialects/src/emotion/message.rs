//! Messages over `/predict/ws`: a text, and a word that its answer is known by.

use forebay_shared::job::{Kind, Outcome};
use forebay_shared::model::ModelCard;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::error::error;
use super::id::Ids;
use super::predict::{PredictRequest, PredictResponse, Prediction, asked};
use crate::call::{Answer, Answered, Call, Reply};
use crate::{Fault, FaultCode, Refusal};

/// A message: a text, as `POST /predict` takes it.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = EmotionMessage)]
pub struct PredictMessage {
    /// The client's own word for it, a string or a number; the answer carries it.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "7")]
    id: Option<Value>,
    /// The model's id.
    #[schema(example = "A001", pattern = r"^A\d{3}$")]
    model_id: String,
    /// The text.
    #[schema(example = "I am so happy today!", min_length = 1, max_length = 1000)]
    input_data: String,
}

/// The answer to a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmotionMessageAnswer)]
pub struct PredictAnswer {
    /// The client's word for its message, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    id: Option<Value>,
    /// The job that did it.
    job: Option<String>,
    #[serde(flatten)]
    response: PredictResponse,
}

/// Reads a message.
pub fn message(body: &[u8], ids: &Ids) -> Result<Call<Told>, Fault> {
    let PredictMessage { id, model_id, input_data } = crate::read(body, "message")?;
    if id.as_ref().is_some_and(|id| !is_word(id)) {
        return Err(Fault::new(FaultCode::InvalidField, "`id` must be a string or a number").at("id"));
    }
    let Call { model, named_by, kinds, items, params, reply: prediction } =
        asked(PredictRequest { model_id, input_data }, ids)?;
    Ok(Call { model, named_by, kinds, items, params, reply: Told { id, prediction } })
}

fn is_word(id: &Value) -> bool {
    id.is_string() || id.is_number()
}

/// The word of a message, as far as one can be found in it, so that a refusal carries it too.
fn word(body: &[u8]) -> Option<Value> {
    #[derive(Deserialize)]
    struct Word {
        id: Option<Value>,
    }
    serde_json::from_slice::<Word>(body).ok()?.id.filter(is_word)
}

/// A refusal of the message `body`: as HTTP would answer it, under the message's word.
pub fn refused(body: &[u8], refusal: &Refusal<'_>) -> Value {
    let (_, mut told) = error(refusal);
    if let (Some(word), Some(told)) = (word(body), told.as_object_mut()) {
        told.insert("id".to_owned(), word);
    }
    told
}

/// How the answer is written.
#[derive(Debug)]
pub struct Told {
    id: Option<Value>,
    prediction: Prediction,
}

impl Reply for Told {
    fn meet(&mut self, kinds: &[Kind], card: &ModelCard) -> Result<(), Fault> {
        self.prediction.meet(kinds, card)
    }

    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let job = answered.job.map(|job| job.id.to_string());
        let response = self.prediction.response(answered, outcomes)?;
        Ok(Answer::json(&PredictAnswer { id: self.id.clone(), job, response }))
    }
}
