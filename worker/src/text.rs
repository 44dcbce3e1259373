//! Text as tokens, and tokens as tensors.

use std::path::PathBuf;

use forebay_shared::job::{Failure, FailureCode};
use ndarray::Array2;
use ort::session::Session;
use serde_json::Value;
use tokenizers::{Tokenizer, TruncationParams};

use crate::model::{ModelError, ModelFiles};

/// Bytes of text that are looked at for each token that the model takes. No word of any language fills as many; a text
/// that is longer than all its tokens could be would only take memory, fifty times its size, to be cut afterwards.
const BYTES_PER_TOKEN: usize = 256;

/// A tokenised text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens(Vec<u32>);

impl Tokens {
    /// How many there are.
    pub fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A model's tokenizer.
#[derive(Debug)]
pub struct TextEncoder {
    tokenizer: Tokenizer,
    max_tokens: u32,
    pad: i64,
}

impl TextEncoder {
    /// Reads the model's `tokenizer.json`.
    pub fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let file = model.root.join("tokenizer.json");
        let max_tokens = model.card.max_tokens.unwrap_or(512);
        let content =
            |error: tokenizers::Error| ModelError::Content { file: file.clone(), message: error.to_string() };
        let mut tokenizer = Tokenizer::from_file(&file).map_err(content)?;
        let truncation = TruncationParams { max_length: max_tokens as usize, ..Default::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(content)?;
        // Padding is the batch's business.
        tokenizer.with_padding(None);
        let pad = model.config.get("pad_token_id").and_then(Value::as_i64).unwrap_or(0);
        Ok(Self { tokenizer, max_tokens, pad })
    }

    /// Tokenises a text. One that is too long is cut, or fails if `truncate` is false.
    pub fn encode(&self, text: &str, truncate: bool) -> Result<Tokens, Failure> {
        let head = &text[..text.floor_char_boundary(self.max_tokens as usize * BYTES_PER_TOKEN)];
        let encoding = self
            .tokenizer
            .encode_fast(head, true)
            .map_err(|error| Failure::permanent(FailureCode::Internal, format!("tokenizer: {error}")))?;
        if !truncate && (head.len() < text.len() || !encoding.get_overflowing().is_empty()) {
            let message = format!("the text has more than {} tokens, the model's limit", self.max_tokens);
            return Err(Failure::permanent(FailureCode::InputTooLong, message));
        }
        Ok(Tokens(encoding.get_ids().to_vec()))
    }

    /// Puts texts of one batch side by side, padded on the right to the longest.
    pub fn collate<'a>(&self, texts: impl ExactSizeIterator<Item = &'a Tokens> + Clone) -> TextTensors {
        let longest = texts.clone().map(|tokens| tokens.0.len()).max().unwrap_or(0);
        let mut ids = Array2::from_elem((texts.len(), longest), self.pad);
        let mut mask = Array2::zeros((texts.len(), longest));
        for (row, tokens) in texts.enumerate() {
            for (column, id) in tokens.0.iter().enumerate() {
                ids[[row, column]] = i64::from(*id);
                mask[[row, column]] = 1;
            }
        }
        TextTensors { ids, mask }
    }
}

/// A batch of texts as a model takes them.
#[derive(Debug)]
pub struct TextTensors {
    /// `input_ids`
    pub ids: Array2<i64>,
    /// `attention_mask`
    pub mask: Array2<i64>,
}

/// A session on a text encoder, with the inputs it has.
#[derive(Debug)]
pub struct TextSession {
    session: Session,
    has_types: bool,
    output: String,
}

impl TextSession {
    /// Takes a session whose graph has `input_ids` and `attention_mask` and one of `outputs`, the first that there is.
    pub fn new(session: Session, file: PathBuf, outputs: &[&str]) -> Result<Self, ModelError> {
        let inputs: Vec<&str> = session.inputs().iter().map(ort::value::Outlet::name).collect();
        for what in ["input_ids", "attention_mask"] {
            if !inputs.contains(&what) {
                return Err(ModelError::Graph { file, what, present: inputs.join(", ") });
            }
        }
        let has_types = inputs.contains(&"token_type_ids");
        let present: Vec<&str> = session.outputs().iter().map(ort::value::Outlet::name).collect();
        let output = outputs.iter().find(|name| present.contains(name)).or(present.first()).copied();
        let Some(output) = output.map(str::to_owned) else {
            return Err(ModelError::Graph { file, what: "output", present: String::new() });
        };
        Ok(Self { session, has_types, output })
    }

    /// Runs a batch and hands the output's shape and values to `read`.
    pub fn run<T>(
        &mut self,
        tensors: &TextTensors,
        read: impl FnOnce(&[usize], &[f32]) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let failed = |error: ort::Error| Failure::permanent(FailureCode::InferenceFailed, error);
        let types;
        let mut inputs = ort::inputs![
            "input_ids" => ort::value::TensorRef::from_array_view(&tensors.ids).map_err(failed)?,
            "attention_mask" => ort::value::TensorRef::from_array_view(&tensors.mask).map_err(failed)?,
        ];
        if self.has_types {
            types = Array2::<i64>::zeros(tensors.ids.dim());
            let value = ort::value::TensorRef::from_array_view(&types).map_err(failed)?;
            inputs.push(("token_type_ids".into(), value.into()));
        }
        let outputs = self.session.run(inputs).map_err(failed)?;
        let output = outputs[self.output.as_str()].try_extract_array::<f32>().map_err(failed)?;
        let shape = output.shape().to_vec();
        let values = output.as_slice().ok_or_else(|| {
            Failure::permanent(FailureCode::InferenceFailed, "the model's output is not contiguous")
        })?;
        read(&shape, values)
    }
}
