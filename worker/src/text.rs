//! Text as tokens.

mod pieces;
mod rows;
mod session;

use forebay_shared::job::{Failure, FailureCode, Side};
use ndarray::Array2;
use serde_json::Value;
use tokenizers::utils::truncation::truncate_encodings;
use tokenizers::{
    Encoding, PostProcessor, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy,
};

use crate::bucket;
use crate::model::{ModelError, ModelFiles};
use crate::pipeline::Material;
pub use rows::Rows;
pub use session::{TextSession, TextTensors};

/// Bytes of text that are looked at for each token that the model takes. No word of any language fills as many; a text
/// that is longer than all its tokens could be would only take memory, fifty times its size, to be cut afterwards.
const BYTES_PER_TOKEN: usize = 256;

/// A tokenised text, or two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tokens {
    ids: Vec<u32>,
    /// Which of the texts each token is of; empty where all are of the first.
    types: Vec<u32>,
}

/// What becomes of a text that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Whether it is cut; else it fails.
    pub truncate: bool,
    /// Which end is cut off.
    pub side: Side,
    /// Which text of a pair is cut.
    pub of: CutOf,
}

/// Which text of a pair is cut, as Hugging Face has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutOf {
    /// The longer, until both are as long; then both.
    Longest,
    /// The first.
    First,
}

/// Where the tokens of a text stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The first character of the text that the token is of, counted from 0.
    pub start: u32,
    /// The place behind its last.
    pub end: u32,
    /// The number of the word that it is a part of; `None`: it is of no text, but the model's own.
    pub word: Option<u32>,
}

impl Tokens {
    /// How many there are.
    pub fn len(&self) -> u32 {
        u32::try_from(self.ids.len()).unwrap_or(u32::MAX)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

impl From<&Encoding> for Tokens {
    fn from(encoding: &Encoding) -> Self {
        let types = encoding.get_type_ids();
        let types = if types.iter().all(|of| *of == 0) { Vec::new() } else { types.to_vec() };
        Self { ids: encoding.get_ids().to_vec(), types }
    }
}

impl Cut {
    /// Cut, or failed; of a pair the longer text.
    pub fn new(truncate: bool, side: Side) -> Self {
        Self { truncate, side, of: CutOf::Longest }
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
        // Where a text is cut is the item's business, padding the batch's.
        tokenizer.with_truncation(None).map_err(content)?.with_padding(None);
        let pad = model.config.get("pad_token_id").and_then(Value::as_i64).unwrap_or(0);
        // The rows of the model's table; the tokenizer may know fewer.
        let stated = model.config.get("vocab_size").and_then(Value::as_u64).map(u32::try_from);
        let known = || u32::try_from(tokenizer.get_vocab_size(true)).unwrap_or(u32::MAX);
        let vocabulary = stated.and_then(Result::ok).unwrap_or_else(known);
        let frame = Frame::of(&tokenizer).map_err(content)?;
        Ok(Self { tokenizer, max_tokens, vocabulary, frame, pad })
    }

    /// Makes tokens of a text, of two, or of ids, with the model's prompt before them.
    pub fn read_in(&self, material: Material, prompt: Option<&str>, cut: Cut) -> Result<Tokens, Failure> {
        match (material, prompt) {
            (Material::Text(text), None) => self.encode(&text, None, cut),
            (Material::Text(text), Some(prompt)) => self.encode(&format!("{prompt}{text}"), None, cut),
            (Material::Pair(text, pair), None) => self.encode(&text, Some(&pair), cut),
            (Material::Pair(text, pair), Some(prompt)) => {
                self.encode(&format!("{prompt}{text}"), Some(&pair), cut)
            }
            (Material::Tokens(ids), prompt) => self.dress(ids, prompt, cut),
            (Material::Image(_) | Material::Tensors(_), _) => Err(not_a_text()),
        }
    }

    /// Tokenises a text, or two that are read together. What is too long is cut, or fails.
    pub fn encode(&self, text: &str, pair: Option<&str>, cut: Cut) -> Result<Tokens, Failure> {
        let (text, pair) = (self.bare(text, cut)?, pair.map(|pair| self.bare(pair, cut)).transpose()?);
        Ok(Tokens::from(&self.framed(text, pair, cut)?))
    }

    /// Tokenises a text with each of several that are read after it; the text itself once.
    pub fn encode_with_each(
        &self,
        text: &str,
        pairs: impl Iterator<Item = String>,
        cut: Cut,
    ) -> Result<Vec<Tokens>, Failure> {
        let text = self.bare(text, cut)?;
        let with = |pair: String| {
            let framed = self.framed(text.clone(), Some(self.bare(&pair, cut)?), cut)?;
            Ok(Tokens::from(&framed))
        };
        pairs.map(with).collect()
    }

    /// A text's tokens without the model's own around them. What is far too long is cut, or fails.
    fn bare(&self, text: &str, cut: Cut) -> Result<Encoding, Failure> {
        let (part, _) = self.part(text, cut.side);
        if part.len() < text.len() && !cut.truncate {
            return Err(self.too_long());
        }
        self.tokenizer.encode_fast(part, false).map_err(|error| tokenizer_failed(&error))
    }

    /// Tokenises a text, and says where in it each token stands.
    pub fn encode_places(&self, text: &str, cut: Cut) -> Result<(Tokens, Vec<Place>), Failure> {
        let (part, skipped) = self.part(text, cut.side);
        if part.len() < text.len() && !cut.truncate {
            return Err(self.too_long());
        }
        let encoding = self.tokenizer.encode_char_offsets(part, false);
        let encoding = self.framed(encoding.map_err(|error| tokenizer_failed(&error))?, None, cut)?;
        let place = |at: usize| u32::try_from(skipped + at).unwrap_or(u32::MAX);
        let places = encoding
            .get_offsets()
            .iter()
            .zip(encoding.get_special_tokens_mask())
            .zip(encoding.get_word_ids())
            .map(|(((start, end), special), word)| Place {
                start: place(*start),
                end: place(*end),
                word: word.filter(|_| *special == 0),
            });
        Ok((Tokens::from(&encoding), places.collect()))
    }

    /// What is looked at of a text, and how many characters are before it.
    fn part<'a>(&self, text: &'a str, side: Side) -> (&'a str, usize) {
        let most = self.max_tokens as usize * BYTES_PER_TOKEN;
        match side {
            Side::Right => (&text[..text.floor_char_boundary(most)], 0),
            Side::Left => {
                let (before, part) = text.split_at(text.ceil_char_boundary(text.len().saturating_sub(most)));
                (part, before.chars().count())
            }
        }
    }

    /// Cuts what is too long and puts the model's own tokens around it.
    fn framed(&self, text: Encoding, pair: Option<Encoding>, cut: Cut) -> Result<Encoding, Failure> {
        let own = self.tokenizer.get_post_processor().map_or(0, |post| post.added_tokens(pair.is_some()));
        let room = (self.max_tokens as usize).saturating_sub(own);
        let both = text.len() + pair.as_ref().map_or(0, Encoding::len);
        if both > room && !cut.truncate {
            return Err(self.too_long());
        }
        if cut.of == CutOf::First && both > room && both - room >= text.len() {
            let message = format!(
                "what is read after the text leaves it no room within {} tokens, the model's limit",
                self.max_tokens
            );
            return Err(Failure::permanent(FailureCode::InputTooLong, message));
        }
        let params = TruncationParams {
            max_length: room,
            direction: match cut.side {
                Side::Right => TruncationDirection::Right,
                Side::Left => TruncationDirection::Left,
            },
            strategy: match cut.of {
                CutOf::Longest => TruncationStrategy::LongestFirst,
                CutOf::First => TruncationStrategy::OnlyFirst,
            },
            stride: 0,
        };
        let cut = truncate_encodings(text, pair, &params).map_err(|error| tokenizer_failed(&error))?;
        self.tokenizer.post_process(cut.0, cut.1, true).map_err(|error| tokenizer_failed(&error))
    }

    /// Takes ids as the client made them. Without the frame they get what a text would get, the prompt included; with it
    /// they are complete. Too many are cut, or fail.
    fn dress(&self, ids: Vec<u32>, prompt: Option<&str>, cut: Cut) -> Result<Tokens, Failure> {
        self.known(&ids)?;
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
            if !cut.truncate {
                return Err(self.too_long());
            }
            match cut.side {
                Side::Right => inside.truncate(room),
                Side::Left => drop(inside.drain(..inside.len() - room)),
            }
        }
        let ids = [&self.frame.before[..], &inside, &self.frame.after].concat();
        Ok(Tokens { ids, types: Vec::new() })
    }

    /// Refuses ids that the model does not know.
    fn known(&self, ids: &[u32]) -> Result<(), Failure> {
        let unknown = ids.iter().find(|id| **id >= self.vocabulary);
        unknown.map_or(Ok(()), |id| {
            let message = format!("there is no token {id}: the model's ids are below {}", self.vocabulary);
            Err(Failure::permanent(FailureCode::UnknownToken, message))
        })
    }

    fn too_long(&self) -> Failure {
        let message = format!("the text has more than {} tokens, the model's limit", self.max_tokens);
        Failure::permanent(FailureCode::InputTooLong, message)
    }

    /// Puts texts of one batch side by side, padded on the right to the longest, or a little further:
    /// see [`bucket::padded`].
    pub fn collate<'a>(&self, texts: impl ExactSizeIterator<Item = &'a Tokens> + Clone) -> TextTensors {
        let longest = texts.clone().map(Tokens::len).max().unwrap_or(0);
        // No further than the model's own places reach.
        let longest = bucket::padded(longest).min(self.max_tokens.max(longest)) as usize;
        let mut ids = Array2::from_elem((texts.len(), longest), self.pad);
        let mut mask = Array2::zeros((texts.len(), longest));
        let mut types = Array2::zeros((texts.len(), longest));
        for (row, tokens) in texts.enumerate() {
            for (column, id) in tokens.ids.iter().enumerate() {
                ids[[row, column]] = i64::from(*id);
                mask[[row, column]] = 1;
            }
            for (column, of) in tokens.types.iter().enumerate() {
                types[[row, column]] = i64::from(*of);
            }
        }
        TextTensors { ids, mask, types }
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

/// What an item is told that is no text, or not written as one.
pub fn not_a_text() -> Failure {
    Failure::permanent(FailureCode::InvalidParams, "the model takes texts only")
}

fn tokenizer_failed(error: &tokenizers::Error) -> Failure {
    Failure::permanent(FailureCode::Internal, format!("tokenizer: {error}"))
}

#[cfg(test)]
mod tests;
