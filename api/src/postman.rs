//! The API as a Postman collection: a tour of what the OpenAPI document describes, every stop of which can be sent.
//!
//! Methods, paths and words are the document's. What it cannot tell is in the [`tour`]: in which order requests make sense,
//! what they are filled with, and what of an answer the next request names.

mod stop;
mod tour;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use stop::{Asked, Body, Stop};
use tour::{Folder, TOUR};

/// The collection's format.
const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
/// Where `forebay serve` listens if nobody says otherwise.
const BASE_URL: &str = "http://127.0.0.1:8080";
/// A photograph of a few kilobytes, for the models that look at pictures.
const PICTURE: &[u8] = include_bytes!("../postman/cat.jpg");

/// Names and contents of the files for Postman.
pub fn files(document: &OpenApi) -> [(&'static str, String); 2] {
    let document = serde_json::to_value(document).expect("the document is made of strings and numbers");
    let text = |value: &Value| format!("{value:#}\n");
    [("collection.json", text(&collection(&document))), ("environment.json", text(&environment()))]
}

/// The collection, in Postman's format 2.1.
fn collection(document: &Value) -> Value {
    json!({
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "schema": SCHEMA,
        },
        "item": TOUR.iter().map(|part| folder(document, part)).collect::<Vec<_>>(),
        "auth": {"type": "apikey", "apikey": [
            text("key", "X-API-Key"),
            text("value", "{{api_key}}"),
            text("in", "header"),
        ]},
        "variable": variables().map(|(key, value)| text(key, &value)),
        // A stream lasts as long as what it tells of.
        "event": [script(&[
            "pm.test('Status code is 2xx', () => pm.expect(pm.response.code).to.be.within(200, 299));",
            "const limit = Number(pm.variables.get('response_time_ms'));",
            "if (!(pm.response.headers.get('Content-Type') || '').startsWith('text/event-stream')) {",
            "    pm.test(`Response time is less than ${limit}ms`, () => {",
            "        pm.expect(pm.response.responseTime).to.be.below(limit);",
            "    });",
            "}",
        ])],
    })
}

/// What stands for itself without the environment.
fn variables() -> [(&'static str, String); 6] {
    [
        ("base_url", BASE_URL.to_owned()),
        ("api_key", String::new()),
        ("model_id", "A001".to_owned()),
        ("model", "emotion".to_owned()),
        ("picture", BASE64_STANDARD.encode(PICTURE)),
        ("response_time_ms", "200".to_owned()),
    ]
}

/// The environment beside it: where the service is, which model is asked, and the key, to be filled in and switched on.
fn environment() -> Value {
    let value =
        |key: &str, value: &str| json!({"key": key, "value": value, "type": "default", "enabled": true});
    json!({
        "id": "forebay",
        "name": "Forebay",
        "values": [
            value("base_url", BASE_URL),
            value("base_url_prod", "https://forebay.example.com"),
            value("model_id", "A001"),
            {"key": "api_key", "value": "your-api-key-here", "type": "secret", "enabled": false},
        ],
        "_postman_variable_scope": "environment",
    })
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": value, "type": "string"})
}

fn folder(document: &Value, part: &Folder) -> Value {
    let items: Vec<Value> = part.stops.iter().filter_map(|stop| request(document, stop)).collect();
    json!({"name": part.name, "description": part.about, "item": items})
}

/// A request. None of what the document does not know, which a test finds.
fn request(document: &Value, stop: &Stop) -> Option<Value> {
    let (method, path, name, about) = match stop.asked {
        Asked::Operation(id) => {
            let (path, method, operation) =
                operations(document).find(|(.., one)| one["operationId"] == id)?;
            let words = |field: &str| operation[field].as_str().unwrap_or_default();
            (method, path, words("summary"), words("description"))
        }
        Asked::Page(path, name) => ("get", path, name, ""),
    };
    let mut headers: Vec<Value> = Vec::new();
    let mut header = |key: &str, value: &str| headers.push(json!({"key": key, "value": value}));
    if let Some(media_type) = stop.body.media_type() {
        header("Content-Type", &media_type);
    }
    stop.headers.iter().for_each(|(key, value)| header(key, value));
    let mut request = json!({"method": method.to_uppercase(), "header": headers});
    if let Some(text) = stop.body.text() {
        let language = if matches!(stop.body, Body::Json(_)) { "json" } else { "text" };
        request["body"] = json!({"mode": "raw", "raw": text, "options": {"raw": {"language": language}}});
    }
    request["url"] = url(path, stop);
    request["description"] = about.into();
    let mut item = json!({"name": name});
    if let Some((variable, place)) = stop.keep {
        let kept = format!("pm.collectionVariables.set('{variable}', pm.response.json().{place});");
        item["event"] = json!([script(&["if (pm.response.code < 300) {", &format!("    {kept}"), "}"])]);
    }
    item["request"] = request;
    item["response"] = json!([]);
    Some(item)
}

/// The address, of which Postman wants the parts as well. A parameter of the path is the variable of its name, if the stop
/// says nothing else.
fn url(path: &str, stop: &Stop) -> Value {
    let filled = stop
        .at
        .iter()
        .fold(path.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
    let segments: Vec<String> = filled
        .split('/')
        .skip(1)
        .map(|segment| match segment.strip_prefix('{').filter(|name| !name.starts_with('{')) {
            Some(_) => format!("{{{segment}}}"),
            None => segment.to_owned(),
        })
        .collect();
    let mut raw = format!("{{{{base_url}}}}/{}", segments.join("/"));
    let mut url = json!({"raw": "", "host": ["{{base_url}}"], "path": segments});
    if !stop.query.is_empty() {
        let pairs: Vec<String> = stop.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        raw = format!("{raw}?{}", pairs.join("&"));
        let query = stop.query.iter().map(|(key, value)| json!({"key": key, "value": value}));
        url["query"] = query.collect();
    }
    url["raw"] = raw.into();
    url
}

/// Path, method and operation of all that the document describes.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods
            .filter(|(_, operation)| operation.get("operationId").is_some())
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Lines that run when the answer has come.
fn script(lines: &[&str]) -> Value {
    json!({"listen": "test", "script": {"type": "text/javascript", "exec": lines}})
}

#[cfg(test)]
mod tests;
