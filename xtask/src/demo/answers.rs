//! What a finished job says, read from its JSON.

use anyhow::{Context, Result};
use serde_json::Value;

/// The labels of one item with their scores, best first.
pub fn classes(job: &Value, index: usize) -> Result<Vec<(String, f64)>> {
    let labels = output(job, index)["labels"].as_array();
    let labels =
        labels.filter(|labels| !labels.is_empty()).with_context(|| format!("item {index} has no labels"))?;
    let read = |label: &Value| Some((label["label"].as_str()?.to_owned(), label["score"].as_f64()?));
    labels.iter().map(|label| read(label).with_context(|| format!("an unreadable label: {label}"))).collect()
}

/// The cosine of each item and the one after it, two by two.
pub fn similarities(job: &Value, pairs: usize) -> Result<Vec<f64>> {
    (0..pairs).map(|pair| Ok(cosine(&embedding(job, 2 * pair)?, &embedding(job, 2 * pair + 1)?))).collect()
}

fn embedding(job: &Value, index: usize) -> Result<Vec<f64>> {
    let numbers = output(job, index)["embedding"].as_array();
    let numbers = numbers.with_context(|| format!("item {index} has no embedding"))?;
    Ok(numbers.iter().filter_map(Value::as_f64).collect())
}

fn output(job: &Value, index: usize) -> &Value {
    &job["result"]["items"][index]["output"]
}

fn cosine(left: &[f64], right: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_and_similarities_are_read_from_the_result() {
        let job = json!({"result": {"items": [
            {"output": {"embedding": [3.0, 4.0]}},
            {"output": {"embedding": [6.0, 8.0]}},
            {"output": {"labels": [{"label": "tiger cat", "score": 0.4}]}},
        ]}});
        assert!((similarities(&job, 1).unwrap()[0] - 1.0).abs() < 1e-12);
        assert_eq!(classes(&job, 2).unwrap(), [("tiger cat".to_owned(), 0.4)]);
        assert!(classes(&job, 0).is_err());
    }
}
