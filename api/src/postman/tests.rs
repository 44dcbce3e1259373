use std::collections::BTreeSet;

use super::tour::LEFT_OUT;
use super::*;

fn document() -> Value {
    serde_json::to_value(crate::openapi()).unwrap()
}

fn stops() -> impl Iterator<Item = &'static Stop> {
    TOUR.iter().flat_map(|folder| folder.stops)
}

/// The variables that a text names, without those that Postman makes up.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let inner = text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
    inner.filter(|name| !name.starts_with('$'))
}

#[test]
fn every_operation_is_a_stop_or_left_out_for_a_reason() {
    const HOW: &str = "add a `stop` to a folder below `api/src/postman/tour` (what it is filled with, and what of its answer the \
                       next one names), or name the operation in `LEFT_OUT` of `api/src/postman/tour.rs` with the reason";
    let document = document();
    let known: BTreeSet<&str> =
        operations(&document).filter_map(|(_, _, operation)| operation["operationId"].as_str()).collect();
    let stops: BTreeSet<&str> = stops()
        .filter_map(|stop| match stop.asked {
            Asked::Operation(id) => Some(id),
            Asked::Page(..) => None,
        })
        .collect();
    let left: BTreeSet<&str> = LEFT_OUT.iter().flat_map(|(_, operations)| *operations).copied().collect();
    let told = &stops | &left;
    assert!(known.is_subset(&told), "Postman's collection lacks {:?}: {HOW}", &known - &told);
    assert!(told.is_subset(&known), "the document has no {:?} any more: {HOW}", &told - &known);
    assert!(stops.is_disjoint(&left), "{:?} are stops, and left out", &stops & &left);
}

#[test]
fn every_variable_is_set_in_its_folder_before_it_is_used() {
    let collection = collection(&document());
    for folder in collection["item"].as_array().unwrap() {
        let mut known: Vec<String> = variables().iter().map(|(name, _)| (*name).to_owned()).collect();
        for item in folder["item"].as_array().unwrap() {
            for name in named(&item["request"].to_string()) {
                assert!(known.iter().any(|one| one == name), "{}: {name}", item["name"]);
            }
            let lines = item["event"].to_string();
            let kept =
                lines.split("collectionVariables.set('").nth(1).and_then(|rest| rest.split('\'').next());
            known.extend(kept.map(str::to_owned));
        }
    }
}

#[test]
fn every_parameter_of_a_path_is_filled() {
    let document = document();
    for stop in stops() {
        let item = request(&document, stop).unwrap();
        let raw = item["request"]["url"]["raw"].as_str().unwrap();
        let left = raw.replace("{{", "").replace("}}", "");
        assert!(!left.contains(['{', '}']), "{raw}");
    }
}

#[test]
fn every_body_of_json_is_json() {
    for stop in stops() {
        if let Body::Json(text) = stop.body {
            let read: Result<Value, _> = serde_json::from_str(text);
            assert!(read.is_ok(), "{:?}: {read:?}", stop.asked);
        }
    }
}

#[test]
fn what_an_operation_must_be_told_a_stop_tells_it() {
    let document = document();
    for stop in stops() {
        let Asked::Operation(id) = stop.asked else { continue };
        let (_, _, operation) = operations(&document).find(|(.., one)| one["operationId"] == id).unwrap();
        let needs_body = operation["requestBody"]["required"] == true;
        assert!(!needs_body || !matches!(stop.body, Body::None), "{id} needs a body");
        let sent = stop.body.media_type().map(|kind| kind.split(';').next().unwrap().to_owned());
        if let Some(sent) = sent {
            assert!(operation["requestBody"]["content"][&sent].is_object(), "{id} takes no {sent}");
        }
    }
}

#[test]
fn a_form_is_written_as_a_file_would_be_sent() {
    const FORM: Body = Body::Form(&[stop::field("purpose", "batch"), stop::file("file", "a.txt", "one\n")]);
    let lines = [
        "--forebay-tour",
        "Content-Disposition: form-data; name=\"purpose\"",
        "",
        "batch",
        "--forebay-tour",
        "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"",
        "",
        "one\n",
        "--forebay-tour--",
        "",
    ];
    assert_eq!(FORM.text().unwrap(), lines.join("\r\n"));
}
