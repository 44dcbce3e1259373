//! The wish to stop: Ctrl-C, SIGTERM or a closed terminal.
//!
//! The first is noted and looked at wherever we wait, so that everything started is stopped on the way out. The second
//! ends us at once; the keeper then stops what is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context, Result};

/// What a shell expects of a program that was interrupted: 128 + SIGINT.
pub const EXIT_CODE: u8 = 130;

/// Somebody asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

impl std::error::Error for Interrupted {}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("interrupted")
    }
}

/// Counts the wishes to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    wishes: Arc<AtomicU8>,
}

impl Interrupt {
    /// Listens from now on.
    pub fn install() -> Result<Self> {
        let interrupt = Self::default();
        let heard = interrupt.clone();
        ctrlc::set_handler(move || {
            if heard.wishes.fetch_add(1, Ordering::SeqCst) > 0 {
                std::process::exit(EXIT_CODE.into());
            }
        })
        .context("listening to SIGINT and SIGTERM")?;
        Ok(interrupt)
    }

    /// Whether we go on.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.wishes.load(Ordering::SeqCst) == 0 { Ok(()) } else { Err(Interrupted) }
    }

    /// As if Ctrl-C had been pressed.
    #[cfg(test)]
    pub fn raise(&self) {
        self.wishes.fetch_add(1, Ordering::SeqCst);
    }
}
