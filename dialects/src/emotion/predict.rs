//! `POST /predict`: the emotion of one text.

use forebay_shared::clock::Timestamp;
use forebay_shared::job::{Input, Item, Kind, Object, Outcome};
use forebay_shared::model::ModelCard;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::emotions::{Emotion, Found};
use super::id::{Ids, named};
use super::model::{Named, VERSION, megabytes};
use crate::call::{Answer, Answered, Call, Reply, outputs, unlike};
use crate::{Fault, FaultCode};

/// Characters of a text.
pub(super) const LONGEST: usize = 1000;

/// A text. Further fields are left alone: these two are all there are.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = EmotionPredictRequest)]
pub struct PredictRequest {
    /// The model's id.
    #[schema(example = "A001", pattern = r"^A\d{3}$")]
    pub(super) model_id: String,
    /// The text, in English or Chinese.
    #[schema(example = "I am so happy today!", min_length = 1, max_length = 1000)]
    pub(super) input_data: String,
}

/// The emotion of a text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmotionPredictResponse)]
pub struct PredictResponse {
    /// The model's id, as it was asked for.
    #[schema(example = "A001")]
    model_id: String,
    /// What the text shows most.
    emotion: Emotion,
    /// How sure the model is.
    #[schema(example = 0.96, minimum = 0, maximum = 1)]
    confidence: f32,
    /// When the job ended.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Option<Timestamp>,
    /// What the model is.
    metadata: Metadata,
}

/// What a model is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmotionMetadata)]
pub struct Metadata {
    /// Always 0.
    #[schema(example = 0)]
    model_version: u32,
    /// What its files take, in megabytes of 10⁶ bytes.
    #[schema(example = 154.82)]
    model_size_mb: f64,
}

/// Reads a body.
pub fn predict(body: &[u8], ids: &Ids) -> Result<Call<Prediction>, Fault> {
    asked(crate::read(body, "request")?, ids)
}

/// What a request asks for, however it came.
pub(super) fn asked(request: PredictRequest, ids: &Ids) -> Result<Call<Prediction>, Fault> {
    let PredictRequest { model_id, input_data } = request;
    let item = item(input_data, "input_data")?;
    call(model_id, ids, vec![item], |model| Prediction { model })
}

/// What is asked of the model with this id.
pub(super) fn call<R>(
    id: String,
    ids: &Ids,
    items: Vec<Item>,
    reply: impl FnOnce(Named) -> R,
) -> Result<Call<R>, Fault> {
    let (model, named_by) = named(&id, ids)?;
    let reply = reply(Named::new(id));
    Ok(Call { model, named_by, kinds: &[Kind::TextClassification], items, params: Object::new(), reply })
}

/// A text within the limits, as an item; `field` names it.
pub(super) fn item(text: String, field: &str) -> Result<Item, Fault> {
    let limit = LONGEST as u64;
    match text.chars().count() {
        0 => {
            let message = format!("`{field}` must have from 1 to {LONGEST} characters");
            Err(Fault::new(FaultCode::EmptyInput, message).at(field))
        }
        1..=LONGEST => Ok(Item { input: Input::Text(text), params: Object::new() }),
        characters => {
            let message = format!("`{field}` has {characters} characters, the limit is {LONGEST}");
            Err(Fault::new(FaultCode::InvalidField, message).at(field).limit(limit))
        }
    }
}

/// How the answer is written.
#[derive(Debug)]
pub struct Prediction {
    model: Named,
}

impl Prediction {
    /// The answer.
    pub(super) fn response(
        &self,
        answered: Answered<'_>,
        outcomes: Vec<Outcome>,
    ) -> Result<PredictResponse, Fault> {
        let outputs = outputs(outcomes, "input_data")?;
        let [output] = &outputs[..] else { return Err(unlike(Kind::TextClassification)) };
        let Found { emotion, confidence } = Found::of(output)?;
        Ok(PredictResponse {
            model_id: self.model.id.clone(),
            emotion,
            confidence,
            timestamp: answered.job.and_then(|job| job.finished_at),
            metadata: Metadata { model_version: VERSION, model_size_mb: megabytes(self.model.bytes) },
        })
    }
}

impl Reply for Prediction {
    fn meet(&mut self, kinds: &[Kind], card: &ModelCard) -> Result<(), Fault> {
        self.model.meet(kinds, card)
    }

    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        Ok(Answer::json(&self.response(answered, outcomes)?))
    }
}
