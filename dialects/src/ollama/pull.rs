//! `POST /api/pull`: a model from a hub, told as it comes.

use serde::Deserialize;

use super::name::meant;
use super::{Manner, Progress, Streaming};
use crate::Fault;

/// What Ollama's users write before the name of a hub's model.
const HUBS: [&str; 4] = ["hf.co/", "huggingface.co/", "https://hf.co/", "https://huggingface.co/"];
/// Digits of a digest that are told to people.
const SHORT: usize = 12;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Pull {
    /// The model, as the hub knows it.
    pub reference: String,
    /// How it is told.
    pub manner: Manner,
}

/// The body. `insecure` is passed over: how a hub is reached is the service's affair.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    stream: Option<bool>,
}

/// Reads a body.
pub fn read(body: &[u8], streaming: Streaming) -> Result<Pull, Fault> {
    let Body { model, name, stream } = crate::read(body, "request")?;
    let model = meant(model, name)?;
    let reference = HUBS.iter().find_map(|hub| model.strip_prefix(hub)).unwrap_or(&model);
    Ok(Pull { reference: reference.to_owned(), manner: streaming.manner(stream) })
}

/// What is told before anything has come.
pub fn begun() -> Progress {
    Progress::step("pulling manifest")
}

/// How far a pull is, as the job's events tell it.
#[derive(Debug, Deserialize)]
pub struct Transfer {
    step: String,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    digest: Option<String>,
    completed: u64,
    total: u64,
}

/// The same in Ollama's words.
pub fn step(transfer: Transfer) -> Progress {
    match transfer.step.as_str() {
        "download" => {
            let digest =
                transfer.digest.map(|digest| format!("sha256:{}", digest.trim_start_matches("sha256:")));
            let short = digest.as_deref().and_then(|digest| digest.get(7..7 + SHORT)).map(str::to_owned);
            let what = short.or(transfer.file).unwrap_or_default();
            let status = format!("pulling {what}");
            Progress { status, digest, total: Some(transfer.total), completed: Some(transfer.completed) }
        }
        "verify" => verifying(),
        "store" => writing(),
        "wait" => Progress::step("waiting for the hub"),
        _ => begun(),
    }
}

/// The steps that follow on `latest` until the model is there: a quick pull has done them before anybody hears of them, and
/// Ollama's clients wait for them.
pub fn rest(latest: &Progress) -> impl Iterator<Item = Progress> {
    let steps = [verifying(), writing()];
    let told = steps.iter().position(|step| step == latest).map_or(0, |place| place + 1);
    steps.into_iter().skip(told)
}

fn verifying() -> Progress {
    Progress::step("verifying sha256 digest")
}

fn writing() -> Progress {
    Progress::step("writing manifest")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_model_of_a_hub_is_named_as_ollamas_users_name_it() {
        for (body, reference, manner) in [
            (json!({"model": "org/name"}), "org/name", Manner::Lines),
            (json!({"name": "org/name:latest", "insecure": true}), "org/name", Manner::Lines),
            (json!({"model": "hf.co/org/name:int8", "stream": false}), "org/name:int8", Manner::Whole),
            (json!({"model": "huggingface.co/org/name@v1"}), "org/name@v1", Manner::Lines),
        ] {
            let streaming = Streaming { by_default: true, as_events: false };
            let read = read(body.to_string().as_bytes(), streaming).unwrap();
            assert_eq!((read.reference.as_str(), read.manner), (reference, manner), "{body}");
        }
    }

    #[test]
    fn what_a_pull_does_is_told_in_ollamas_words() {
        let told = |transfer: Value| {
            let piece = Manner::Lines.piece(&step(serde_json::from_value(transfer).unwrap()));
            String::from_utf8(piece).unwrap()
        };
        let digest = "0123456789abcdef".repeat(4);
        let lines: String = [
            json!({"step": "manifest", "completed": 0, "total": 0}),
            json!({"step": "download", "file": "config.json", "completed": 2, "total": 2}),
            json!({"step": "download", "file": "model.onnx", "digest": digest, "completed": 10, "total": 99}),
            json!({"step": "verify", "completed": 101, "total": 101}),
            json!({"step": "wait", "completed": 0, "total": 0}),
            json!({"step": "store", "completed": 101, "total": 101}),
        ]
        .map(told)
        .concat();
        insta::assert_snapshot!(lines, @r#"
        {"status":"pulling manifest"}
        {"status":"pulling config.json","total":2,"completed":2}
        {"status":"pulling 0123456789ab","digest":"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","total":99,"completed":10}
        {"status":"verifying sha256 digest"}
        {"status":"waiting for the hub"}
        {"status":"writing manifest"}
        "#);
    }

    #[test]
    fn steps_that_passed_before_they_were_told_are_told_at_the_end() {
        let after = |latest: Progress| rest(&latest).map(|step| step.status).collect::<Vec<_>>();
        assert_eq!(after(begun()), ["verifying sha256 digest", "writing manifest"]);
        assert_eq!(after(verifying()), ["writing manifest"]);
        assert_eq!(after(writing()), [""; 0]);
    }
}
