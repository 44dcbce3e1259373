//! What a tokenizer makes of a text, and what ids say: it needs no model.

use forebay_shared::job::{Failure, FailureCode, Piece, Side};

use super::{TextEncoder, tokenizer_failed};

impl TextEncoder {
    /// The tokens of a text, none of them cut off, with the model's own around them if they are asked for.
    pub fn pieces(&self, text: &str, special: bool) -> Result<Vec<Piece>, Failure> {
        let (part, _) = self.part(text, Side::Right);
        if part.len() < text.len() {
            let message =
                format!("the text has {} bytes, of which {} are tokenised at most", text.len(), part.len());
            return Err(Failure::permanent(FailureCode::InputTooLong, message));
        }
        let encoding = self.tokenizer.encode_char_offsets(text, special);
        let encoding = encoding.map_err(|error| tokenizer_failed(&error))?;
        let bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let piece = |place: usize| {
            let id = encoding.get_ids()[place];
            if encoding.get_special_tokens_mask()[place] == 1 {
                let text = encoding.get_tokens()[place].clone();
                return Piece { id, text, special: true, start: None, stop: None };
            }
            let (start, stop) = encoding.get_offsets()[place];
            let text = text[bytes[start]..bytes[stop]].to_owned();
            Piece {
                id,
                text,
                special: false,
                start: u32::try_from(start).ok(),
                stop: u32::try_from(stop).ok(),
            }
        };
        Ok((0..encoding.len()).map(piece).collect())
    }

    /// What ids say; those of the model's own tokens say nothing if they are to be skipped.
    pub fn decoded(&self, ids: &[u32], skip_special: bool) -> Result<String, Failure> {
        self.known(ids)?;
        self.tokenizer.decode(ids, skip_special).map_err(|error| tokenizer_failed(&error))
    }
}
