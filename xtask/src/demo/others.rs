//! One line of each kind that the first questions leave out.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::client::Client;
use super::script;
use crate::repository::Repository;

/// Where pictures that were made are put, below the data directory.
const FOLDER: &str = "demo";

/// How an answer reads.
type Reading = fn(&Value) -> Option<String>;

/// A question of one kind.
#[derive(Debug)]
struct Question {
    kind: &'static str,
    job: Value,
    /// The picture that is asked about, if it is one.
    picture: Option<&'static str>,
    answer: Answer,
}

/// What comes of it.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// The result's items, in words.
    Words(Reading),
    /// A picture, to be put under this name.
    Picture(&'static str),
    /// A tensor with a score for each of the model's labels.
    Scores,
}

/// A question that was asked.
#[derive(Debug)]
pub struct Asked {
    question: Question,
    path: String,
}

/// A kind and its line.
#[derive(Debug)]
pub struct Line {
    /// The kind.
    pub kind: &'static str,
    /// What came of it.
    pub text: String,
}

/// Asks everything at once.
pub fn submit(repository: &Repository, client: &Client) -> Result<Vec<Asked>> {
    let questions = questions().into_iter().chain([file_type(repository)?]);
    questions.map(|question| ask(repository, client, question)).collect()
}

fn ask(repository: &Repository, client: &Client, question: Question) -> Result<Asked> {
    let path = match question.picture {
        Some(picture) => client.submit_pictures(&question.job, &[(picture, repository.at(picture))])?,
        None => client.submit(&question.job)?,
    };
    Ok(Asked { question, path })
}

impl Asked {
    /// Waits for the answer, and keeps it if it is a picture.
    pub fn answer(self, repository: &Repository, client: &Client) -> Result<Line> {
        let Question { kind, answer, .. } = self.question;
        let job = client.wait(&self.path)?;
        let text = match answer {
            Answer::Words(read) => {
                read(&job["result"]["items"]).with_context(|| format!("unreadable: {job}"))?
            }
            Answer::Picture(name) => {
                let folder = repository.data()?.join(FOLDER);
                fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
                let file = folder.join(name);
                fs::write(&file, client.file(&self.path)?)
                    .with_context(|| format!("writing {}", file.display()))?;
                let output = &job["result"]["items"][0]["output"];
                format!(".forebay/{FOLDER}/{name}, {} × {}", output["width"], output["height"])
            }
            Answer::Scores => {
                let model = job["model"].as_str().unwrap_or_default();
                let config = repository.data()?.join("models").join(model).join("config.json");
                let config: Value = serde_json::from_slice(&fs::read(config)?)?;
                let said = likeliest_of(&job["result"]["items"], &config["id2label"]);
                let said = said.with_context(|| format!("unreadable: {job}"))?;
                format!("{}, by its bytes: {said}", script::SOME_FILE)
            }
        };
        Ok(Line { kind, text })
    }
}

fn questions() -> Vec<Question> {
    let text = |kind, job, read| Question { kind, job, picture: None, answer: Answer::Words(read) };
    let about = |kind, model: &str, picture, answer| Question {
        kind,
        job: json!({ "model": model }),
        picture: Some(picture),
        answer,
    };
    let [cat, coffee] = script::PICTURES;
    vec![
        text(
            "rerank",
            json!({"model": "minilm-rerank", "inputs": script::ANSWERS, "params": {"query": script::QUERY}}),
            first_of_the_answers,
        ),
        text(
            "text_similarity",
            json!({"model": "minilm-similarity", "input": script::PAIRS[1][1], "params": {"source": script::PAIRS[1][0]}}),
            |items| {
                Some(format!(
                    "a ship that left and a boat that put out: {:.2}",
                    items[0]["output"]["score"].as_f64()?
                ))
            },
        ),
        text(
            "zero_shot_classification",
            json!({"model": "minilm-zero-shot", "input": script::PAIRS[2][1], "params": {"candidate_labels": script::LABELS}}),
            |items| Some(format!("a court that adjourned is about {}", likeliest(items)?)),
        ),
        about(
            "object_detection",
            "centerface",
            script::FACES,
            Answer::Words(|items| {
                let found = items[0]["output"]["objects"].as_array()?;
                let score = found.first()?["score"].as_f64()?;
                Some(format!("many.png: {} faces, the surest with {score:.2}", found.len()))
            }),
        ),
        about("background_removal", "isnet-small", cat, Answer::Picture("cat-cut-out.png")),
        about("image_to_image", "style-transfer-26", coffee, Answer::Picture("coffee-styled.png")),
        about(
            "ocr",
            "pp-ocrv4",
            script::PRINT,
            Answer::Words(|items| {
                let lines = items[0]["output"]["lines"].as_array()?;
                let texts: Option<Vec<_>> = lines.iter().map(|line| line["text"].as_str()).collect();
                Some(format!("mixed.png: {}", texts?.join(" / ")))
            }),
        ),
    ]
}

/// What kind of file some bytes are: the beginning and the end as numbers, filled up with one that is no byte.
fn file_type(repository: &Repository) -> Result<Question> {
    const PART: usize = 1024;
    const NOTHING: u16 = 256;
    let file = repository.at(script::SOME_FILE);
    let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    let content = bytes.trim_ascii();
    let first = content.iter().copied().map(u16::from).chain(std::iter::repeat(NOTHING)).take(PART);
    let end = &content[content.len().saturating_sub(PART)..];
    let last = std::iter::repeat_n(NOTHING, PART - end.len()).chain(end.iter().copied().map(u16::from));
    let tensor = json!({
        "name": "bytes", "datatype": "INT32", "shape": [1, 2 * PART], "data": first.chain(last).collect::<Vec<_>>(),
    });
    let job = json!({"model": "magika", "input": {"tensors": [tensor]}});
    Ok(Question { kind: "tensor", job, picture: None, answer: Answer::Scores })
}

fn likeliest_of(items: &Value, labels: &Value) -> Option<String> {
    let scores = items[0]["output"]["outputs"][0]["data"].as_array()?;
    let scores: Vec<f64> = scores.iter().map(Value::as_f64).collect::<Option<_>>()?;
    let (best, score) = highest(&scores)?;
    Some(format!("{} ({score:.2})", labels[best.to_string()].as_str()?))
}

fn first_of_the_answers(items: &Value) -> Option<String> {
    let scores: Vec<f64> =
        items.as_array()?.iter().map(|item| item["output"]["score"].as_f64()).collect::<Option<_>>()?;
    let (best, score) = highest(&scores)?;
    Some(format!("{} {} ({score:.2})", script::QUERY, script::ANSWERS.get(best)?))
}

/// Where the highest score stands, and what it is.
fn highest(scores: &[f64]) -> Option<(usize, f64)> {
    scores.iter().copied().enumerate().max_by(|one, other| one.1.total_cmp(&other.1))
}

fn likeliest(items: &Value) -> Option<String> {
    let label = &items[0]["output"]["labels"][0];
    Some(format!("{} ({:.2})", label["label"].as_str()?, label["score"].as_f64()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_best_answer_and_the_likeliest_label_are_told() {
        let scores =
            json!([{"output": {"score": 0.1}}, {"output": {"score": 0.7}}, {"output": {"score": 0.2}}]);
        let told = first_of_the_answers(&scores).unwrap();
        assert_eq!(told, format!("{} {} (0.70)", script::QUERY, script::ANSWERS[1]));
        let labels = json!([{"output": {"labels": [{"label": "law", "score": 0.5}]}}]);
        assert_eq!(likeliest(&labels).unwrap(), "law (0.50)");
        assert_eq!(likeliest(&json!([{"output": {}}])), None);
        let tensor = json!([{"output": {"outputs": [{"data": [0.25, 0.75]}]}}]);
        assert_eq!(likeliest_of(&tensor, &json!({"0": "c", "1": "toml"})).unwrap(), "toml (0.75)");
    }

    #[test]
    fn every_kind_is_asked_once() {
        let questions = questions();
        let kinds: BTreeSet<_> = questions.iter().map(|question| question.kind).collect();
        assert_eq!(kinds.len(), questions.len());
    }
}
