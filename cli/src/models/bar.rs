//! A bar on the terminal for what takes a while.

use std::sync::{Mutex, PoisonError};

use forebay_shared::registry::Progress;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

const KNOWN: &str = "{msg:>9} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
const UNKNOWN: &str = "{msg:>9} {spinner} {bytes} {bytes_per_sec}";

/// A bar for each step, one after the other. Where there is no terminal, nothing.
#[derive(Debug, Default)]
pub struct Bars(Mutex<Option<ProgressBar>>);

impl Progress for Bars {
    fn begin(&self, what: &'static str, bytes: Option<u64>) {
        let (bar, style) = match bytes {
            Some(bytes) => (ProgressBar::new(bytes), KNOWN),
            None => (ProgressBar::new_spinner(), UNKNOWN),
        };
        let style = ProgressStyle::with_template(style).expect("the template is written right above");
        let bar = bar.with_style(style).with_message(what).with_finish(ProgressFinish::AndLeave);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn advance(&self, bytes: u64) {
        if let Some(bar) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            bar.inc(bytes);
        }
    }

    fn note(&self, what: &str) {
        let tell = || eprintln!("{what}");
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(bar) => bar.suspend(tell),
            None => tell(),
        }
    }
}
