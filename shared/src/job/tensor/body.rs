//! A tensor as it is written down.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Datatype, Encoding, LARGEST, LONGEST_NAME, MOST_AXES, Tensor, TensorError, elements};

/// Base64 as clients write it, with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A tensor by its name. Give exactly one of `data` and `base64`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Tensor)]
#[serde(deny_unknown_fields)]
pub struct TensorBody {
    /// Its name in the model's graph: at most 256 characters.
    pub name: String,
    /// What its elements are.
    pub datatype: Datatype,
    /// Its shape, of at most 8 axes; an empty one is that of a single element.
    pub shape: Vec<u64>,
    /// Its elements, the last axis running fastest: a flat list, or lists nested as the shape is. `BYTES` are texts; NaN is
    /// null.
    #[serde(default)]
    #[schema(value_type = Option<Vec<serde_json::Value>>)]
    pub data: Option<Box<RawValue>>,
    /// Its elements as bytes, little-endian, the last axis running fastest; of `BYTES` each has its length before it, in four
    /// bytes. All tensors of an item have 16 MiB at most.
    #[serde(default)]
    #[schema(content_encoding = "base64")]
    pub base64: Option<String>,
    /// The same bytes, where they come beside the JSON.
    #[serde(skip)]
    #[schema(ignore)]
    pub bytes: Option<Bytes>,
}

impl TensorBody {
    /// The tensor, if it keeps to every limit and has no more than `most` bytes.
    pub(super) fn read(self, most: u64) -> Result<Tensor, TensorError> {
        let Self { name, datatype, shape, data, base64, bytes } = self;
        if !(1..=LONGEST_NAME).contains(&name.chars().count()) {
            let message = format!("the name must have from 1 to {LONGEST_NAME} characters");
            return Err(TensorError::at("name", message).limit(LONGEST_NAME as u64));
        }
        let elements = count(&name, &shape)?;
        let size = datatype.size().unwrap_or(4) as u64;
        let too_large = || {
            let message = format!(
                "the tensor `{name}` is too large: the tensors of an item may have {LARGEST} bytes together"
            );
            TensorError::at("shape", message).limit(LARGEST)
        };
        // Texts have four bytes at least, for their lengths.
        if elements.saturating_mul(size) > most {
            return Err(too_large());
        }
        let wrong = |field, what: String| {
            TensorError::at(field, format!("the {field} of the tensor `{name}` {what}"))
        };
        let (bytes, encoding) = match (data, base64, bytes) {
            (Some(data), None, None) => {
                let bytes = elements::read(datatype, &shape, elements, most, &data);
                (bytes.map_err(|what| wrong("data", what))?.into(), Encoding::Json)
            }
            (None, None, Some(bytes)) => {
                // A text with its length may be longer than any number.
                if bytes.len() as u64 > most {
                    return Err(too_large());
                }
                fits(datatype, &shape, elements, &bytes).map_err(|what| wrong("data", what))?;
                (bytes, Encoding::Base64)
            }
            (None, Some(base64), None) => {
                if (base64.len() / 4 * 3) as u64 > most.saturating_add(2) {
                    return Err(too_large());
                }
                let bytes = BASE64.decode(base64).map_err(|error| {
                    wrong("base64", format!("cannot be read: {}", error.to_string().to_ascii_lowercase()))
                })?;
                // Before it was decoded its size was known to two bytes only.
                if bytes.len() as u64 > most {
                    return Err(too_large());
                }
                fits(datatype, &shape, elements, &bytes).map_err(|what| wrong("base64", what))?;
                (bytes.into(), Encoding::Base64)
            }
            _ => {
                let message = format!("the tensor `{name}` must have exactly one of `data` and `base64`");
                return Err(TensorError::new(message));
            }
        };
        Ok(Tensor { name, datatype, shape, bytes, encoding })
    }
}

/// How many elements a shape has.
fn count(name: &str, shape: &[u64]) -> Result<u64, TensorError> {
    if shape.len() > MOST_AXES {
        let message = format!("the tensor `{name}` has {} axes, the limit is {MOST_AXES}", shape.len());
        return Err(TensorError::at("shape", message).limit(MOST_AXES as u64));
    }
    if shape.contains(&0) {
        let message = format!("the tensor `{name}` has the shape {shape:?}: every axis must be at least 1");
        return Err(TensorError::at("shape", message));
    }
    Ok(shape.iter().fold(1, |elements: u64, axis| elements.saturating_mul(*axis)))
}

/// Whether the bytes are so many elements.
fn fits(datatype: Datatype, shape: &[u64], elements: u64, bytes: &[u8]) -> Result<(), String> {
    if let Some(size) = datatype.size() {
        let wanted = elements * size as u64;
        let given = bytes.len();
        return if given as u64 == wanted {
            Ok(())
        } else {
            Err(format!("has {given} bytes, and {datatype} of the shape {shape:?} has {wanted}"))
        };
    }
    let (mut count, mut end) = (0, 0);
    for string in elements::strings(bytes) {
        if std::str::from_utf8(string).is_err() || string.contains(&0) {
            return Err(format!("has as element {count} what is no UTF-8, or has the character U+0000"));
        }
        (count, end) = (count + 1, end + 4 + string.len());
    }
    if end != bytes.len() {
        return Err(format!("ends within element {count}"));
    }
    if count != elements {
        return Err(format!("has {count} elements, and the shape {shape:?} has {elements}"));
    }
    Ok(())
}

impl Serialize for Tensor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut written = serializer.serialize_struct("Tensor", 4)?;
        written.serialize_field("name", &self.name)?;
        written.serialize_field("datatype", &self.datatype)?;
        written.serialize_field("shape", &self.shape)?;
        match self.encoding {
            Encoding::Json => written.serialize_field("data", &Elements(self))?,
            Encoding::Base64 => written.serialize_field("base64", &BASE64.encode(&self.bytes))?,
        }
        written.end()
    }
}

/// A tensor's elements as a list.
struct Elements<'a>(&'a Tensor);

impl Serialize for Elements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        elements::write(self.0.datatype, &self.0.bytes, serializer)
    }
}
