//! Answers that are kept: under what, and how they are written.
//!
//! A key says everything that an answer depends on: whose it is, the model's files, what this program makes of them, the
//! parameters, the input's bytes. So an answer can be old, but never another's. Nothing here reads or writes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::job::{Object, Output, Tensor};
use crate::model::ModelCard;

/// The folder of objects that hold kept answers.
pub const FOLDER: &str = "cache";
/// The parameter by which a client asks for a fresh answer.
pub const PARAM: &str = "cache";

/// The edition of all answers. Whoever makes any pipeline answer the same question differently raises it, and what was kept
/// before is not given again: the release says nothing of that, since it may stay the same for long.
const ANSWERS: &str = "1";

/// What an answer is kept under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey(pub [u8; 32]);

/// What a kept answer may be made of.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// Words.
    Text(&'a str),
    /// Words, and others that are read or compared with them.
    Pair(&'a str, &'a str),
    /// Ids of the model's vocabulary.
    Tokens(&'a [u32]),
    /// A file, wherever it came from.
    File(&'a [u8]),
    /// What the model takes, by name.
    Tensors(&'a [Tensor]),
}

/// One owner's work for one model: what all keys of a job have in common.
#[derive(Clone, Debug)]
pub struct Scope(Sha256);

/// One owner's work with the same parameters: they are read once, however many items have them.
#[derive(Clone, Debug)]
pub struct Question(Sha256);

impl Scope {
    /// The scope of this owner's work for this model, as this edition of the program does it.
    pub fn new(owner: &str, model: &ModelCard) -> Self {
        let mut hash = Sha256::new();
        for part in [ANSWERS, owner, &model.digest, model.kind.as_str()] {
            add(&mut hash, part.as_bytes());
        }
        Self(hash)
    }

    /// The key of an item with these parameters. `None`: the client wants a fresh answer.
    pub fn key(&self, params: &Object, content: Content<'_>) -> Option<CacheKey> {
        self.question(params).map(|question| question.key(content))
    }

    /// What is asked with these parameters, whatever of. `None`: the client wants a fresh answer.
    pub fn question(&self, params: &Object) -> Option<Question> {
        if params.get(PARAM).is_some_and(|wanted| wanted == false) {
            return None;
        }
        let mut hash = self.0.clone();
        // In the order of their names, however the client wrote them.
        let mut params: Vec<_> = params.iter().filter(|(name, _)| *name != PARAM).collect();
        params.sort_by_key(|(name, _)| *name);
        add(&mut hash, &serde_json::to_vec(&params).expect("parameters are JSON already"));
        Some(Question(hash))
    }
}

impl Question {
    /// The key of an item.
    pub fn key(&self, content: Content<'_>) -> CacheKey {
        let mut hash = self.0.clone();
        // What it is goes before it, since a text and a file of the same bytes differ.
        let (tokens, tensors): (Vec<u8>, Vec<u8>);
        let parts: [&[u8]; 3] = match content {
            Content::Text(text) => [b"text", text.as_bytes(), b""],
            Content::Pair(text, pair) => [b"pair", text.as_bytes(), pair.as_bytes()],
            Content::Tokens(ids) => {
                tokens = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
                [b"tokens", &tokens, b""]
            }
            Content::File(bytes) => [b"file", bytes, b""],
            Content::Tensors(all) => {
                tensors = serde_json::to_vec(all).expect("tensors are texts and numbers");
                [b"tensors", &tensors, b""]
            }
        };
        for part in parts {
            add(&mut hash, part);
        }
        CacheKey(hash.finalize().into())
    }
}

/// Its length goes before a part, so that no two lists of parts are the same bytes.
fn add(hash: &mut Sha256, part: &[u8]) {
    hash.update((part.len() as u64).to_le_bytes());
    hash.update(part);
}

/// A medium that goes with a kept answer: its media type and its bytes.
pub type KeptMedium = (String, Bytes);

#[derive(Serialize, Deserialize)]
struct Head {
    output: Output,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    media: Vec<(String, u64)>,
}

/// Writes an answer: a line of JSON, and its media behind it.
pub fn write(output: &Output, media: &[KeptMedium]) -> Vec<u8> {
    let media_of = |(content_type, bytes): &KeptMedium| (content_type.clone(), bytes.len() as u64);
    let head = Head { output: output.clone(), media: media.iter().map(media_of).collect() };
    let mut written = serde_json::to_vec(&head).expect("outputs are finite trees of strings and numbers");
    for (number, (_, bytes)) in media.iter().enumerate() {
        if number == 0 {
            written.push(b'\n');
        }
        written.extend_from_slice(bytes);
    }
    written
}

/// Reads what [`write()`] wrote. `None`: it is something else, such as an answer of another release.
pub fn read(written: &Bytes) -> Option<(Output, Vec<KeptMedium>)> {
    // JSON on one line has no line's end in it.
    let end = written.iter().position(|byte| *byte == b'\n').unwrap_or(written.len());
    let head: Head = serde_json::from_slice(&written[..end]).ok()?;
    let mut rest = written.slice((end + 1).min(written.len())..);
    let mut media = Vec::with_capacity(head.media.len());
    for (content_type, length) in head.media {
        let length = usize::try_from(length).ok().filter(|length| *length <= rest.len())?;
        media.push((content_type, rest.split_to(length)));
    }
    rest.is_empty().then_some((head.output, media))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::job::{Cost, Kind, Label};

    fn card(digest: &str, kind: Kind) -> ModelCard {
        ModelCard {
            name: "model".into(),
            owner: None,
            registered: false,
            digest: digest.into(),
            bytes: None,
            kind,
            aliases: Vec::new(),
            description: String::new(),
            licence: String::new(),
            owned_by: "forebay".into(),
            labels: Vec::new(),
            prompts: Vec::new(),
            max_tokens: None,
            dimensions: None,
            inputs: Vec::new(),
            outputs: Vec::new(),
            batch_cost: Cost::new(8).units(),
            file: String::new(),
        }
    }

    fn object(value: serde_json::Value) -> Object {
        let serde_json::Value::Object(object) = value else { panic!("an object was meant") };
        object
    }

    #[test]
    fn whatever_an_answer_depends_on_makes_another_key() {
        let embeds = card("d1", Kind::TextEmbedding);
        let scope = Scope::new("alice", &embeds);
        let none = Object::new();
        let tensor = |number: u8| -> Tensor {
            let written = json!({"name": "a", "datatype": "UINT8", "shape": [1], "data": [number]});
            serde_json::from_value(written).unwrap()
        };
        let keys = [
            scope.key(&none, Content::Text("a")),
            scope.key(&none, Content::Text("b")),
            scope.key(&none, Content::File(b"a")),
            scope.key(&none, Content::Pair("a", "")),
            scope.key(&none, Content::Pair("", "a")),
            scope.key(&none, Content::Tokens(&[97])),
            scope.key(&none, Content::Tensors(&[tensor(1)])),
            scope.key(&none, Content::Tensors(&[tensor(2)])),
            scope.key(&object(json!({"dimensions": 8})), Content::Text("a")),
            scope.key(&object(json!({"dimensions": 9})), Content::Text("a")),
            Scope::new("bob", &embeds).key(&none, Content::Text("a")),
            Scope::new("alice", &card("d2", Kind::TextEmbedding)).key(&none, Content::Text("a")),
            Scope::new("alice", &card("d1", Kind::TextClassification)).key(&none, Content::Text("a")),
        ];
        let mut different: Vec<_> = keys.iter().map(|key| key.expect("each has a key")).collect();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), keys.len());
    }

    #[test]
    fn the_same_question_has_the_same_key_however_it_is_written() {
        let scope = Scope::new("alice", &card("d", Kind::TextEmbedding));
        let one = object(json!({"truncate": true, "dimensions": 8}));
        let other = object(json!({"dimensions": 8, "cache": true, "truncate": true}));
        assert_eq!(scope.key(&one, Content::Text("a")), scope.key(&other, Content::Text("a")));
    }

    #[test]
    fn who_wants_a_fresh_answer_has_no_key() {
        let scope = Scope::new("alice", &card("d", Kind::TextEmbedding));
        assert_eq!(scope.key(&object(json!({"cache": false})), Content::Text("a")), None);
    }

    #[test]
    fn an_answer_reads_back_with_its_media() {
        let output = Output::Labels { labels: vec![Label { label: "two\nlines".into(), score: 0.1 }] };
        for media in [
            Vec::new(),
            vec![
                ("image/png".to_owned(), Bytes::from_static(b"\n\n1")),
                ("image/webp".to_owned(), Bytes::new()),
            ],
        ] {
            let written = Bytes::from(write(&output, &media));
            assert_eq!(read(&written), Some((output.clone(), media)));
        }
        let written = Bytes::from(write(&output, &[("image/png".to_owned(), Bytes::from_static(b"12"))]));
        assert_eq!(read(&written.slice(..written.len() - 1)), None, "what is cut short is no answer");
        assert_eq!(read(&Bytes::from_static(b"{}")), None);
    }
}
