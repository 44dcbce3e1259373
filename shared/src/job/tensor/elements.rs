//! Elements between JSON and bytes, without a tree in between.

use std::fmt;

use half::{bf16, f16};
use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serializer};
use serde_json::value::RawValue;

use super::Datatype;

/// Whole numbers below this are exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads a list, flat or nested as the shape is, that has `wanted` elements.
pub(super) fn read(
    datatype: Datatype,
    shape: &[u64],
    wanted: u64,
    most: u64,
    json: &RawValue,
) -> Result<Vec<u8>, String> {
    let mut into = Into { datatype, shape, wanted, most, bytes: Vec::new(), count: 0, leaves: None };
    let mut json = serde_json::Deserializer::from_str(json.get());
    let read = Level { into: &mut into, depth: 0 }.deserialize(&mut json);
    read.map_err(|error| {
        let message = error.to_string();
        message.split(" at line ").next().unwrap_or_default().to_owned()
    })?;
    if into.count != wanted {
        return Err(format!("has {} elements, and the shape {shape:?} has {wanted}", into.count));
    }
    Ok(into.bytes)
}

/// Elements that are being read.
struct Into<'a> {
    datatype: Datatype,
    shape: &'a [u64],
    wanted: u64,
    most: u64,
    bytes: Vec<u8>,
    count: u64,
    /// How deep the first element lies; all others must lie as deep.
    leaves: Option<usize>,
}

/// A list in a list in …, or an element.
struct Level<'a, 'b> {
    into: &'a mut Into<'b>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Level<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.into.datatype != Datatype::Fp64 {
            return deserializer.deserialize_any(self);
        }
        // The reader's own numbers may be off by their last digit, which only a double shows.
        let written = <&RawValue>::deserialize(deserializer)?.get();
        if let Some(value) = exact(written) {
            return self.visit_f64(value);
        }
        // Each list has a reader of its own, so that none of them bounds how deep they lie.
        if written.starts_with('[') && self.depth >= self.into.shape.len().max(1) {
            return Err(Error::custom(nested(self.depth + 1, self.into.shape)));
        }
        serde_json::Deserializer::from_str(written).deserialize_any(self).map_err(Error::custom)
    }
}

/// The double that is nearest to a number as it is written; `None` if it is no number, or beyond all doubles.
fn exact(written: &str) -> Option<f64> {
    let is_number = written.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    written.parse().ok().filter(|value: &f64| is_number && value.is_finite())
}

fn nested(depth: usize, shape: &[u64]) -> String {
    format!("is nested {depth} deep, and the shape {shape:?} is not")
}

impl<'de> Visitor<'de> for Level<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "elements of {}", self.into.datatype)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { into, depth } = self;
        if into.leaves.is_some_and(|leaves| leaves <= depth) {
            return Err(Error::custom("has lists and elements side by side"));
        }
        let mut length = 0_u64;
        while list.next_element_seed(Level { into: &mut *into, depth: depth + 1 })?.is_some() {
            length += 1;
        }
        // A flat list may have any shape.
        if depth == 0 && into.leaves == Some(1) {
            return Ok(());
        }
        match into.shape.get(depth) {
            Some(wanted) if length == *wanted => Ok(()),
            _ => Err(Error::custom(format!(
                "has a list of {length} where the shape {:?} has no such axis",
                into.shape
            ))),
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.element(
            |into| match into.datatype {
                Datatype::Bool => {
                    into.bytes.push(value.into());
                    Some(())
                }
                _ => None,
            },
            &value,
        )
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.element(|into| into.whole(value.into()), &value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.element(|into| into.whole(value.into()), &value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.element(|into| into.float(value), &value)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.element(|into| into.float(f64::NAN), &"null")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.element(|into| into.text(value), &"a text")
    }
}

impl Level<'_, '_> {
    /// Takes an element with `push`, if it is one of the datatype.
    fn element<E: Error>(
        self,
        push: impl FnOnce(&mut Into<'_>) -> Option<()>,
        shown: &dyn fmt::Display,
    ) -> Result<(), E> {
        let Self { into, depth } = self;
        if depth == 0 {
            return Err(Error::custom("must be a list"));
        }
        if *into.leaves.get_or_insert(depth) != depth {
            return Err(Error::custom("has lists and elements side by side"));
        }
        if depth > 1 && depth != into.shape.len() {
            return Err(Error::custom(nested(depth, into.shape)));
        }
        if into.count == into.wanted {
            let message = format!("has more elements than the {} of the shape {:?}", into.wanted, into.shape);
            return Err(Error::custom(message));
        }
        push(into).ok_or_else(|| {
            Error::custom(format!("has {shown} as element {}, which is no {}", into.count, into.datatype))
        })?;
        if into.bytes.len() as u64 > into.most {
            return Err(Error::custom(format!("has more than the {} bytes that are left", into.most)));
        }
        into.count += 1;
        Ok(())
    }
}

impl Into<'_> {
    fn whole(&mut self, value: i128) -> Option<()> {
        let bytes = &mut self.bytes;
        match self.datatype {
            Datatype::Bool => bytes.push(u8::try_from(value).ok().filter(|value| *value < 2)?),
            Datatype::Uint8 => bytes.push(value.try_into().ok()?),
            Datatype::Uint16 => bytes.extend(u16::try_from(value).ok()?.to_le_bytes()),
            Datatype::Uint32 => bytes.extend(u32::try_from(value).ok()?.to_le_bytes()),
            Datatype::Uint64 => bytes.extend(u64::try_from(value).ok()?.to_le_bytes()),
            Datatype::Int8 => bytes.extend(i8::try_from(value).ok()?.to_le_bytes()),
            Datatype::Int16 => bytes.extend(i16::try_from(value).ok()?.to_le_bytes()),
            Datatype::Int32 => bytes.extend(i32::try_from(value).ok()?.to_le_bytes()),
            Datatype::Int64 => bytes.extend(i64::try_from(value).ok()?.to_le_bytes()),
            _ => return self.float(value as f64),
        }
        Some(())
    }

    #[expect(clippy::cast_possible_truncation, reason = "rounding is meant, and what is beyond is refused")]
    fn float(&mut self, value: f64) -> Option<()> {
        let (bytes, fits) =
            (&mut self.bytes, |is_finite: bool| (is_finite || !value.is_finite()).then_some(()));
        match self.datatype {
            Datatype::Fp64 => bytes.extend(value.to_le_bytes()),
            Datatype::Fp32 => {
                fits((value as f32).is_finite())?;
                bytes.extend((value as f32).to_le_bytes());
            }
            Datatype::Fp16 => {
                let value = f16::from_f64(value);
                fits(value.is_finite())?;
                bytes.extend(value.to_le_bytes());
            }
            Datatype::Bf16 => {
                let value = bf16::from_f64(value);
                fits(value.is_finite())?;
                bytes.extend(value.to_le_bytes());
            }
            Datatype::Bytes => return None,
            // Many writers give whole numbers a point.
            _ if value.fract() == 0.0 && value.abs() < EXACT => return self.whole(value as i128),
            _ => return None,
        }
        Some(())
    }

    fn text(&mut self, value: &str) -> Option<()> {
        // The runtime ends texts with it.
        if self.datatype != Datatype::Bytes || value.contains('\0') {
            return None;
        }
        push_string(&mut self.bytes, value.as_bytes());
        Some(())
    }
}

/// Writes elements as a flat list.
pub(super) fn write<S: Serializer>(
    datatype: Datatype,
    bytes: &[u8],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    macro_rules! list {
        ($type:ty, $size:literal) => {
            list!($type, $size, |value: $type| value)
        };
        ($type:ty, $size:literal, $as:expr) => {{
            let (elements, _) = bytes.as_chunks::<$size>();
            let mut list = serializer.serialize_seq(Some(elements.len()))?;
            for element in elements {
                list.serialize_element(&$as(<$type>::from_le_bytes(*element)))?;
            }
            list.end()
        }};
    }
    match datatype {
        Datatype::Bool => list!(u8, 1, |value: u8| value != 0),
        Datatype::Uint8 => list!(u8, 1),
        Datatype::Uint16 => list!(u16, 2),
        Datatype::Uint32 => list!(u32, 4),
        Datatype::Uint64 => list!(u64, 8),
        Datatype::Int8 => list!(i8, 1),
        Datatype::Int16 => list!(i16, 2),
        Datatype::Int32 => list!(i32, 4),
        Datatype::Int64 => list!(i64, 8),
        Datatype::Fp16 => list!(f16, 2, f16::to_f32),
        Datatype::Bf16 => list!(bf16, 2, bf16::to_f32),
        Datatype::Fp32 => list!(f32, 4),
        Datatype::Fp64 => list!(f64, 8),
        Datatype::Bytes => serializer.collect_seq(strings(bytes).map(String::from_utf8_lossy)),
    }
}

/// Adds a text with its length before it.
pub(super) fn push_string(bytes: &mut Vec<u8>, string: &[u8]) {
    let length =
        u32::try_from(string.len()).expect("a text is shorter than an item, which has few megabytes");
    bytes.extend(length.to_le_bytes());
    bytes.extend(string);
}

/// Texts with their lengths before them; ends where something is cut off.
pub(super) fn strings(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (string, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bytes = rest;
        Some(string)
    })
}
