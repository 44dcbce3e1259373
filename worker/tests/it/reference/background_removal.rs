//! What stands in front in pictures.

use forebay_worker::pipeline::{Answer, BackgroundRemoval, Pipeline};
use serde_json::json;

use super::digest::assert_digest;
use super::{Case, Subject, expected};

/// The mask of each case, run alone, and its alpha; and the same in batches of four.
fn masks_equal(model: &str, cases: &[Case]) {
    let mut subject = Subject::<BackgroundRemoval>::open(model);
    let prepared: Vec<_> =
        cases.iter().map(|case| subject.prepare(case.material(), &json!({"output": "mask"}))).collect();
    let single: Vec<_> = prepared.iter().map(|item| subject.run(&[item]).remove(0)).collect();
    let together = prepared.iter().collect::<Vec<_>>();
    let batched = subject.run(&together[..together.len().min(4)]);
    for (single, batched) in single.iter().zip(&batched) {
        super::assert_close(&batched.values, &single.values, "batched and single");
    }
    for ((case, prepared), mask) in cases.iter().zip(prepared).zip(single) {
        let shape = [mask.height, mask.width];
        assert_digest(case.get("mask"), (&shape, &mask.values), 1e-3, case.name());
        let Answer { media, .. } = subject.pipeline.finish(prepared, mask).unwrap();
        let alpha = image::load_from_memory(&media[0].bytes).unwrap().into_luma8();
        let shape = [alpha.height() as usize, alpha.width() as usize];
        let shades: Vec<f32> = alpha.as_raw().iter().map(|shade| f32::from(*shade)).collect();
        assert_digest(case.get("alpha"), (&shape, &shades), 0.6, case.name());
    }
}

#[test]
fn masks_equal_the_reference() {
    masks_equal("u2netp", &expected("u2netp"));
}

#[test]
fn a_sharp_mask_equals_the_reference() {
    // One picture takes seconds.
    masks_equal("isnet-small", &expected("isnet-small")[1..2]);
}
