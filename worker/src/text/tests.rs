use super::*;
use crate::model::ModelFiles;

/// A tokenizer of single words, `[CLS] a [SEP]` or `[CLS] a [SEP] b [SEP]`, for a model of eight tokens.
fn encoder() -> (tempfile::TempDir, TextEncoder) {
    let words = ["[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "d", "e", "f", "ä"];
    let vocabulary: serde_json::Map<String, Value> =
        words.iter().zip(0..).map(|(word, id)| ((*word).to_owned(), Value::from(id))).collect();
    let special =
        |token: &str, kind: u32| serde_json::json!({"SpecialToken": {"id": token, "type_id": kind}});
    let sequence = |name: &str, kind: u32| serde_json::json!({"Sequence": {"id": name, "type_id": kind}});
    let tokenizer = serde_json::json!({
        "version": "1.0",
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)],
            "pair": [
                special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0), sequence("B", 1), special("[SEP]", 1)
            ],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]},
            },
        },
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let mut model = ModelFiles::echo();
    model.root = folder.path().to_owned();
    model.card.max_tokens = Some(8);
    let encoder = TextEncoder::read(&model).unwrap();
    (folder, encoder)
}

fn right() -> Cut {
    Cut::new(true, Side::Right)
}

fn left() -> Cut {
    Cut::new(true, Side::Left)
}

#[test]
fn a_text_is_cut_at_the_end_that_is_asked_for() {
    let (_folder, encoder) = encoder();
    let ids = |cut| encoder.encode("a b c d e f a b", None, cut).unwrap().ids;
    assert_eq!(ids(right()), [1, 3, 4, 5, 6, 7, 8, 2]);
    assert_eq!(ids(left()), [1, 5, 6, 7, 8, 3, 4, 2]);
    let tokens = vec![3, 4, 5, 6, 7, 8, 3, 4];
    let ids = |cut| encoder.read_in(Material::Tokens(tokens.clone()), None, cut).unwrap().ids;
    assert_eq!(ids(right()), [1, 3, 4, 5, 6, 7, 8, 2]);
    assert_eq!(ids(left()), [1, 5, 6, 7, 8, 3, 4, 2]);
}

#[test]
fn what_must_not_be_cut_fails_with_the_limit() {
    let (_folder, encoder) = encoder();
    let whole = Cut::new(false, Side::Left);
    let failure = encoder.encode("a b c d e f a", None, whole).unwrap_err();
    assert_eq!(failure.code, FailureCode::InputTooLong);
    assert_eq!(failure.message, "the text has more than 8 tokens, the model's limit");
    assert!(encoder.encode("a b c d e f", None, whole).is_ok());
    assert!(
        encoder.encode("a b c", Some("d e f"), whole).is_err(),
        "a pair has one token more of the model's"
    );
}

#[test]
fn a_pair_tells_its_texts_apart_and_the_longer_is_cut() {
    let (_folder, encoder) = encoder();
    let short = encoder.encode("a", Some("b c"), right()).unwrap();
    assert_eq!((&short.ids[..], &short.types[..]), (&[1, 3, 2, 4, 5, 2][..], &[0, 0, 0, 1, 1, 1][..]));
    let long = encoder.encode("a", Some("a b c d e f"), right()).unwrap();
    assert_eq!(long.ids, [1, 3, 2, 3, 4, 5, 6, 2]);
    let both = encoder.encode("a b c d e f", Some("a b c d e f"), left()).unwrap();
    assert_eq!(both.ids, [1, 7, 8, 2, 6, 7, 8, 2]);
    let tensors = encoder.collate([&short, &long].into_iter());
    assert_eq!(tensors.types.row(0).to_vec(), [0, 0, 0, 1, 1, 1, 0, 0]);
}

#[test]
fn only_the_first_text_is_cut_where_the_second_must_stay() {
    let (_folder, encoder) = encoder();
    let cut = Cut { of: CutOf::First, ..right() };
    assert_eq!(encoder.encode("a b c d e f", Some("d e"), cut).unwrap().ids, [1, 3, 4, 5, 2, 6, 7, 2]);
    let failure = encoder.encode("a b", Some("a b c d e"), cut).unwrap_err();
    assert_eq!(failure.code, FailureCode::InputTooLong, "nothing of the text would be left");
}

#[test]
fn a_text_that_is_tokenised_once_is_the_same_beside_each_other() {
    let (_folder, encoder) = encoder();
    let cut = Cut { of: CutOf::First, ..right() };
    let pairs = ["d", "d e", "a b c"];
    let once = encoder.encode_with_each("a b c d", pairs.into_iter().map(str::to_owned), cut).unwrap();
    let each = pairs.map(|pair| encoder.encode("a b c d", Some(pair), cut).unwrap());
    assert_eq!(once, each);
}

#[test]
fn a_text_is_told_in_pieces_and_ids_in_words() {
    let (_folder, encoder) = encoder();
    let told = |special| {
        let pieces = encoder.pieces("ä 👍 b a b c d e f a", special).unwrap();
        let told: Vec<_> = pieces.into_iter().map(|one| (one.id, one.text, one.start, one.stop)).collect();
        told
    };
    let whole = told(true);
    assert_eq!(whole.len(), 12, "nothing is cut");
    assert_eq!(whole[0], (1, "[CLS]".to_owned(), None, None));
    assert_eq!(
        whole[2],
        (0, "👍".to_owned(), Some(2), Some(3)),
        "as it stands there, whatever it is to the model"
    );
    assert_eq!(whole[3], (5 - 1, "b".to_owned(), Some(4), Some(5)));
    assert_eq!(told(false), whole[1..11]);

    assert_eq!(encoder.decoded(&[3, 4], true).unwrap(), "a b");
    assert_eq!(encoder.decoded(&[], true).unwrap(), "");
    let failure = encoder.decoded(&[3, 10], true).unwrap_err();
    assert_eq!(failure.code, FailureCode::UnknownToken);
    let most = 8 * BYTES_PER_TOKEN;
    assert!(encoder.pieces(&"a".repeat(most), true).is_ok());
    let failure = encoder.pieces(&"a".repeat(most + 1), true).unwrap_err();
    assert_eq!(failure.code, FailureCode::InputTooLong);
    assert_eq!(failure.message, "the text has 2049 bytes, of which 2048 are tokenised at most");
}

#[test]
fn places_are_counted_in_characters() {
    let (_folder, encoder) = encoder();
    let (tokens, places) = encoder.encode_places("ä 👍 b", right()).unwrap();
    assert_eq!(tokens.ids, [1, 9, 0, 4, 2]);
    let told: Vec<_> = places.iter().map(|place| (place.start, place.end, place.word)).collect();
    assert_eq!(told[1..4], [(0, 1, Some(0)), (2, 3, Some(1)), (4, 5, Some(2))]);
    assert_eq!((told[0].2, told[4].2), (None, None), "they are the model's own");
}

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
