//! What people see: colours, widths, and lines that show time passing.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::environment;

/// How often a line is written during a long step when nobody sits at a terminal.
const PLAIN_TICK: Duration = Duration::from_secs(15);

/// The figures of a wheel that turns.
const WHEEL: [char; 4] = ['|', '/', '-', '\\'];

/// Text in a colour, when the terminal and the person want colours.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// For standard output: <https://no-color.org> is honoured.
    pub fn stdout() -> Self {
        Self { on: std::io::stdout().is_terminal() && wants_colour() }
    }

    /// For standard error.
    pub fn stderr() -> Self {
        Self { on: std::io::stderr().is_terminal() && wants_colour() }
    }

    /// Never a colour.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self { on: false }
    }

    /// A heading.
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// What matters less.
    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// What went well.
    pub fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// What went wrong.
    pub fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// Something to look at.
    pub fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn wants_colour() -> bool {
    environment::told("NO_COLOR").is_none() && environment::told("TERM").is_none_or(|term| term != "dumb")
}

/// One long step: a turning wheel on a terminal, a line now and then elsewhere.
#[derive(Debug)]
pub struct Step {
    label: String,
    started: Instant,
    live: bool,
    shown: Instant,
    turns: usize,
}

impl Step {
    /// Says what begins.
    pub fn begin(label: impl Into<String>) -> Self {
        let (label, now) = (label.into(), Instant::now());
        let live = std::io::stderr().is_terminal();
        if !live {
            eprintln!("{label} …");
        }
        Self { label, started: now, live, shown: now, turns: 0 }
    }

    /// Shows that time passes; call it often.
    pub fn tick(&mut self) {
        let elapsed = self.started.elapsed();
        if self.live {
            self.turns += 1;
            eprint!("\r\x1b[2K{} {} {}", WHEEL[self.turns % WHEEL.len()], self.label, seconds(elapsed));
            let _ = std::io::stderr().flush();
        } else if self.shown.elapsed() >= PLAIN_TICK {
            self.shown = Instant::now();
            eprintln!("{} … {}", self.label, seconds(elapsed));
        }
    }

    /// Says that it went well, and how long it took.
    pub fn done(self) -> Duration {
        self.end(&Paint::stderr().green("done"))
    }

    /// Says that it did not.
    pub fn failed(self) -> Duration {
        self.end(&Paint::stderr().red("failed"))
    }

    fn end(self, word: &str) -> Duration {
        let elapsed = self.started.elapsed();
        let clear = if self.live { "\r\x1b[2K" } else { "" };
        eprintln!("{clear}{}: {word} in {}", self.label, seconds(elapsed));
        elapsed
    }
}

/// A duration as people say it.
pub fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        whole @ 60.. => format!("{} min {:02} s", whole / 60, whole % 60),
        whole @ 10.. => format!("{whole} s"),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

/// Fits `text` into exactly `columns`, cut with an ellipsis or filled with blanks.
pub fn fit(text: &str, columns: usize) -> String {
    let width = text.width();
    if width <= columns {
        return format!("{text}{}", " ".repeat(columns - width));
    }
    let (mut cut, mut used) = (String::new(), 0);
    for letter in text.chars() {
        let wide = letter.width().unwrap_or(0);
        if used + wide > columns.saturating_sub(1) {
            break;
        }
        cut.push(letter);
        used += wide;
    }
    format!("{cut}…{}", " ".repeat(columns.saturating_sub(used + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_fits_its_columns_whatever_its_script() {
        assert_eq!(fit("cat", 5), "cat  ");
        assert_eq!(fit("a long sentence", 8), "a long …");
        assert_eq!(fit("我很高兴", 8), "我很高兴");
        assert_eq!(fit("我很高兴", 6), "我很… ");
        assert_eq!(fit("我很高兴", 7).width(), 7);
    }

    #[test]
    fn durations_are_told_as_people_say_them() {
        assert_eq!(seconds(Duration::from_millis(1230)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(42)), "42 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }
}
