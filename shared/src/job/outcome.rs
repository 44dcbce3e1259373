//! What became of an item, and the result document they form.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::{Failure, FailureCode, Output};

/// Why an item has no output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemError {
    /// The named reason.
    pub code: FailureCode,
    /// One sentence.
    pub message: String,
}

impl From<Failure> for ItemError {
    fn from(failure: Failure) -> Self {
        Self { code: failure.code, message: failure.message }
    }
}

/// What became of one item.
pub type Outcome = Result<Output, Failure>;

/// A picture or other medium that a result names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaFile {
    /// The number of the item that it belongs to.
    pub item: u32,
    /// Its key in the blob store.
    pub key: String,
    /// Its media type.
    pub content_type: String,
    /// Its size.
    pub bytes: u64,
}

/// Writes `{"items":[{"index","status","output"|"error"},…]}` in input order; an item with media names the numbers of its
/// `files`, one whose answer was kept from earlier says so. `cached` may end before the items do.
pub fn result_document(outcomes: &[Outcome], files: &[MediaFile], cached: &[bool]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Document<'a> {
        items: Vec<Entry<'a>>,
    }
    let entry = |(index, outcome)| {
        let cached = cached.get(index).copied().unwrap_or(false);
        Entry { index, outcome, files, cached }
    };
    let items = outcomes.iter().enumerate().map(entry).collect();
    serde_json::to_vec(&Document { items }).expect("outputs are finite trees of strings and numbers")
}

/// Reads what [`result_document`] wrote. Whether a failure was worth another attempt is not told there.
pub fn read_result(document: &[u8]) -> Result<Vec<Outcome>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Document {
        items: Vec<Read>,
    }
    #[derive(Deserialize)]
    struct Read {
        #[serde(default)]
        output: Option<Output>,
        #[serde(default)]
        error: Option<ItemError>,
    }
    let document: Document = serde_json::from_slice(document)?;
    let outcome = |read: Read| match (read.output, read.error) {
        (Some(output), _) => Ok(output),
        (None, Some(error)) => Err(Failure::permanent(error.code, error.message)),
        (None, None) => Err(Failure::permanent(FailureCode::Internal, "the item got no outcome")),
    };
    Ok(document.items.into_iter().map(outcome).collect())
}

struct Entry<'a> {
    index: usize,
    outcome: &'a Outcome,
    files: &'a [MediaFile],
    cached: bool,
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("index", &self.index)?;
        match self.outcome {
            Ok(output) => {
                map.serialize_entry("status", "succeeded")?;
                map.serialize_entry("output", output)?;
                let own = self.files.iter().enumerate().filter(|(_, file)| file.item as usize == self.index);
                let own: Vec<usize> = own.map(|(number, _)| number).collect();
                if !own.is_empty() {
                    map.serialize_entry("files", &own)?;
                }
                if self.cached {
                    map.serialize_entry("cached", &true)?;
                }
            }
            Err(failure) => {
                map.serialize_entry("status", "failed")?;
                map.serialize_entry(
                    "error",
                    &ItemError { code: failure.code, message: failure.message.clone() },
                )?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Label;

    #[test]
    fn a_result_keeps_the_order_and_tells_each_item_apart() {
        let outcomes = [
            Ok(Output::Embedding { embedding: vec![0.5, -1.0], tokens: 5 }),
            Err(Failure::permanent(FailureCode::ImageUndecodable, "the picture ends too early")),
            Ok(Output::Labels { labels: vec![Label { label: "cat".into(), score: 0.75 }] }),
        ];
        let document = String::from_utf8(result_document(&outcomes, &[], &[])).unwrap();
        assert_eq!(read_result(document.as_bytes()).unwrap(), outcomes);
        assert_eq!(
            document,
            concat!(
                r#"{"items":[{"index":0,"status":"succeeded","output":{"embedding":[0.5,-1.0],"tokens":5}},"#,
                r#"{"index":1,"status":"failed","error":{"code":"image_undecodable","message":"the picture ends too early"}},"#,
                r#"{"index":2,"status":"succeeded","output":{"labels":[{"label":"cat","score":0.75}]}}]}"#
            )
        );
    }
}
