//! `Idempotency-Key`: a repeated submission is recognised by what it asks for, not by how it is written.

use axum::http::{HeaderMap, HeaderName};
use forebay_shared::job::{ImageSource, Input, Item, Object};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::problem::{Code, Problem};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that the answer is about an earlier submission.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key.
const LONGEST: usize = 255;

/// The request's key, if it has one.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.as_bytes();
    let sane = (1..=LONGEST).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if !sane || values.next().is_some() {
        return Err(Problem::new(
            Code::InvalidHeader,
            format_args!("`Idempotency-Key` must be 1 to {LONGEST} visible ASCII characters, given once"),
        )
        .at("Idempotency-Key")
        .limit(LONGEST as u64));
    }
    Ok(Some(key.iter().copied().map(char::from).collect()))
}

/// SHA-256 over values, each preceded by its kind and length, so that no two sequences run into each other.
#[derive(Debug, Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds a text.
    pub fn text(&mut self, text: &str) {
        self.bytes(b's', text.as_bytes());
    }

    /// Adds a number.
    pub fn number(&mut self, number: i64) {
        self.bytes(b'n', &number.to_be_bytes());
    }

    /// Adds an object; the order of its fields does not count.
    pub fn object(&mut self, object: &Object) {
        let mut fields: Vec<_> = object.iter().collect();
        fields.sort_by_key(|(name, _)| *name);
        self.number(i64::try_from(fields.len()).unwrap_or(i64::MAX));
        for (name, value) in fields {
            self.text(name);
            self.value(value);
        }
    }

    /// Adds an item. A picture counts by its bytes, of which `picture` is the SHA-256 where they are elsewhere.
    pub fn item(&mut self, item: &Item, picture: Option<[u8; 32]>) {
        match (&item.input, picture) {
            (Input::Text(text), _) => self.text(text),
            (Input::Pair { text, text_pair }, _) => {
                self.bytes(b'p', b"");
                self.text(text);
                self.text(text_pair);
            }
            (Input::Tokens(ids), _) => {
                let ids: Vec<u8> = ids.iter().flat_map(|id| id.to_be_bytes()).collect();
                self.bytes(b't', &ids);
            }
            (Input::Tensors(tensors), _) => {
                self.number(i64::try_from(tensors.len()).unwrap_or(i64::MAX));
                for tensor in tensors {
                    self.text(&tensor.name);
                    self.text(tensor.datatype.as_str());
                    let shape: Vec<u8> = tensor.shape.iter().flat_map(|axis| axis.to_be_bytes()).collect();
                    self.bytes(b'd', &shape);
                    self.bytes(b'e', &tensor.bytes);
                }
            }
            (Input::Image(_), Some(digest)) => self.bytes(b'i', &digest),
            (Input::Image(ImageSource::Inline(bytes)), None) => self.bytes(b'i', &Sha256::digest(bytes)),
            (Input::Image(ImageSource::Blob(address) | ImageSource::Url(address)), None) => {
                self.bytes(b'u', address.as_bytes());
            }
        }
        self.object(&item.params);
    }

    /// The fingerprint.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(object) => {
                self.bytes(b'o', b"");
                self.object(object);
            }
            Value::Array(values) => {
                self.bytes(b'a', &(values.len() as u64).to_be_bytes());
                for value in values {
                    self.value(value);
                }
            }
            Value::String(text) => self.text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                self.bytes(b'v', value.to_string().as_bytes());
            }
        }
    }

    fn bytes(&mut self, kind: u8, bytes: &[u8]) {
        self.0.update([kind]);
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> [u8; 32] {
        let Value::Object(object) = value else { panic!("an object was meant") };
        let mut fingerprint = Fingerprint::default();
        fingerprint.object(&object);
        fingerprint.finish()
    }

    #[test]
    fn the_order_of_fields_does_not_count() {
        assert_eq!(of(json!({"a": 1, "b": [true, null]})), of(json!({"b": [true, null], "a": 1})));
    }

    #[test]
    fn neighbours_do_not_run_into_each_other() {
        assert_ne!(of(json!({"a": "bc"})), of(json!({"ab": "c"})));
        assert_ne!(of(json!({"a": ["b", "c"]})), of(json!({"a": [["b"], "c"]})));
        assert_ne!(of(json!({"a": "1"})), of(json!({"a": 1})));
    }

    #[test]
    fn a_picture_counts_by_its_bytes_wherever_they_are() {
        let item = |source| Item { input: Input::Image(source), params: Object::new() };
        let mut here = Fingerprint::default();
        here.item(&item(ImageSource::Inline(vec![1, 2, 3])), None);
        let mut elsewhere = Fingerprint::default();
        let digest = Sha256::digest([1, 2, 3]).into();
        elsewhere.item(&item(ImageSource::Blob("inputs/1/0".into())), Some(digest));
        assert_eq!(here.finish(), elsewhere.finish());
    }
}
