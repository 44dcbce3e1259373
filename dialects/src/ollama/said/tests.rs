use forebay_shared::job::{BoundingBox, Detected, Failure, FailureCode, ImageSource, Input, Label, Output};
use serde_json::{Value, json};

use super::*;
use crate::call::samples::{answered, card, nobody, text};
use crate::call::{Call, Reply as _};
use crate::ollama::{Streaming, chat, generate};

/// As the configuration has it by default.
const LINES: Streaming = Streaming { by_default: true, as_events: false };

fn generated(body: &Value, streaming: Streaming) -> Call<Reply> {
    generate::read(body.to_string().as_bytes(), streaming).unwrap()
}

fn chatted(body: &Value) -> Call<Reply> {
    chat::read(body.to_string().as_bytes(), LINES).unwrap()
}

fn pictures(call: Call<Reply>) -> Vec<Vec<u8>> {
    let bytes = |input| match input {
        Input::Image(ImageSource::Inline(bytes)) => bytes,
        other => panic!("a picture was meant, not {other:?}"),
    };
    call.items.into_iter().map(|item| bytes(item.input)).collect()
}

fn cat() -> Output {
    let labels = [("tabby", 0.912_34), ("tiger cat", 0.05)];
    let label = |(label, score): (&str, f32)| Label { label: label.to_owned(), score };
    Output::Labels { labels: labels.map(label).to_vec() }
}

/// A generation that shows one picture and says this of `stream`.
fn answer(stream: &Value, streaming: Streaming) -> Answer {
    let body = json!({"model": "net:latest", "images": ["AAE="], "stream": stream});
    let reply = generated(&body, streaming).reply;
    answered(|answered| reply.write(answered, vec![Ok(cat())]).unwrap())
}

#[test]
fn images_are_items() {
    let body = json!({"model": "net:latest", "prompt": "what is it?", "images": ["AAE=", "/w=="]});
    let call = generated(&body, LINES);
    assert_eq!(call.model, "net");
    assert_eq!(pictures(call), [vec![0, 1], vec![255]]);
}

#[test]
fn of_a_chat_the_last_pictures_are_looked_at() {
    let shows = |images: &[&str]| json!({"role": "user", "content": "look", "images": images});
    let body = json!({"model": "net", "messages": [
        shows(&["AAE="]), {"role": "assistant", "content": "a cat"}, shows(&["/w=="]), shows(&[]),
        {"role": "user", "content": "well?", "images": null},
    ]});
    assert_eq!(pictures(chatted(&body)), [vec![255]]);
    assert!(pictures(chatted(&json!({"model": "net"}))).is_empty());
}

#[test]
fn what_ollama_passes_over_is_passed_over() {
    let body = json!({
        "model": "net", "prompt": "a", "format": "", "tools": null, "options": {"temperature": 0.7, "colour": "red"},
        "keep_alive": -1, "think": false, "context": [1], "raw": true, "images": null, "stream": null, "whatever": 1
    });
    assert_eq!(generated(&body, LINES).reply.manner, Manner::Lines);
    let mut body = body;
    body["messages"] = json!([{"role": "user", "content": "a", "tool_calls": []}]);
    assert_eq!(chatted(&body).reply.manner, Manner::Lines);
}

#[test]
fn what_is_no_base64_is_refused() {
    let body = br#"{"model": "net", "images": ["AAE=", "*"]}"#;
    let fault = generate::read(body, LINES).unwrap_err();
    insta::assert_snapshot!(fault.message, @"image 1 is not base64: invalid symbol 42, offset 0");
    assert_eq!(fault.field.as_deref(), Some("images"));
}

#[test]
fn a_whole_answer_is_one_object() {
    let answer = answer(&json!(false), LINES);
    assert_eq!(answer.content_type, "application/json");
    insta::assert_snapshot!(text(answer), @r#"{"model":"net:latest","created_at":"2026-06-01T12:00:00.020000Z","response":"tabby: 0.9123\ntiger cat: 0.0500","done":true,"done_reason":"stop","total_duration":20000000,"load_duration":3000000,"prompt_eval_count":0,"prompt_eval_duration":250000,"eval_count":0,"eval_duration":12500000}"#);
}

#[test]
fn a_streamed_answer_is_one_last_line() {
    for stream in [json!(true), Value::Null] {
        let streamed = answer(&stream, LINES);
        assert_eq!(streamed.content_type, "application/x-ndjson");
        assert_eq!(text(streamed), format!("{}\n", text(answer(&json!(false), LINES))));
    }
}

#[test]
fn who_asks_for_events_gets_an_event_and_an_end() {
    let streaming = Streaming { as_events: true, ..LINES };
    let streamed = answer(&Value::Null, streaming);
    assert_eq!(streamed.content_type, "text/event-stream");
    let whole = text(answer(&json!(false), streaming));
    assert_eq!(text(streamed), format!("data: {whole}\n\ndata: [DONE]\n\n"));
}

#[test]
fn the_configuration_says_what_no_stream_means() {
    let answer = answer(&Value::Null, Streaming::default());
    assert_eq!(answer.content_type, "application/json");
}

#[test]
fn a_chat_is_answered_with_a_message() {
    let body =
        json!({"model": "ocr", "stream": false, "messages": [{"role": "user", "images": ["AAE=", "AAE="]}]});
    let lines = || Ok(Output::Lines { lines: Vec::new(), text: "two\nlines".to_owned() });
    let bounds = BoundingBox { xmin: 0.6, ymin: 1.2, xmax: 7.5, ymax: 9.0 };
    let face = Detected { label: "face".to_owned(), score: 0.5, bounds, points: Vec::new() };
    let objects = Ok(Output::Objects { objects: vec![face] });
    let reply = chatted(&body).reply;
    let answer = answered(|answered| reply.write(answered, vec![lines(), objects]).unwrap());
    insta::assert_snapshot!(text(answer), @r#"{"model":"ocr","created_at":"2026-06-01T12:00:00.020000Z","message":{"role":"assistant","content":"two\nlines\n\nface: 0.5000 at 1, 1, 8, 9"},"done":true,"done_reason":"stop","total_duration":20000000,"load_duration":3000000,"prompt_eval_count":0,"prompt_eval_duration":250000,"eval_count":0,"eval_duration":12500000}"#);
}

#[test]
fn a_picture_that_cannot_be_read_fails_the_call() {
    let reply = generated(&json!({"model": "net", "images": ["AAE="]}), LINES).reply;
    let failure = Failure::permanent(FailureCode::ImageUndecodable, "the picture ends too early");
    let fault = reply.write(nobody(), vec![Err(failure)]).unwrap_err();
    assert_eq!(
        (fault.code, fault.message.as_str()),
        (FaultCode::InputFailed, "input 0: the picture ends too early")
    );
}

#[test]
fn who_shows_nothing_is_asked_for_pictures() {
    let reply = generated(&json!({"model": "net", "prompt": "a"}), LINES).reply;
    let fault = reply.write(nobody(), Vec::new()).unwrap_err();
    insta::assert_snapshot!(fault.message, @r#""net" looks at pictures: give `images`"#);
    let chat = chatted(&json!({"model": "net", "messages": [{"role": "user", "content": "a"}]}));
    let fault = chat.reply.write(nobody(), Vec::new()).unwrap_err();
    insta::assert_snapshot!(fault.message, @r#""net" looks at pictures: give `messages[].images`"#);
}

#[test]
fn models_that_say_nothing_are_named_as_ollama_names_them() {
    let mut generate = generated(&json!({"model": "emotion:latest", "prompt": "a"}), LINES);
    let mut chat = chatted(&json!({"model": "m", "messages": [{"role": "user", "content": "a"}]}));
    let told = |call: &mut Call<Reply>, kind| {
        call.reply
            .meet(call.kinds, &card("emotion", kind))
            .err()
            .map(|fault| fault.message)
            .unwrap_or_default()
    };
    insta::assert_snapshot!(told(&mut generate, Kind::TextClassification), @r#""emotion:latest" does not support generate, and it takes no images"#);
    insta::assert_snapshot!(told(&mut chat, Kind::TextEmbedding), @r#""m" does not support chat, and it takes no images"#);
    insta::assert_snapshot!(told(&mut generate, Kind::BackgroundRemoval), @r#""emotion:latest" does not support generate"#);
    assert_eq!(told(&mut generate, Kind::Ocr), "");
    // Any model can be loaded.
    let mut load = generated(&json!({"model": "emotion:latest"}), LINES);
    assert_eq!(told(&mut load, Kind::TextClassification), "");
}
