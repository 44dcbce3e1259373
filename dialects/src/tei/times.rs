//! Where a call's time went, in headers of whole milliseconds.

use std::time::Duration;

use forebay_shared::job::{Input, Item};

use crate::call::{Answer, Answered};

/// Characters of all inputs together; of token ids nobody knows.
pub(super) fn characters(items: &[Item]) -> usize {
    let characters = |text: &str| text.chars().count();
    let of = |item: &Item| match &item.input {
        Input::Text(text) => characters(text),
        Input::Pair { text, text_pair } => characters(text) + characters(text_pair),
        _ => 0,
    };
    items.iter().map(of).sum()
}

/// The answer with what TEI says in headers. Which device computed, `x-compute-type`, is known to workers only.
pub(super) fn timed(
    answer: Answer,
    answered: Answered<'_>,
    characters: usize,
    tokens: Option<u64>,
) -> Answer {
    let mut answer = answer.header("x-compute-characters", characters.to_string());
    if let Some(tokens) = tokens {
        answer = answer.header("x-compute-tokens", tokens.to_string());
    }
    let Some(job) = answered.job else { return answer };
    if let Some(end) = job.finished_at {
        answer = answer.header("x-total-time", end.since(job.created_at).as_millis().to_string());
    }
    let Some(timings) = job.timings else { return answer };
    let spans = [
        ("x-compute-time", timings.prepare_ms + timings.run_ms),
        ("x-tokenization-time", timings.prepare_ms),
        ("x-queue-time", timings.queue_wait_ms + timings.batch_wait_ms),
        ("x-inference-time", timings.run_ms),
    ];
    spans.into_iter().fold(answer, |answer, (name, span)| answer.header(name, whole(span)))
}

fn whole(milliseconds: f64) -> String {
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default().as_millis().to_string()
}
