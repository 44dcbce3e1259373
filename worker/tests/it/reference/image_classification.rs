//! Labels of pictures.

use forebay_worker::pipeline::ImageClassification;

use super::{Subject, assert_close, expected};

#[test]
fn picture_logits_equal_the_reference() {
    let mut efficientnet = Subject::<ImageClassification>::open("efficientnet-lite0");
    let cases = expected("efficientnet-lite0");
    for (case, (_, logits)) in cases.iter().zip(efficientnet.single_and_batched(&cases, 8)) {
        assert_close(&logits, &case.numbers("logits"), case.name());
    }
}
