//! What a job's items may give together: it is in memory until the job ends, and is then one document.

use forebay_shared::job::{Failure, FailureCode, Output, Piece};

use crate::shelf::{Ended, Shelved};

/// Bytes of tensors, of vectors of tokens, and of tokens that one job's items may give.
const MOST: usize = 256 * 1024 * 1024;

/// Such bytes that a job's items gave so far.
#[derive(Debug, Default)]
pub(super) struct Outputs(usize);

impl Outputs {
    /// The item's outcome. It fails if what it gave has no room beside that of the others.
    pub(super) fn take(&mut self, outcome: Ended) -> Ended {
        let shelved = outcome?;
        let bytes = self.0 + bytes(&shelved);
        if bytes > MOST {
            let message = format!(
                "the outputs of the job's items would have {bytes} bytes together, the limit is {MOST}: ask for fewer of \
                 them, or in several jobs"
            );
            return Err(Failure::permanent(FailureCode::InferenceFailed, message));
        }
        self.0 = bytes;
        Ok(shelved)
    }
}

fn bytes(shelved: &Shelved) -> usize {
    match &shelved.output {
        Output::Tensors { outputs } => outputs.iter().map(|tensor| tensor.bytes.len()).sum(),
        Output::TokenEmbeddings { embeddings, .. } => {
            embeddings.iter().map(|one| size_of_val(&one[..])).sum()
        }
        Output::Pieces { pieces, .. } => pieces.iter().map(|one| size_of::<Piece>() + one.text.len()).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use forebay_shared::job::{Datatype, Encoding, Tensor};
    use serde_json::json;

    use super::*;

    /// Outcomes of so many bytes, which all stand in the same place.
    fn gave(all: &Bytes, bytes: usize) -> Shelved {
        let (shape, bytes) = (vec![bytes as u64], all.slice(..bytes));
        let name = "y".to_owned();
        let tensor = Tensor { name, datatype: Datatype::Uint8, shape, bytes, encoding: Encoding::Base64 };
        Output::Tensors { outputs: vec![tensor] }.into()
    }

    #[test]
    fn an_item_whose_outputs_have_no_room_beside_the_others_fails_alone() {
        let all = Bytes::from(vec![0; MOST / 4]);
        let mut outputs = Outputs::default();
        for _ in 0..3 {
            assert!(outputs.take(Ok(gave(&all, MOST / 4))).is_ok());
        }
        assert!(outputs.take(Ok(gave(&all, MOST / 4 - 1))).is_ok());
        let failure = outputs.take(Ok(gave(&all, 2))).unwrap_err();
        assert_eq!(failure.code, FailureCode::InferenceFailed);
        let message =
            "the outputs of the job's items would have 268435457 bytes together, the limit is 268435456";
        assert!(failure.message.starts_with(message), "{}", failure.message);
        assert!(outputs.take(Ok(Output::Echo { echo: json!("a") }.into())).is_ok());
        assert!(outputs.take(Ok(gave(&all, 1))).is_ok(), "what failed takes no room");
    }
}
