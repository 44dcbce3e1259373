//! Where a content's bytes stand, against the content joined in memory.

use proptest::prelude::*;

use super::*;

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let piece = (0..3_u8, 0..50_u64, 0..20_u64)
        .prop_map(|(object, offset, length)| Piece::of_segment(object.to_string(), offset, length));
    prop::collection::vec(piece, 0..8)
}

proptest! {
    #[test]
    fn a_range_of_a_content_is_where_its_bytes_are(pieces in pieces(), start in 0..200_usize, length in 0..200_usize) {
        let bytes: Vec<(&str, u64)> = pieces
            .iter()
            .flat_map(|piece| (piece.offset..piece.offset + piece.length).map(|at| (piece.object.as_str(), at)))
            .collect();
        let found: Vec<(&str, u64)> = locate(&pieces, start as u64..(start + length) as u64)
            .into_iter()
            .flat_map(|(object, range)| range.map(move |at| (object, at)))
            .collect();
        let expected: Vec<_> =
            bytes.into_iter().skip(start).take(length).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn neighbours_in_one_object_are_read_at_once() {
    let pieces = [Piece::of_segment("a", 0, 4), Piece::of_segment("a", 4, 4), Piece::of_segment("b", 8, 1)];
    assert_eq!(locate(&pieces, 2..99), [("a", 2..8), ("b", 8..9)]);
}

#[test]
fn a_purpose_is_written_as_openai_writes_it() {
    let words: Vec<_> = Purpose::UPLOADED.iter().map(|purpose| purpose.as_str()).collect();
    assert_eq!(words, ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]);
    assert_eq!("batch_output".parse(), Ok(Purpose::BatchOutput));
}
