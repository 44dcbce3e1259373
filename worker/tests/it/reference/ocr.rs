//! Print, read as PaddleOCR reads it.

use forebay_shared::job::{ImageSource, Input, Item, Object, Output, TextLine};
use forebay_worker::pipeline::{Ocr, Pipeline};
use serde_json::{Value, json};

use super::digest::assert_digest;
use super::{Case, Subject, expected, picture};
use crate::ground::Ground;

/// The largest difference of a corner, in pixels of the picture: places are rounded to whole ones, here and there after
/// other sums.
const PIXELS: f32 = 2.0;
/// The largest difference of a line's score: lines of nearly one width are padded to the same.
const SCORE: f32 = 0.02;

fn lines(subject: &mut Subject<Ocr>, case: &Case, params: &Value) -> (Vec<TextLine>, String) {
    match subject.answer(case.material(), params) {
        Output::Lines { lines, text } => (lines, text),
        other => panic!("lines were meant, not {other:?}"),
    }
}

fn case(file: &str) -> Case {
    Case(json!({"file": file}))
}

#[test]
fn print_is_found_and_read_as_the_reference_reads_it() {
    let mut subject = Subject::<Ocr>::open("pp-ocrv4");
    for case in expected("pp-ocrv4") {
        let prepared = subject.prepare(case.material(), &json!({}));
        let said = subject.run(&[&prepared]).remove(0);
        let shape = [said.map.height, said.map.width];
        assert_digest(case.get("map"), (&shape, &said.map.values), 1e-3, case.name());
        let Output::Lines { lines, text } = subject.pipeline.finish(prepared, said).unwrap().output else {
            panic!("lines were meant")
        };
        let wanted = case.get("lines").as_array().unwrap();
        let texts: Vec<&str> = wanted.iter().map(|line| line["text"].as_str().unwrap()).collect();
        assert_eq!(lines.iter().map(|line| &*line.text).collect::<Vec<_>>(), texts, "{}", case.name());
        assert_eq!(text, texts.join("\n"));
        for (line, wanted) in lines.iter().zip(wanted) {
            let what = format!("{}: {line:?} is not {wanted}", case.name());
            let score: f32 = serde_json::from_value(wanted["score"].clone()).unwrap();
            assert!((line.score - score).abs() <= SCORE, "{what}");
            let corners: [[f32; 2]; 4] = serde_json::from_value(wanted["box"].clone()).unwrap();
            let close = line
                .corners
                .iter()
                .zip(corners)
                .all(|(corner, [x, y])| (corner.x - x).abs() <= PIXELS && (corner.y - y).abs() <= PIXELS);
            assert!(close, "{what}");
        }
    }
}

#[test]
fn pages_that_are_read_together_are_read_as_each_alone() {
    let mut subject = Subject::<Ocr>::open("pp-ocrv4");
    // Lines of many widths, one picture without any, and one that is turned.
    let pages = ["nothing", "chinese", "light-on-dark", "small", "turned", "upside-down"];
    let cases = pages.map(|page| case(&format!("print/{page}.png")));
    let prepared: Vec<_> = cases.iter().map(|case| subject.prepare(case.material(), &json!({}))).collect();
    let together = subject.run(&prepared.iter().collect::<Vec<_>>());
    for ((case, prepared), together) in cases.iter().zip(&prepared).zip(together) {
        let alone = subject.run(&[prepared]).remove(0);
        super::assert_close(&together.map.values, &alone.map.values, case.name());
        assert_eq!(together.lines.len(), alone.lines.len(), "{}", case.name());
        for (together, alone) in together.lines.iter().zip(&alone.lines) {
            assert_eq!((together.outline.corners, together.turned), (alone.outline.corners, alone.turned));
            let classes = |steps: &[(usize, f32)]| steps.iter().map(|(class, _)| *class).collect::<Vec<_>>();
            assert_eq!(classes(&together.steps), classes(&alone.steps), "{}", case.name());
            let sure = |steps: &[(usize, f32)]| steps.iter().map(|(_, sure)| *sure).collect::<Vec<_>>();
            super::assert_close(&sure(&together.steps), &sure(&alone.steps), case.name());
        }
    }
}

#[test]
fn what_stands_on_its_head_is_turned_unless_the_client_says_otherwise() {
    let mut subject = Subject::<Ocr>::open("pp-ocrv4");
    let page = case("print/upside-down.png");
    let (found, _) = lines(&mut subject, &page, &json!({}));
    assert_eq!(found.iter().map(|line| line.turned).collect::<Vec<_>>(), [false, true]);
    let (as_it_stands, _) = lines(&mut subject, &page, &json!({"orient": false, "min_score": 0}));
    assert!(as_it_stands.iter().all(|line| !line.turned && line.text != "Upside down"), "{as_it_stands:?}");
}

#[test]
fn a_client_chooses_how_sure_and_how_many() {
    let mut subject = Subject::<Ocr>::open("pp-ocrv4");
    let page = case("print/paragraph.png");
    let (all, text) = lines(&mut subject, &page, &json!({}));
    assert_eq!((all.len(), text.lines().count()), (4, 4));
    let (sure, _) = lines(&mut subject, &page, &json!({"min_score": 0.98}));
    assert!(!sure.is_empty() && sure.len() < 4 && sure.iter().all(|line| line.score >= 0.98));
    let (few, _) = lines(&mut subject, &page, &json!({"max_lines": 2}));
    assert_eq!(few.len(), 2);
    assert!(few.iter().all(|line| all.contains(line)) && few[0].corners[0].y < few[1].corners[0].y);
    let (none, text) = lines(&mut subject, &page, &json!({"threshold": 1}));
    assert_eq!((none, text), (Vec::new(), String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_without_print_has_no_lines_and_a_torn_one_fails_alone() {
    let mut ground = Ground::with_models(&["pp-ocrv4"]).await;
    let worker = ground.start().await;
    let item = |bytes: &[u8]| Item {
        input: Input::Image(ImageSource::Inline(bytes.to_vec())),
        params: Object::new(),
    };
    let page = picture("print/one-line.png");
    let items = [item(&page), item(&page[..page.len() / 2]), item(&picture("print/nothing.png"))];
    let ids = ground.submit(&[ground.job("pp-ocrv4", &items)]).await;
    let job = ground.ended(&ids).await.remove(0);
    assert_eq!((job.succeeded, job.failed), (2, 1));
    let result = ground.result(&job).await;
    let output = |index: usize| &result["items"][index]["output"];
    assert_eq!(output(0)["text"], "The quick brown fox");
    assert_eq!(output(0)["lines"][0]["turned"], false);
    assert_eq!(result["items"][1]["error"]["code"], "image_undecodable", "{result}");
    assert_eq!(*output(2), json!({"lines": [], "text": ""}));
    worker.stop().await;
}
