//! `POST /v1/embeddings`: texts or their tokens become vectors.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use forebay_shared::job::{Kind, Object, Output};
use serde::{Deserialize, Serialize};

use super::{Call, MOST_INPUTS};
use crate::call::{self, Answered, unlike};
use crate::inputs::Inputs;
use crate::{Fault, FaultCode};

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    model: String,
    input: Inputs,
    #[serde(default)]
    encoding_format: Option<Encoding>,
    #[serde(default)]
    dimensions: Option<u32>,
    /// Whose request it is, for OpenAI's own eyes: taken and left alone.
    #[serde(default, rename = "user")]
    _user: Option<String>,
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    /// As numbers.
    #[default]
    Float,
    /// As the base64 of little-endian 32-bit floats, which is what OpenAI's own clients ask for.
    Base64,
}

/// Reads a body.
pub(super) fn read(body: &[u8]) -> Result<Call, Fault> {
    let Body { model, input, encoding_format, dimensions, .. } = crate::read(body, "request")?;
    let mut params = Object::new();
    if let Some(dimensions) = dimensions {
        if dimensions == 0 {
            let fault = Fault::new(FaultCode::InvalidField, "`dimensions` must be at least 1");
            return Err(fault.at("dimensions"));
        }
        params.insert("dimensions".to_owned(), dimensions.into());
    }
    let reply = Reply { encoding: encoding_format.unwrap_or_default() };
    let items = input.items("input", MOST_INPUTS)?;
    let reply = super::Reply::Embeddings(reply);
    Ok(Call { model, named_by: None, kinds: &[Kind::TextEmbedding], items, params, reply })
}

/// How the answer is written.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    encoding: Encoding,
}

#[derive(Serialize)]
struct Answer<'a> {
    object: &'static str,
    data: Vec<Datum>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
struct Datum {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

impl Reply {
    pub(super) fn write(self, answered: Answered<'_>, outputs: Vec<Output>) -> Result<call::Answer, Fault> {
        let (mut data, mut tokens) = (Vec::with_capacity(outputs.len()), 0);
        for (index, output) in outputs.into_iter().enumerate() {
            let Output::Embedding { embedding, tokens: read } = output else {
                return Err(unlike(Kind::TextEmbedding));
            };
            tokens += u64::from(read);
            let embedding = match self.encoding {
                Encoding::Float => Vector::Numbers(embedding),
                Encoding::Base64 => {
                    let bytes: Vec<u8> = embedding.iter().flat_map(|value| value.to_le_bytes()).collect();
                    Vector::Base64(BASE64.encode(bytes))
                }
            };
            data.push(Datum { object: "embedding", index, embedding });
        }
        let usage = Usage { prompt_tokens: tokens, total_tokens: tokens };
        Ok(call::Answer::json(&Answer { object: "list", data, model: answered.model, usage }))
    }
}

#[cfg(test)]
mod tests;
