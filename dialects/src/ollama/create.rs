//! `POST /api/create`: a model of files that were uploaded, or of another model.

use std::collections::BTreeMap;

use forebay_shared::registry::ContentDigest;
use serde::Deserialize;
use serde_json::Value;

use super::name::{meant, plain};
use super::order::digest;
use super::{Manner, Progress, Streaming};
use crate::{Fault, FaultCode};

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Create {
    /// What the model is to be called.
    pub model: String,
    /// What it is to be made of.
    pub of: Source,
    /// How it is told.
    pub manner: Manner,
}

/// What a model is made of.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// Of uploaded files, by path.
    Files(BTreeMap<String, ContentDigest>),
    /// Of all that another model has.
    Model(String),
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    files: Option<BTreeMap<String, String>>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Fields that would make another model than the files do; nothing here could.
const REFUSED: [&str; 9] =
    ["adapters", "license", "messages", "modelfile", "parameters", "path", "quantize", "system", "template"];

/// Reads a body.
pub fn read(body: &[u8], streaming: Streaming) -> Result<Create, Fault> {
    let Body { model, name, from, files, stream, rest } = crate::read(body, "request")?;
    let model = meant(model, name)?;
    if let Some(field) = REFUSED.into_iter().find(|field| rest.get(*field).is_some_and(says_something)) {
        let message = format!(
            "`{field}` is not supported: a model is made of `files`, forebay.toml among them, or is that of `from`"
        );
        return Err(Fault::new(FaultCode::NotSupported, message).at(field));
    }
    let from = from.filter(|from| !from.is_empty());
    let of = match (files.filter(|files| !files.is_empty()), from) {
        (Some(files), None) => Source::Files(digests(files)?),
        (None, Some(from)) => Source::Model(plain(&from).to_owned()),
        (None, None) => {
            let message = "give `files`, or another model as `from`";
            return Err(Fault::new(FaultCode::MissingField, message).at("files"));
        }
        (Some(_), Some(_)) => {
            let message = "`from` and `files` do not go together: a model is another's, or made of files";
            return Err(Fault::new(FaultCode::NotSupported, message).at("from"));
        }
    };
    Ok(Create { model, of, manner: streaming.manner(stream) })
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn digests(files: BTreeMap<String, String>) -> Result<BTreeMap<String, ContentDigest>, Fault> {
    let digest = |(path, word): (String, String)| {
        let digest = digest(&word).map_err(|fault| fault.at(format!("files.{path}")))?;
        Ok((path, digest))
    };
    files.into_iter().map(digest).collect()
}

/// What is said of the files of a model before they are looked at: all of them are here.
pub fn layers(digests: impl IntoIterator<Item = ContentDigest>) -> Vec<Progress> {
    let mut digests: Vec<ContentDigest> = digests.into_iter().collect();
    digests.sort_unstable();
    digests.dedup();
    let layer = |digest| Progress::step(format!("using existing layer sha256:{digest}"));
    digests.into_iter().map(layer).chain([Progress::step("verifying sha256 digest")]).collect()
}

/// What is said when the model is about to have its name.
pub fn naming() -> Progress {
    Progress::step("writing manifest")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(body: &Value) -> Result<Create, Fault> {
        read(body.to_string().as_bytes(), Streaming { by_default: true, as_events: false })
    }

    #[test]
    fn a_model_is_made_of_files_or_of_another() {
        let digits = "0a".repeat(32);
        let files = json!({"config.json": format!("sha256:{digits}")});
        let made = asked(&json!({"model": "mood:latest", "files": files})).unwrap();
        let expected = [("config.json".to_owned(), ContentDigest([10; 32]))].into();
        assert_eq!(
            (made.model.as_str(), made.of, made.manner),
            ("mood", Source::Files(expected), Manner::Lines)
        );
        // As clients send it that fill in what nobody said.
        let copy = json!({
            "name": "mood", "from": "old:latest", "files": {}, "stream": false, "template": "", "system": null,
            "parameters": {}, "messages": [], "insecure": true,
        });
        let made = asked(&copy).unwrap();
        assert_eq!((made.of, made.manner), (Source::Model("old".into()), Manner::Whole));
    }

    #[test]
    fn what_a_model_cannot_be_made_of_is_refused_by_name() {
        let digits = "0a".repeat(32);
        let told = |body: Value| {
            let fault = asked(&body).unwrap_err();
            format!("{}: {}\n", fault.field.unwrap_or_default(), fault.message)
        };
        let refused: String = [
            json!({}),
            json!({"model": "mood"}),
            json!({"model": "mood", "files": {"a": format!("sha256:{digits}")}, "from": "old"}),
            json!({"model": "mood", "files": {"a": "sha256:short"}}),
            json!({"model": "mood", "from": "old", "system": "You are a pirate."}),
            json!({"model": "mood", "from": "old", "quantize": "q4_K_M"}),
            json!({"model": "mood", "modelfile": "FROM old"}),
            json!({"model": "mood", "files": ["a"]}),
        ]
        .into_iter()
        .map(told)
        .collect();
        insta::assert_snapshot!(refused, @r#"
        model: model is required
        files: give `files`, or another model as `from`
        from: `from` and `files` do not go together: a model is another's, or made of files
        files.a: invalid digest: it is `sha256:` and 64 hexadecimal digits
        system: `system` is not supported: a model is made of `files`, forebay.toml among them, or is that of `from`
        quantize: `quantize` is not supported: a model is made of `files`, forebay.toml among them, or is that of `from`
        modelfile: `modelfile` is not supported: a model is made of `files`, forebay.toml among them, or is that of `from`
        files: invalid type: sequence, expected a map
        "#);
    }

    #[test]
    fn equal_files_are_told_of_once() {
        let told: Vec<String> =
            layers([ContentDigest([2; 32]), ContentDigest([1; 32]), ContentDigest([2; 32])])
                .into_iter()
                .chain([naming(), Progress::success()])
                .map(|piece| String::from_utf8(Manner::Lines.piece(&piece)).unwrap())
                .collect();
        insta::assert_snapshot!(told.concat(), @r#"
        {"status":"using existing layer sha256:0101010101010101010101010101010101010101010101010101010101010101"}
        {"status":"using existing layer sha256:0202020202020202020202020202020202020202020202020202020202020202"}
        {"status":"verifying sha256 digest"}
        {"status":"writing manifest"}
        {"status":"success"}
        "#);
    }
}
