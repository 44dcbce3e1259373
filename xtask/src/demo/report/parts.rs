//! The parts that lines are made of.

use serde_json::Value;

use crate::console::Paint;

/// The columns of a classic terminal.
pub const COLUMNS: usize = 80;

/// The columns of a bar that stands for 1.
pub const BAR: usize = 14;

/// The eighths of a column.
const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// A bar as long as the share of 1, in eighths of a column.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "0 to 8 × 14"
)]
pub fn bar(paint: Paint, share: f64) -> String {
    let eighths = (share.clamp(0.0, 1.0) * (8 * BAR) as f64).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    }
    paint.cyan(&bar)
}

/// One line that tells where a job's time went.
pub fn timings(paint: Paint, job: &Value) -> String {
    let told = &job["timings"];
    let ms = |name: &str| told[name].as_f64().map_or_else(|| "?".to_owned(), milliseconds);
    paint.dim(&format!(
        "  waited {} in the queue and {} for its batch of {}; ran {}",
        ms("queue_wait_ms"),
        ms("batch_wait_ms"),
        told["batch_size"],
        ms("run_ms")
    ))
}

fn milliseconds(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

/// Breaks a sentence into lines at blanks.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= columns {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
