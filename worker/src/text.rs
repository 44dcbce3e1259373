//! Text as tokens.

mod session;

use forebay_shared::job::{Failure, FailureCode};
use ndarray::Array2;
use serde_json::Value;
use tokenizers::{Tokenizer, TruncationParams};

use crate::bucket;
use crate::model::{ModelError, ModelFiles};
use crate::pipeline::Material;
pub use session::{TextSession, TextTensors};

/// Bytes of text that are looked at for each token that the model takes. No word of any language fills as many; a text
/// that is longer than all its tokens could be would only take memory, fifty times its size, to be cut afterwards.
const BYTES_PER_TOKEN: usize = 256;

/// A tokenised text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens(Vec<u32>);

impl Tokens {
    /// How many there are.
    pub fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A model's tokenizer.
#[derive(Debug)]
pub struct TextEncoder {
    tokenizer: Tokenizer,
    max_tokens: u32,
    vocabulary: u32,
    frame: Frame,
    pad: i64,
}

/// The tokens that the model's tokenizer puts around every text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Frame {
    before: Vec<u32>,
    after: Vec<u32>,
}

impl TextEncoder {
    /// Reads the model's `tokenizer.json`.
    pub fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let file = model.root.join("tokenizer.json");
        let max_tokens = model.card.max_tokens.unwrap_or(512);
        let content =
            |error: tokenizers::Error| ModelError::Content { file: file.clone(), message: error.to_string() };
        let mut tokenizer = Tokenizer::from_file(&file).map_err(content)?;
        let truncation = TruncationParams { max_length: max_tokens as usize, ..Default::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(content)?;
        // Padding is the batch's business.
        tokenizer.with_padding(None);
        let pad = model.config.get("pad_token_id").and_then(Value::as_i64).unwrap_or(0);
        // The rows of the model's table; the tokenizer may know fewer.
        let stated = model.config.get("vocab_size").and_then(Value::as_u64).map(u32::try_from);
        let known = || u32::try_from(tokenizer.get_vocab_size(true)).unwrap_or(u32::MAX);
        let vocabulary = stated.and_then(Result::ok).unwrap_or_else(known);
        let frame = Frame::of(&tokenizer).map_err(content)?;
        Ok(Self { tokenizer, max_tokens, vocabulary, frame, pad })
    }

    /// Makes tokens of a text or of ids, with the model's prompt before them.
    pub fn read_in(
        &self,
        material: Material,
        prompt: Option<&str>,
        truncate: bool,
    ) -> Result<Tokens, Failure> {
        match (material, prompt) {
            (Material::Text(text), None) => self.encode(&text, truncate),
            (Material::Text(text), Some(prompt)) => self.encode(&format!("{prompt}{text}"), truncate),
            (Material::Tokens(ids), prompt) => self.dress(ids, prompt, truncate),
            (Material::Image(_), _) => {
                Err(Failure::permanent(FailureCode::InvalidParams, "the model takes texts only"))
            }
        }
    }

    /// Tokenises a text. One that is too long is cut, or fails if `truncate` is false.
    pub fn encode(&self, text: &str, truncate: bool) -> Result<Tokens, Failure> {
        let head = &text[..text.floor_char_boundary(self.max_tokens as usize * BYTES_PER_TOKEN)];
        let encoding = self.tokenizer.encode_fast(head, true).map_err(|error| tokenizer_failed(&error))?;
        if !truncate && (head.len() < text.len() || !encoding.get_overflowing().is_empty()) {
            return Err(self.too_long());
        }
        Ok(Tokens(encoding.get_ids().to_vec()))
    }

    /// Takes ids as the client made them. Without the frame they get what a text would get, the prompt included; with it
    /// they are complete. Too many are cut, or fail if `truncate` is false.
    fn dress(&self, ids: Vec<u32>, prompt: Option<&str>, truncate: bool) -> Result<Tokens, Failure> {
        if let Some(id) = ids.iter().find(|id| **id >= self.vocabulary) {
            let message = format!("there is no token {id}: the model's ids are below {}", self.vocabulary);
            return Err(Failure::permanent(FailureCode::UnknownToken, message));
        }
        let mut inside = match self.frame.undressed(&ids) {
            Some(inside) => inside.to_vec(),
            None => match prompt {
                Some(prompt) => {
                    let encoding = self.tokenizer.encode_fast(prompt, false);
                    let encoding = encoding.map_err(|error| tokenizer_failed(&error))?;
                    [encoding.get_ids(), &ids].concat()
                }
                None => ids,
            },
        };
        let room = (self.max_tokens as usize).saturating_sub(self.frame.len());
        if inside.len() > room {
            if !truncate {
                return Err(self.too_long());
            }
            inside.truncate(room);
        }
        Ok(Tokens([&self.frame.before[..], &inside, &self.frame.after].concat()))
    }

    fn too_long(&self) -> Failure {
        let message = format!("the text has more than {} tokens, the model's limit", self.max_tokens);
        Failure::permanent(FailureCode::InputTooLong, message)
    }

    /// Puts texts of one batch side by side, padded on the right to the longest, or a little further:
    /// see [`bucket::padded`].
    pub fn collate<'a>(&self, texts: impl ExactSizeIterator<Item = &'a Tokens> + Clone) -> TextTensors {
        let longest = bucket::padded(texts.clone().map(Tokens::len).max().unwrap_or(0)) as usize;
        let mut ids = Array2::from_elem((texts.len(), longest), self.pad);
        let mut mask = Array2::zeros((texts.len(), longest));
        for (row, tokens) in texts.enumerate() {
            for (column, id) in tokens.0.iter().enumerate() {
                ids[[row, column]] = i64::from(*id);
                mask[[row, column]] = 1;
            }
        }
        TextTensors { ids, mask }
    }
}

impl Frame {
    /// Asks the tokenizer what it puts around a letter.
    fn of(tokenizer: &Tokenizer) -> Result<Self, tokenizers::Error> {
        let encoding = tokenizer.encode_fast("a", true)?;
        let special = |place: &usize| encoding.get_special_tokens_mask().get(*place) == Some(&1);
        let ids = encoding.get_ids();
        let before = (0..ids.len()).take_while(special).count();
        let after = (before..ids.len()).rev().take_while(special).count();
        Ok(Self { before: ids[..before].to_vec(), after: ids[ids.len() - after..].to_vec() })
    }

    fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// What stands inside the frame, if `ids` have it: their first token is the frame's, or, where it has none before the
    /// text, their last ones are.
    fn undressed<'a>(&self, ids: &'a [u32]) -> Option<&'a [u32]> {
        let inside = match self.before.first() {
            Some(first) if ids.first() != Some(first) => return None,
            Some(_) => ids.strip_prefix(&self.before[..]).unwrap_or(&ids[1..]),
            None if self.after.is_empty() || !ids.ends_with(&self.after) => return None,
            None => ids,
        };
        Some(inside.strip_suffix(&self.after[..]).unwrap_or(inside))
    }
}

fn tokenizer_failed(error: &tokenizers::Error) -> Failure {
    Failure::permanent(FailureCode::Internal, format!("tokenizer: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_frame_is_told_from_what_has_not() {
        let bert = Frame { before: vec![101], after: vec![102] };
        assert_eq!(bert.undressed(&[7, 8]), None);
        assert_eq!(bert.undressed(&[101, 7, 8, 102]), Some(&[7, 8][..]));
        assert_eq!(bert.undressed(&[101, 7, 8]), Some(&[7, 8][..]), "its end was forgotten");
        assert_eq!(bert.undressed(&[7, 102]), None, "a text may end with any token");
        assert_eq!(bert.undressed(&[]), None);
        let ending = Frame { before: Vec::new(), after: vec![3] };
        assert_eq!(ending.undressed(&[7, 3]), Some(&[7][..]));
        assert_eq!(ending.undressed(&[7]), None);
        assert_eq!(Frame::default().undressed(&[7]), None, "without a frame a prompt is still put before");
    }
}
