//! Tensors by name, as KServe's Open Inference Protocol v2 has them.
//!
//! In memory a tensor is its bytes, little-endian, the last axis running fastest; that is also how inputs are stored. What
//! clients write is checked here in full, so that nothing but a model's own graph can object to it later.

mod body;
mod datatype;
mod elements;
mod spec;

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

pub use body::TensorBody;
pub use datatype::Datatype;
pub use spec::{TensorSpec, check_inputs};

/// Tensors of one item: more than any graph of the starter models has inputs by far.
pub const MOST_TENSORS: usize = 64;
/// Axes of a tensor; ONNX's own operators seldom know more than five.
const MOST_AXES: usize = 8;
/// Characters of a name.
const LONGEST_NAME: usize = 256;
/// Bytes of one item's tensors together: a picture of 1,100 × 1,100 in FP32 fits, and a body of 32 MiB holds one in base64.
pub const LARGEST: u64 = 16 * 1024 * 1024;

/// A tensor with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name in the graph.
    pub name: String,
    /// What its elements are.
    pub datatype: Datatype,
    /// Its shape; without any axis it is a single element.
    pub shape: Vec<u64>,
    /// Its elements, little-endian, the last axis running fastest; of `BYTES` each with its length before it, in four bytes.
    pub bytes: Bytes,
    /// How it is written down.
    pub encoding: Encoding,
}

/// How elements are written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// A flat list; NaN and infinities are null, which reads as NaN.
    #[default]
    Json,
    /// Base64 of the bytes, little-endian.
    Base64,
}

/// What is wrong with a tensor, or with a list of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TensorError {
    /// Its place in the list, if it is one of them.
    pub place: Option<usize>,
    /// Which of its fields, if it is one.
    pub field: Option<&'static str>,
    /// One sentence.
    pub message: String,
    /// The number that was exceeded.
    pub limit: Option<u64>,
}

impl TensorError {
    fn new(message: String) -> Self {
        Self { place: None, field: None, message, limit: None }
    }

    fn at(field: &'static str, message: String) -> Self {
        Self { field: Some(field), ..Self::new(message) }
    }

    fn limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    fn of(self, place: usize) -> Self {
        Self { place: Some(place), ..self }
    }

    /// The path below an item.
    pub fn path(&self) -> String {
        let place = self.place.map_or_else(String::new, |place| format!("[{place}]"));
        let field = self.field.map_or_else(String::new, |field| format!(".{field}"));
        format!("tensors{place}{field}")
    }
}

impl Tensor {
    /// Reads an item's tensors as a client wrote them.
    pub fn read_all(bodies: Vec<TensorBody>) -> Result<Vec<Self>, TensorError> {
        if bodies.is_empty() {
            return Err(TensorError::new("there must be at least one tensor".to_owned()));
        }
        if bodies.len() > MOST_TENSORS {
            let message = format!("there are {} tensors, the limit is {MOST_TENSORS}", bodies.len());
            return Err(TensorError::new(message).limit(MOST_TENSORS as u64));
        }
        let (mut tensors, mut bytes): (Vec<Self>, u64) = (Vec::with_capacity(bodies.len()), 0);
        for (place, body) in bodies.into_iter().enumerate() {
            if tensors.iter().any(|tensor| tensor.name == body.name) {
                let message = format!("there are two tensors `{}`", body.name);
                return Err(TensorError::at("name", message).of(place));
            }
            let tensor = body.read(LARGEST.saturating_sub(bytes)).map_err(|error| error.of(place))?;
            bytes += tensor.bytes.len() as u64;
            // Stored they take less room as bytes, and are read faster.
            tensors.push(Self { encoding: Encoding::Base64, ..tensor });
        }
        Ok(tensors)
    }

    /// How many elements it has.
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Where its elements begin, and after them where the last one ends; `None`: all are of one size.
    pub fn starts(&self) -> Option<Vec<usize>> {
        self.datatype.size().is_none().then(|| {
            let ends = elements::strings(&self.bytes).scan(0, |end, string| {
                *end += 4 + string.len();
                Some(*end)
            });
            std::iter::once(0).chain(ends).collect()
        })
    }

    /// Its elements, of `BYTES`.
    pub fn strings(&self) -> impl Iterator<Item = &[u8]> {
        elements::strings(&self.bytes)
    }

    /// Bytes of a tensor of `BYTES` with these elements.
    pub fn of_strings<'a>(strings: impl Iterator<Item = &'a [u8]>) -> Bytes {
        let mut bytes = Vec::new();
        strings.for_each(|string| elements::push_string(&mut bytes, string));
        bytes.into()
    }
}

impl<'de> Deserialize<'de> for Tensor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What a model gave may be larger than what it may be given.
        TensorBody::deserialize(deserializer)?.read(u64::MAX).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
