//! How the answers look: at most 80 columns, aligned, calm.

mod parts;

use anyhow::Result;
use serde_json::Value;

use super::answers;
use super::others::Line;
use crate::console::{Paint, fit};
use parts::{BAR, COLUMNS, bar, timings, wrap};

/// The columns of a picture's name.
const NAME: usize = 24;

/// Sentences with their emotions.
pub fn moods(paint: Paint, job: &Value, sentences: &[&str]) -> Result<String> {
    let mut lines = vec![heading(paint, "What mood is it?", job)];
    for (index, sentence) in sentences.iter().enumerate() {
        let (label, score) = answers::classes(job, index)?.swap_remove(0);
        let text = fit(sentence, COLUMNS - 2 - 2 - 8 - 1 - 4 - 2 - BAR);
        lines.push(format!("  {text}  {} {score:.2}  {}", paint.green(&fit(&label, 8)), bar(paint, score)));
    }
    lines.push(timings(paint, job));
    Ok(lines.join("\n"))
}

/// Pairs of sentences with how alike they are.
pub fn pairs(paint: Paint, job: &Value, pairs: &[[&str; 2]], similarities: &[f64]) -> String {
    let mut lines = vec![heading(paint, "How alike are these?", job)];
    for ([left, right], similarity) in pairs.iter().zip(similarities) {
        let text = fit(left, COLUMNS - 2 - 2 - 5 - 2 - BAR);
        let number = paint.green(&format!("{similarity:>5.2}"));
        lines.push(format!("  {text}  {number}  {}", bar(paint, *similarity)));
        lines.push(format!("  {right}"));
    }
    lines.push(timings(paint, job));
    lines.join("\n")
}

/// Pictures with the three likeliest things on them.
pub fn pictures(paint: Paint, job: &Value, names: &[&str]) -> Result<String> {
    let mut lines = vec![heading(paint, "What is on these pictures?", job)];
    for (index, name) in names.iter().enumerate() {
        let mut name = *name;
        for (label, score) in answers::classes(job, index)?.into_iter().take(3) {
            let label = fit(&label, COLUMNS - 2 - NAME - 2 - 1 - 4 - 2 - BAR);
            let label = if name.is_empty() { paint.dim(&label) } else { paint.green(&label) };
            lines.push(format!("  {}  {label} {score:.2}  {}", fit(name, NAME), bar(paint, score)));
            name = "";
        }
    }
    lines.push(timings(paint, job));
    Ok(lines.join("\n"))
}

/// One line of each other kind.
pub fn others(paint: Paint, lines: &[Line]) -> String {
    let mut all = vec![paint.bold("And of the other kinds")];
    for Line { kind, text } in lines {
        all.push(format!(
            "  {}  {}",
            paint.green(&fit(kind, NAME)),
            fit(text, COLUMNS - 2 - NAME - 2).trim_end()
        ));
    }
    all.join("\n")
}

/// What was refused, and why.
pub fn refusal(paint: Paint, name: &str, problem: &Value) -> String {
    let code = problem["code"].as_str().unwrap_or("without a code");
    let mut lines = vec![
        paint.bold(&format!("And {name}, sent as if it were a picture?")),
        format!("  refused: {} {}", problem["status"], paint.red(code)),
    ];
    let detail = problem["detail"].as_str().unwrap_or("without a detail");
    lines.extend(wrap(detail, COLUMNS - 2).iter().map(|line| format!("  {line}")));
    lines.join("\n")
}

/// Where to go from here; `runs_on` says how to stop the service, if it was left running.
pub fn farewell(paint: Paint, url: &str, cat: &str, runs_on: Option<&str>) -> String {
    let mut lines = vec![
        format!("{}\n  {url}/docs\n", paint.bold("All of the API, to read and to try")),
        paint.bold("To go on with"),
    ];
    if let Some(how) = runs_on {
        lines.push(format!("  {how}\n"));
    } else {
        let listen = url.trim_start_matches("http://");
        lines.push("  The service has been stopped; start it again with".to_owned());
        lines.push(format!("  target/release/forebay serve --listen {listen} --data-dir .forebay"));
        lines.push("  or run this with --keep, and then\n".to_owned());
    }
    lines.push(format!(
        "  curl -s {url}/v1/jobs -H 'prefer: wait=10' \\\n    \
         -H 'content-type: application/json' \\\n    \
         -d '{{\"model\": \"emotion\", \"input\": \"What a day!\"}}'\n"
    ));
    lines.push(format!(
        "  curl -s {url}/v1/jobs -H 'prefer: wait=10' \\\n    \
         -F 'job={{\"model\": \"efficientnet-lite0\"}}' \\\n    \
         -F 'picture=@models/samples/cat.jpg'\n"
    ));
    lines.push(format!("  curl -s {url}{cat}\n"));
    lines.join("\n")
}

/// A question on the left, who answers it on the right.
fn heading(paint: Paint, question: &str, job: &Value) -> String {
    let model = job["model"].as_str().unwrap_or("?");
    let right = format!("{model}, one job of {}", job["items"]["total"]);
    let gap = " ".repeat(COLUMNS.saturating_sub(question.len() + right.len()));
    format!("{}{gap}{}", paint.bold(question), paint.dim(&right))
}

#[cfg(test)]
mod tests;
