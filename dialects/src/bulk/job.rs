//! A job in a line: its items as `POST /v1/jobs` takes them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use forebay_shared::job::{ImageSource, Input, Item, Object, Params};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::{Fault, FaultCode};

/// Items of one line, as many as one submission may have.
const MOST_ITEMS: usize = 1024;

/// What is to be done, to which inputs, by which model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobBody {
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) input: Option<ItemBody>,
    #[serde(default)]
    pub(super) inputs: Option<Vec<ItemBody>>,
    #[serde(default)]
    pub(super) params: Option<Object>,
}

/// A text, or an object that says what it is.
#[derive(Debug)]
pub(super) enum ItemBody {
    Text(String),
    Object(ItemObject),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemObject {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    image: Option<ImageBody>,
    #[serde(default)]
    params: Option<Object>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageBody {
    #[serde(default)]
    base64: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    data_uri: Option<String>,
}

/// The items of a line, each with all its parameters: its own over the line's over the bulk's.
pub(super) fn items(body: JobBody, below: &Object) -> Result<Vec<Item>, Fault> {
    let JobBody { input, inputs, params, .. } = body;
    let (bodies, many) = match (input, inputs) {
        (Some(input), None) => (vec![input], false),
        (None, Some(inputs)) => (inputs, true),
        (None, None) => {
            return Err(Fault::new(FaultCode::MissingField, "give either `input` or `inputs`").at("input"));
        }
        (Some(_), Some(_)) => {
            let message = "give either `input` or `inputs`, not both";
            return Err(Fault::new(FaultCode::InvalidField, message).at("inputs"));
        }
    };
    if bodies.is_empty() {
        return Err(Fault::new(FaultCode::EmptyInput, "`inputs` must not be empty").at("inputs"));
    }
    if bodies.len() > MOST_ITEMS {
        let message = format!("there are {} inputs, the limit is {MOST_ITEMS}", bodies.len());
        return Err(Fault::new(FaultCode::TooManyItems, message).at("inputs").limit(MOST_ITEMS as u64));
    }
    let line = params.map_or_else(|| below.clone(), |params| Params::merge(below, &params));
    let place = |index: usize| if many { format!("inputs[{index}]") } else { "input".to_owned() };
    bodies.into_iter().enumerate().map(|(index, body)| body.item(&line, &place(index))).collect()
}

impl ItemBody {
    fn item(self, line: &Object, at: &str) -> Result<Item, Fault> {
        let (input, params) = match self {
            Self::Text(text) => (Input::Text(text), None),
            Self::Object(ItemObject { text: Some(text), image: None, params }) => (Input::Text(text), params),
            Self::Object(ItemObject { text: None, image: Some(image), params }) => {
                (Input::Image(image.source(at)?), params)
            }
            Self::Object(_) => {
                let message = format!("`{at}` must have either `text` or `image`");
                return Err(Fault::new(FaultCode::InvalidField, message).at(at));
            }
        };
        if matches!(&input, Input::Text(text) if text.is_empty()) {
            return Err(Fault::new(FaultCode::EmptyInput, format!("`{at}` must not be empty")).at(at));
        }
        let params = params.map_or_else(|| line.clone(), |params| Params::merge(line, &params));
        Ok(Item { input, params })
    }
}

impl ImageBody {
    fn source(self, at: &str) -> Result<ImageSource, Fault> {
        let not_base64 = || {
            Fault::new(FaultCode::InvalidField, format!("`{at}.image` is not valid base64"))
                .at(format!("{at}.image"))
        };
        match self {
            Self { base64: Some(text), url: None, data_uri: None } => {
                BASE64.decode(text).map(ImageSource::Inline).map_err(|_| not_base64())
            }
            Self { base64: None, url: Some(url), data_uri: None } => Ok(ImageSource::Url(url)),
            Self { base64: None, url: None, data_uri: Some(uri) } => {
                let (_, text) = uri.split_once(";base64,").ok_or_else(not_base64)?;
                BASE64.decode(text).map(ImageSource::Inline).map_err(|_| not_base64())
            }
            _ => {
                let message = format!("`{at}.image` must have exactly one of `base64`, `url` and `data_uri`");
                Err(Fault::new(FaultCode::InvalidField, message).at(format!("{at}.image")))
            }
        }
    }
}

impl<'de> Deserialize<'de> for ItemBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = ItemBody;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an object with `text` or `image`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ItemBody, E> {
                Ok(ItemBody::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<ItemBody, E> {
                Ok(ItemBody::Text(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ItemBody, A::Error> {
                ItemObject::deserialize(MapAccessDeserializer::new(map)).map(ItemBody::Object)
            }
        }

        deserializer.deserialize_any(Either)
    }
}
