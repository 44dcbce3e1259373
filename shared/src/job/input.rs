//! Items, and the places they wait in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Cost, Modality, Object, Tensor};

/// One input of a job, with parameters of its own over the job's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What the model is to look at.
    #[serde(flatten)]
    pub input: Input,
    /// Parameters that stand over the job's.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub params: Object,
}

/// What the model is to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Words.
    Text(String),
    /// Words that the client has tokenised itself, by their ids in the model's vocabulary.
    Tokens(Vec<u32>),
    /// Words, and others that are read or compared with them.
    Pair {
        /// The first, such as a question.
        text: String,
        /// The second, such as what may answer it.
        text_pair: String,
    },
    /// A picture.
    Image(ImageSource),
    /// What the model takes, by name.
    Tensors(Vec<Tensor>),
}

/// Where a picture's bytes are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageSource {
    /// Here: it is small.
    Inline(#[serde(serialize_with = "to_base64", deserialize_with = "from_base64")] Vec<u8>),
    /// In the blob store, under this key.
    Blob(String),
    /// Somewhere else; the worker fetches it.
    Url(String),
}

impl Input {
    /// What the input is made of.
    pub const fn modality(&self) -> Modality {
        match self {
            Self::Text(_) | Self::Tokens(_) | Self::Pair { .. } => Modality::Text,
            Self::Image(_) => Modality::Image,
            Self::Tensors(_) => Modality::Tensor,
        }
    }

    /// What it probably costs by itself, see [`Cost::of`]: tokens for a text (four bytes each, and two that every tokenizer
    /// adds), of which ids are as many as they are, one for a picture; elements for tensors.
    pub(super) fn cost(&self) -> Cost {
        match self {
            Self::Text(text) => Cost::text(text.len() as u64) + Cost::new(2),
            Self::Tokens(ids) => Cost::new(ids.len() as u64),
            Self::Pair { text, text_pair } => {
                Cost::text((text.len() + text_pair.len()) as u64) + Cost::new(3)
            }
            Self::Image(_) => Cost::new(1),
            Self::Tensors(tensors) => tensors.iter().map(|tensor| Cost::new(tensor.elements())).sum(),
        }
    }
}

/// A job's items, in the client's order.
pub type Items = Vec<Item>;

/// Where a job's items stand.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemsAt {
    /// In the row, encoded.
    Row(String),
    /// In the blob store, under this key.
    Blob(String),
    /// In lines of an uploaded file: a slice.
    File {
        /// The file's key in the blob store.
        file: String,
        /// Which lines, encoded.
        lines: String,
    },
}

impl ItemsAt {
    /// The uploaded file whose lines are the items.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::File { file, .. } => Some(file),
            Self::Row(_) | Self::Blob(_) => None,
        }
    }

    /// The stored form of items.
    pub fn encode(items: &[Item]) -> String {
        serde_json::to_string(items).expect("items are strings, bytes and JSON objects, which JSON can hold")
    }

    /// Reads the stored form back.
    pub fn decode(stored: &[u8]) -> Result<Items, serde_json::Error> {
        serde_json::from_slice(stored)
    }
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64.decode(text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_read_back_as_they_were() {
        let mut params = Object::new();
        params.insert("top_k".into(), 3.into());
        let tensor = r#"{"name": "x", "datatype": "BYTES", "shape": [1], "base64": "AQAAAGE="}"#;
        let tensor: Tensor = serde_json::from_str(tensor).unwrap();
        let items = vec![
            Item { input: Input::Text("你好".into()), params: Object::new() },
            Item { input: Input::Tokens(vec![101, 2023, 102]), params: Object::new() },
            Item { input: Input::Image(ImageSource::Inline(vec![0, 255, 7])), params },
            Item {
                input: Input::Pair { text: "who?".into(), text_pair: "anna".into() },
                params: Object::new(),
            },
            Item { input: Input::Image(ImageSource::Blob("inputs/1/0".into())), params: Object::new() },
            Item { input: Input::Tensors(vec![tensor]), params: Object::new() },
            Item {
                input: Input::Image(ImageSource::Url("http://example.org/a.png".into())),
                params: Object::new(),
            },
        ];
        let stored = ItemsAt::encode(&items);
        assert_eq!(ItemsAt::decode(stored.as_bytes()).unwrap(), items);
    }
}
