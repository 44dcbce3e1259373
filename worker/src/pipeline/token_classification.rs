//! `token_classification`: parts of a text get labels, such as names of people and places.
//!
//! A text that is too long is cut, and nothing is found in what is cut off, or fails as `input_too_long`. Pairs, ids of
//! tokens, and pictures fail as `invalid_params`. Each fails its item alone.

use forebay_shared::job::{AggregationStrategy, Entity, Failure, FailureCode, Output, Params};

use super::labels::softmax;
use super::spans::{Scored, spans};
use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::text::{Cut, Place, TextEncoder, TextSession, TextTensors, Tokens, not_a_text};

/// Labels parts of texts.
#[derive(Debug)]
pub struct TokenClassification {
    encoder: TextEncoder,
    labels: Vec<String>,
}

/// A tokenised text, and where its tokens stand.
#[derive(Debug)]
pub struct PlacedText {
    text: String,
    tokens: Tokens,
    places: Vec<Place>,
    strategy: AggregationStrategy,
}

/// The raw scores of an item's tokens, one after the other, and how many there are of each.
type Raw = (Vec<f32>, usize);

impl Pipeline for TokenClassification {
    type Prepared = PlacedText;
    type Tensors = TextTensors;
    type Engine = TextSession;
    type Raw = Raw;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        Ok(Self { encoder: TextEncoder::read(model)?, labels: model.card.labels.clone() })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<TextSession, ModelError> {
        TextSession::new(model.open(runtime)?, model.onnx.clone(), &["logits"])
    }

    fn prepare(&self, material: Material, params: Params) -> Result<PlacedText, Failure> {
        let Params::TokenClassification(params) = params else { return Err(super::of_another_kind()) };
        let Material::Text(text) = material else { return Err(not_a_text()) };
        let cut = Cut::new(params.truncate, params.truncation_side);
        let (tokens, places) = self.encoder.encode_places(&text, cut)?;
        Ok(PlacedText { text, tokens, places, strategy: params.aggregation_strategy })
    }

    fn length(prepared: &PlacedText) -> u32 {
        prepared.tokens.len()
    }

    fn collate(&self, batch: &[&PlacedText]) -> Result<TextTensors, Failure> {
        Ok(self.encoder.collate(batch.iter().map(|text| &text.tokens)))
    }

    fn run(engine: &mut TextSession, tensors: &TextTensors) -> Result<Vec<Raw>, Failure> {
        engine.run(tensors, |shape, values| match *shape {
            [_, tokens, labels] if tokens * labels > 0 => Ok(values
                .chunks_exact(tokens * labels)
                .zip(tensors.mask.rows())
                .map(|(item, mask)| {
                    let real = mask.iter().filter(|one| **one != 0).count();
                    (item[..real * labels].to_vec(), labels)
                })
                .collect()),
            _ => Err(Failure::permanent(
                FailureCode::InferenceFailed,
                format!("the model's output has the shape {shape:?}, which is no list of labels per token"),
            )),
        })
    }

    fn finish(&self, prepared: PlacedText, (logits, labels): Raw) -> Result<Answer, Failure> {
        let tokens = logits.chunks_exact(labels).zip(&prepared.places).filter_map(|(logits, place)| {
            let word = place.word?;
            Some(Scored { scores: softmax(logits), start: place.start, end: place.end, word })
        });
        let found = spans(&tokens.collect::<Vec<_>>(), prepared.strategy, |label| self.name(label));
        let (mut cursor, mut entities) = (Cursor::of(&prepared.text), Vec::with_capacity(found.len()));
        for span in found {
            let word = cursor.slice(span.start, span.end).to_owned();
            let (entity, entity_group) = match prepared.strategy {
                AggregationStrategy::None => (Some(span.label), None),
                _ => (None, Some(span.label)),
            };
            entities.push(Entity {
                entity,
                entity_group,
                score: span.score,
                word,
                start: span.start,
                end: span.end,
            });
        }
        Ok(Output::Entities { entities, tokens: prepared.tokens.len() }.into())
    }
}

impl TokenClassification {
    /// A label without a name is called by its number.
    fn name(&self, label: usize) -> String {
        self.labels.get(label).cloned().unwrap_or_else(|| format!("LABEL_{label}"))
    }
}

/// From places in characters to places in bytes, going forwards: finding each from the beginning would take the square of
/// the text's length.
struct Cursor<'a> {
    text: &'a str,
    character: u32,
    byte: usize,
}

impl<'a> Cursor<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, character: 0, byte: 0 }
    }

    /// The characters from `start` to `end`.
    fn slice(&mut self, start: u32, end: u32) -> &'a str {
        if start < self.character {
            // Tokens may share a character, of which each is then said to be the whole.
            (self.character, self.byte) = (0, 0);
        }
        self.go(start);
        let from = self.byte;
        self.go(end.max(start));
        &self.text[from..self.byte]
    }

    fn go(&mut self, to: u32) {
        let ahead = self.text[self.byte..].chars().take(to.saturating_sub(self.character) as usize);
        for character in ahead {
            self.byte += character.len_utf8();
            self.character += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_found_going_forwards_and_back() {
        let mut cursor = Cursor::of("ä👍b c");
        assert_eq!(cursor.slice(1, 3), "👍b");
        assert_eq!(cursor.slice(4, 5), "c");
        assert_eq!(cursor.slice(0, 1), "ä");
        assert_eq!(cursor.slice(4, 9), "c", "a place behind the end is the end");
    }
}
