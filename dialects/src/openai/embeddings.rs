//! `POST /v1/embeddings`: texts or their tokens become vectors.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use forebay_shared::job::{Input, Item, Kind, Object, Output};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Call, MOST_INPUTS};
use crate::call::{self, Answered, unlike};
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
    let items = input.items()?;
    let reply = super::Reply::Embeddings(reply);
    Ok(Call { model, named_by: None, kinds: &[Kind::TextEmbedding], items, params, reply })
}

/// A text, its tokens, or a list of either.
#[derive(Debug)]
enum Inputs {
    One(Element),
    Many(Vec<Element>),
}

/// What stands in the list, or instead of one.
#[derive(Debug)]
enum Element {
    Text(String),
    Token(u32),
    Tokens(Vec<u32>),
}

impl Inputs {
    fn items(self) -> Result<Vec<Item>, Fault> {
        let (inputs, one) = match self {
            Self::One(Element::Text(text)) => (vec![Input::Text(text)], true),
            Self::Many(elements) if matches!(elements.first(), Some(Element::Token(_))) => {
                (vec![Input::Tokens(all(elements, Element::token, "token ids")?)], true)
            }
            Self::Many(elements) if matches!(elements.first(), Some(Element::Tokens(_))) => {
                (all(elements, Element::tokens, "lists of token ids")?, false)
            }
            Self::Many(elements) => (all(elements, Element::text, "strings")?, false),
            Self::One(_) => return Err(Fault::new(FaultCode::InvalidField, EXPECTED).at("input")),
        };
        if inputs.is_empty() {
            return Err(Fault::new(FaultCode::EmptyInput, "`input` must not be empty").at("input"));
        }
        if inputs.len() > MOST_INPUTS {
            let message = format!("there are {} inputs, the limit is {MOST_INPUTS}", inputs.len());
            return Err(Fault::new(FaultCode::TooManyItems, message).at("input").limit(MOST_INPUTS as u64));
        }
        let items = inputs.into_iter().enumerate().map(|(index, input)| {
            let is_empty = match &input {
                Input::Text(text) => text.is_empty(),
                Input::Tokens(ids) => ids.is_empty(),
                Input::Pair { text, text_pair } => text.is_empty() && text_pair.is_empty(),
                Input::Image(_) | Input::Tensors(_) => false,
            };
            if is_empty {
                let field = if one { "input".to_owned() } else { format!("input[{index}]") };
                return Err(
                    Fault::new(FaultCode::EmptyInput, format!("`{field}` must not be empty")).at(field)
                );
            }
            Ok(Item { input, params: Object::new() })
        });
        items.collect()
    }
}

/// The elements as what the first of them is.
fn all<T>(elements: Vec<Element>, take: fn(Element) -> Option<T>, what: &str) -> Result<Vec<T>, Fault> {
    let taken = elements.into_iter().enumerate().map(|(index, element)| {
        take(element).ok_or_else(|| {
            let message = format!("`input` is a list of {what}, and `input[{index}]` is something else");
            Fault::new(FaultCode::InvalidField, message).at(format!("input[{index}]"))
        })
    });
    taken.collect()
}

impl Element {
    fn text(self) -> Option<Input> {
        if let Self::Text(text) = self { Some(Input::Text(text)) } else { None }
    }

    fn token(self) -> Option<u32> {
        if let Self::Token(id) = self { Some(id) } else { None }
    }

    fn tokens(self) -> Option<Input> {
        if let Self::Tokens(ids) = self { Some(Input::Tokens(ids)) } else { None }
    }
}

const EXPECTED: &str = "a string, a list of strings, a list of token ids, or a list of such lists";

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Inputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Inputs, E> {
                Ok(Inputs::One(Element::Text(text.to_owned())))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Inputs, E> {
                Ok(Inputs::One(Element::Text(text)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Inputs, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = list.next_element()? {
                    elements.push(element);
                }
                Ok(Inputs::Many(elements))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Element;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a token id, or a list of token ids")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Element, E> {
                Ok(Element::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Element, E> {
                Ok(Element::Text(text))
            }

            fn visit_u64<E: Error>(self, id: u64) -> Result<Element, E> {
                u32::try_from(id).map(Element::Token).map_err(|_| E::custom(format!("{id} is no token id")))
            }

            fn visit_i64<E: Error>(self, id: i64) -> Result<Element, E> {
                Err(E::custom(format!("{id} is no token id")))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Element, A::Error> {
                let mut ids = Vec::new();
                while let Some(id) = list.next_element()? {
                    ids.push(id);
                }
                Ok(Element::Tokens(ids))
            }
        }

        deserializer.deserialize_any(Any)
    }
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
