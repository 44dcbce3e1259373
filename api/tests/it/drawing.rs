//! What kinds that draw, or read print, refuse, each with the field and the limit.

use forebay_shared::job::Kind;
use forebay_shared::testing::card;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::bodies::{base64, png};

/// Code, field and detail of what is said to such a submission.
async fn refused(kind: Kind, body: Value) -> (String, String, String) {
    let app = TestApp::build().serving(card("artist", kind)).start().await;
    let mut submission = json!({"model": "artist"});
    submission.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    let answer = app.post("/v1/jobs").json(submission).await;
    assert_eq!(answer.status, 422, "{answer}");
    assert_eq!(app.store.calls("submit"), 0);
    let problem = answer.json();
    let word = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    (word("code"), word("field"), word("detail"))
}

fn picture() -> Value {
    json!({"image": {"base64": base64(&png(3, 2))}})
}

async fn refused_params(kind: Kind, params: Value) -> (String, String) {
    let (code, field, detail) = refused(kind, json!({"input": picture(), "params": params})).await;
    assert_eq!(code, "invalid_params");
    (field, detail)
}

#[tokio::test]
async fn a_background_that_is_no_colour() {
    let (field, detail) = refused_params(Kind::BackgroundRemoval, json!({"background": "white"})).await;
    assert_eq!(field, "params.background");
    assert_eq!(detail, "`background` must be a colour such as `#ffffff`, not `white`");
    let (field, detail) = refused_params(Kind::BackgroundRemoval, json!({"format": "jpeg"})).await;
    assert!(field.starts_with("params") && detail.contains("`png` or `webp`"), "{field} {detail}");
    let (code, field, _) = refused(Kind::BackgroundRemoval, json!({"input": "words"})).await;
    assert_eq!((code.as_str(), field.as_str()), ("wrong_input", "input"));
}

#[tokio::test]
async fn a_quality_out_of_range_and_styles_without_shares() {
    let (field, detail) = refused_params(Kind::ImageToImage, json!({"format": "jpeg", "quality": 101})).await;
    assert_eq!(
        (field.as_str(), detail.as_str()),
        ("params.quality", "`quality` must be at most 100, not 101")
    );
    let (field, detail) = refused_params(Kind::ImageToImage, json!({"styles": {"oil": -1}})).await;
    assert!(field == "params.styles" && detail.contains("shares of 0 or more"), "{field} {detail}");
    let (field, _) = refused_params(Kind::ImageSegmentation, json!({"colour": "red"})).await;
    assert_eq!(field, "params.colour");
}

#[tokio::test]
async fn how_print_is_read_is_bounded_and_words_are_no_picture() {
    let (field, detail) = refused_params(Kind::Ocr, json!({"min_score": 1.5})).await;
    assert_eq!(
        (field.as_str(), detail.as_str()),
        ("params.min_score", "`min_score` must be from 0 to 1, not 1.5")
    );
    let (field, detail) = refused_params(Kind::Ocr, json!({"max_lines": 1001})).await;
    assert_eq!(
        (field.as_str(), detail.as_str()),
        ("params.max_lines", "`max_lines` must be at most 1000, not 1001")
    );
    let (field, _) = refused_params(Kind::Ocr, json!({"language": "en"})).await;
    assert_eq!(field, "params.language");
    let (code, field, _) = refused(Kind::Ocr, json!({"input": "words"})).await;
    assert_eq!((code.as_str(), field.as_str()), ("wrong_input", "input"));
}
