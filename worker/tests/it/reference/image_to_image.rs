//! Pictures made of pictures.

use forebay_worker::pipeline::{Answer, ImageToImage, Pipeline};
use serde_json::json;

use super::digest::assert_digest;
use super::{Case, Subject, expected};

/// What is drawn for a case, as rows of red, green and blue.
fn drawn(subject: &mut Subject<ImageToImage>, case: &Case, params: &serde_json::Value) -> image::RgbImage {
    let prepared = subject.prepare(case.material(), params);
    let raw = subject.run(&[&prepared]).remove(0);
    let Answer { media, .. } = subject.pipeline.finish(prepared, raw).unwrap();
    image::load_from_memory(&media[0].bytes).unwrap().into_rgb8()
}

fn assert_drawn(case: &Case, picture: &image::RgbImage) {
    let shape = [picture.height() as usize, picture.width() as usize, 3];
    let shades: Vec<f32> = picture.as_raw().iter().map(|shade| f32::from(*shade)).collect();
    assert_digest(case.get("picture"), (&shape, &shades), 0.6, case.name());
}

#[test]
fn styles_equal_the_reference() {
    let mut style = Subject::<ImageToImage>::open("style-transfer-26");
    for case in expected("style-transfer-26") {
        let picture = drawn(&mut style, &case, &json!({"styles": case.get("styles")}));
        assert_drawn(&case, &picture);
    }
}

#[test]
fn tiles_give_what_the_whole_picture_gives() {
    let mut toy = Subject::<ImageToImage>::open("toy-upscale-x2");
    for case in expected("toy-upscale-x2") {
        let picture = drawn(&mut toy, &case, &json!({"format": "webp"}));
        assert_drawn(&case, &picture);
    }
}
