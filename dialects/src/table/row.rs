//! A line of answers as rows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use forebay_shared::job::Kind;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::defect;
use crate::Fault;

/// Which columns a table has behind those that every table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `embedding`: a list of numbers.
    Embedding,
    /// `label` and `score` of the best, `labels` with all of them as JSON.
    Labels,
    /// `output`: JSON.
    Json,
}

impl Shape {
    /// The shape for a bulk whose lines all name a model of this kind; of others it is [`Shape::Json`].
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::TextEmbedding | Kind::ImageEmbedding => Self::Embedding,
            Kind::TextClassification | Kind::ImageClassification | Kind::ZeroShotClassification => {
                Self::Labels
            }
            Kind::Echo
            | Kind::BackgroundRemoval
            | Kind::ObjectDetection
            | Kind::ImageToImage
            | Kind::ImageSegmentation
            | Kind::Rerank
            | Kind::TextSimilarity
            | Kind::TokenClassification
            | Kind::Ocr
            | Kind::Tensor
            | Kind::ModelPull => Self::Json,
        }
    }
}

/// The columns that every table has.
pub(super) const COMMON: [&str; 6] = ["line", "id", "item", "status", "error_code", "error_message"];

/// One item of one line.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Row {
    /// The line's number, where answers tell it.
    pub(super) line: Option<i64>,
    /// The client's own name of it.
    pub(super) id: Option<String>,
    /// The item's place in the line, from 0.
    pub(super) item: i32,
    pub(super) succeeded: bool,
    pub(super) error: Option<(String, String)>,
    pub(super) output: Output,
}

/// What the model made of an item.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Output {
    #[default]
    None,
    Embedding(Vec<f32>),
    Labels {
        best: Option<(String, f32)>,
        all: String,
    },
    Json(String),
}

/// A line as the native API or OpenAI writes it.
#[derive(Deserialize)]
struct Answer<'a> {
    line: Option<i64>,
    id: Option<String>,
    custom_id: Option<String>,
    #[serde(borrow)]
    result: Option<ResultDocument<'a>>,
    #[serde(borrow)]
    response: Option<Response<'a>>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct ResultDocument<'a> {
    #[serde(borrow)]
    items: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Response<'a> {
    status_code: u16,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct Refusal {
    code: Option<String>,
    message: Option<String>,
}

impl Refusal {
    fn pair(self) -> (String, String) {
        (self.code.unwrap_or_default(), self.message.unwrap_or_default())
    }
}

/// The rows of a line.
pub(super) fn read(line: &[u8], shape: Shape) -> Result<Vec<Row>, Fault> {
    let line: Answer<'_> = serde_json::from_slice(line).map_err(defect)?;
    let (number, id) = match (line.line, line.id) {
        (Some(number), id) => (Some(number), id),
        (None, name) => (name.as_deref().and_then(numbered), line.custom_id),
    };
    let row = |(item, succeeded, error, output)| Row {
        line: number,
        id: id.clone(),
        item,
        succeeded,
        error,
        output,
    };
    let cells = match (line.result, line.response, line.error) {
        (Some(result), ..) => items(result, shape)?,
        (None, Some(response), _) => answered(&response, shape)?,
        (None, None, error) => vec![(0, false, error.map(Refusal::pair), Output::None)],
    };
    Ok(cells.into_iter().map(row).collect())
}

/// The number in what OpenAI's form calls a line: `batch_req_`, the bulk's 32 digits, the line's number.
fn numbered(name: &str) -> Option<i64> {
    i64::from_str_radix(name.strip_prefix("batch_req_")?.get(32..)?, 16).ok()
}

/// Place, whether it succeeded, why not, and what came of it.
type Cells = (i32, bool, Option<(String, String)>, Output);

fn items(result: ResultDocument<'_>, shape: Shape) -> Result<Vec<Cells>, Fault> {
    (0..)
        .zip(result.items)
        .map(|(place, item)| {
            let output = item.output.map(|output| output_of(output, shape)).transpose()?;
            Ok((place, output.is_some(), item.error.map(Refusal::pair), output.unwrap_or_default()))
        })
        .collect()
}

fn output_of(output: &RawValue, shape: Shape) -> Result<Output, Fault> {
    #[derive(Deserialize)]
    struct Embedding {
        #[serde(default)]
        embedding: Option<Vec<f32>>,
    }
    #[derive(Deserialize)]
    struct Labels<'a> {
        #[serde(borrow)]
        labels: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Label {
        label: String,
        score: f32,
    }
    let text = output.get();
    match shape {
        Shape::Json => Ok(Output::Json(text.to_owned())),
        Shape::Embedding => {
            let Embedding { embedding } = serde_json::from_str(text).map_err(defect)?;
            // Whoever asked for something else has it as it is.
            Ok(embedding.map_or_else(|| Output::Json(text.to_owned()), Output::Embedding))
        }
        Shape::Labels => {
            let Labels { labels } = serde_json::from_str(text).map_err(defect)?;
            let all: Vec<Label> = serde_json::from_str(labels.get()).map_err(defect)?;
            let best = all.into_iter().next().map(|best| (best.label, best.score));
            Ok(Output::Labels { best, all: labels.get().to_owned() })
        }
    }
}

/// What one of OpenAI's endpoints answered.
fn answered(response: &Response<'_>, shape: Shape) -> Result<Vec<Cells>, Fault> {
    #[derive(Deserialize)]
    struct Refused {
        error: Refusal,
    }
    #[derive(Deserialize)]
    struct Vectors {
        data: Vec<Datum>,
    }
    #[derive(Deserialize)]
    struct Datum {
        embedding: Value,
    }
    let body = response.body.get();
    if response.status_code >= 300 {
        let refused: Option<Refused> = serde_json::from_str(body).ok();
        return Ok(vec![(0, false, refused.map(|refused| refused.error.pair()), Output::None)]);
    }
    if shape != Shape::Embedding {
        return Ok(vec![(0, true, None, Output::Json(body.to_owned()))]);
    }
    let vectors: Vectors = serde_json::from_str(body).map_err(defect)?;
    (0..).zip(vectors.data).map(|(place, datum)| Ok((place, true, None, vector(datum.embedding)?))).collect()
}

/// A vector as numbers, or as base64 of little-endian ones.
fn vector(value: Value) -> Result<Output, Fault> {
    let Value::String(text) = value else {
        return serde_json::from_value(value).map(Output::Embedding).map_err(defect);
    };
    let bytes = BASE64.decode(text).map_err(defect)?;
    let (numbers, []) = bytes.as_chunks::<4>() else { return Err(defect("a vector is torn")) };
    Ok(Output::Embedding(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect()))
}
