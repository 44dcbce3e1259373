//! A second process that cleans up when we cannot.
//!
//! It waits for the pipe from us to close. If we are killed without a chance to clean up, the pipe closes without a
//! word, and the keeper stops what belongs to the folder. It is no second place where cleaning up is decided: whoever
//! ends in good order dismisses it.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use super::census;
use crate::process;

const DISMISSED: &[u8] = b"dismissed";

/// The handle of the process that cleans up after us.
#[derive(Debug)]
pub struct Keeper {
    child: Child,
}

impl Keeper {
    /// Sets one over `folder`.
    pub fn start(folder: &Path, temporary: bool) -> Result<Self> {
        let own = std::env::current_exe().context("finding this program")?;
        let mut command = Command::new(own);
        command.arg("keeper").arg("--folder").arg(folder).current_dir("/");
        if temporary {
            command.arg("--temporary");
        }
        for mark in census::MARKS {
            command.env_remove(mark);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { child: process::spawn(&mut command)? })
    }

    /// Sends it home; called when there is nothing left to clean up.
    pub fn dismiss(&mut self) {
        if let Some(mut pipe) = self.child.stdin.take() {
            let _ = pipe.write_all(DISMISSED);
        }
        let _ = self.child.wait();
    }
}

/// The keeper's whole life.
pub fn keep(folder: &Path, temporary: bool) -> Result<()> {
    let mut word = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut word);
    if word != DISMISSED {
        census::exterminate(folder)?;
        if temporary {
            std::fs::remove_dir_all(folder)?;
        }
    }
    Ok(())
}
