//! Labels of texts.

use forebay_worker::pipeline::TextClassification;

use super::{Subject, assert_close, expected};

#[test]
fn emotion_logits_equal_the_reference() {
    let mut emotion = Subject::<TextClassification>::open("emotion");
    assert_eq!(emotion.model.card.labels, ["happy", "sad", "angry", "neutral", "excited", "anxious"]);
    let cases = expected("emotion");
    for (case, (length, logits)) in cases.iter().zip(emotion.single_and_batched(&cases, 64)) {
        assert_eq!(Some(length), case.tokens(), "{}", case.name());
        assert_close(&logits, &case.numbers("logits"), case.name());
    }
}
