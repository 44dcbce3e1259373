//! What people see, with no colours.

use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::*;

fn job(outputs: &[Value]) -> Value {
    let items: Vec<_> = outputs.iter().map(|output| json!({ "output": output })).collect();
    json!({
        "model": "emotion",
        "items": {"total": items.len()},
        "timings": {"queue_wait_ms": 3.21, "batch_wait_ms": 0.4, "batch_size": 2, "run_ms": 41.7},
        "result": {"items": items},
    })
}

fn labels(labels: &[(&str, f64)]) -> Value {
    json!({ "labels": labels.iter().map(|(label, score)| json!({"label": label, "score": score})).collect::<Vec<_>>() })
}

#[test]
fn sentences_stand_in_columns_whatever_their_script() {
    let job = job(&[labels(&[("happy", 0.75)]), labels(&[("anxious", 1.0)])]);
    let sentences = ["The sun is out and so are we, all of us, until late at night!", "我好担心"];
    let shown = moods(Paint::plain(), &job, &sentences).unwrap();
    assert_eq!(
        shown,
        "\
What mood is it?                                           emotion, one job of 2
  The sun is out and so are we, all of us, until…  happy    0.75  ██████████▌
  我好担心                                         anxious  1.00  ██████████████
  waited 3.2 ms in the queue and 0.4 ms for its batch of 2; ran 42 ms"
    );
}

#[test]
fn nothing_is_wider_than_a_terminal() {
    let long = "a word ".repeat(30);
    let classes = labels(&[(&long, 1.0), ("dog", 0.0)]);
    let job = job(&[classes.clone(), classes]);
    let problem = json!({"status": 422, "code": "not_an_image", "detail": long});
    let url = "http://127.0.0.1:43210";
    let texts = [
        moods(Paint::plain(), &job, &[&long, &long]).unwrap(),
        pairs(Paint::plain(), &job, &[["one", "two"]], &[-0.1]),
        pictures(Paint::plain(), &job, &["models/samples/cat.jpg", "models/samples/coffee.jpg"]).unwrap(),
        refusal(Paint::plain(), "LICENSE", &problem),
        farewell(Paint::plain(), url, "/v1/jobs/01890a5d-ac96-774b-bcce-b302099a8057", None),
    ];
    for line in texts.iter().flat_map(|text| text.lines()) {
        assert!(line.width() <= COLUMNS, "{line}");
    }
}

#[test]
fn the_commands_to_go_on_with_can_be_pasted() {
    let shown = farewell(Paint::plain(), "http://127.0.0.1:8080", "/v1/jobs/1", Some("kill 7"));
    assert!(shown.contains("-d '{\"model\": \"emotion\", \"input\": \"What a day!\"}'\n"));
    assert_eq!(shown.matches("curl -s http://127.0.0.1:8080/v1/jobs").count(), 3);
}

#[test]
fn bars_grow_by_eighths_and_stay_in_bounds() {
    let shown = [-0.1, 0.0, 0.01, 0.5, 1.2].map(|share| bar(Paint::plain(), share));
    assert_eq!(shown, ["", "", "▏", "███████", "██████████████"]);
}

#[test]
fn details_are_wrapped_at_blanks() {
    assert_eq!(wrap("the file is not a picture", 11), ["the file is", "not a", "picture"]);
}
