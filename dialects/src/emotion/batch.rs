//! `POST /predict/batch`: the emotions of up to a hundred texts.

use forebay_shared::job::{Input, Item, Kind, Outcome};
use forebay_shared::model::ModelCard;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::emotions::{Emotion, Found};
use super::id::Ids;
use super::model::Named;
use super::predict::{call, item};
use crate::call::{Answer, Answered, Call, Reply, outputs};
use crate::{Fault, FaultCode};

/// Texts of one request.
const MOST: usize = 100;

/// Texts. Further fields are left alone: these two are all there are.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = EmotionBatchRequest)]
pub struct BatchPredictRequest {
    /// The model's id.
    #[schema(example = "A001", pattern = r"^A\d{3}$")]
    model_id: String,
    /// The texts, each of 1 to 1000 characters, in English or Chinese.
    #[schema(example = json!(["I am happy!", "This makes me sad."]), min_items = 1, max_items = 100)]
    inputs: Vec<String>,
}

/// The emotions of texts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmotionBatchResponse)]
pub struct BatchPredictResponse {
    /// The model's id, as it was asked for.
    #[schema(example = "A001")]
    model_id: String,
    /// In the order of the texts.
    predictions: Vec<BatchPrediction>,
}

/// A text and its emotion.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmotionBatchPrediction)]
pub struct BatchPrediction {
    /// The text.
    #[schema(example = "I am happy!")]
    input: String,
    /// What the text shows most.
    emotion: Emotion,
    /// How sure the model is: a string with three decimals, where `/predict` has a number.
    #[schema(example = "0.960")]
    confidence: String,
}

/// Reads a body.
pub fn batch(body: &[u8], ids: &Ids) -> Result<Call<Predictions>, Fault> {
    let BatchPredictRequest { model_id, inputs } = crate::read(body, "request")?;
    if inputs.is_empty() {
        let message = format!("`inputs` must have from 1 to {MOST} texts");
        return Err(Fault::new(FaultCode::EmptyInput, message).at("inputs"));
    }
    if inputs.len() > MOST {
        let message = format!("`inputs` has {} texts, the limit is {MOST}", inputs.len());
        return Err(Fault::new(FaultCode::TooManyItems, message).at("inputs").limit(MOST as u64));
    }
    let items = inputs.into_iter().enumerate().map(|(index, text)| item(text, &format!("inputs[{index}]")));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    let inputs = items.iter().map(text).collect();
    call(model_id, ids, items, |model| Predictions { model, inputs })
}

/// The text of an item that was made of one.
fn text(item: &Item) -> String {
    if let Input::Text(text) = &item.input { text.clone() } else { String::new() }
}

/// How the answer is written.
#[derive(Debug)]
pub struct Predictions {
    model: Named,
    inputs: Vec<String>,
}

impl Reply for Predictions {
    fn meet(&mut self, kinds: &[Kind], card: &ModelCard) -> Result<(), Fault> {
        self.model.meet(kinds, card)
    }

    /// It has an entry for each text or it is none: the document has no words for a part.
    fn write(&self, _answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let outputs = outputs(outcomes, "inputs")?;
        let predictions = self.inputs.iter().zip(&outputs).map(|(input, output)| {
            let Found { emotion, confidence } = Found::of(output)?;
            Ok(BatchPrediction { input: input.clone(), emotion, confidence: format!("{confidence:.3}") })
        });
        let predictions = predictions.collect::<Result<_, Fault>>()?;
        Ok(Answer::json(&BatchPredictResponse { model_id: self.model.id.clone(), predictions }))
    }
}
