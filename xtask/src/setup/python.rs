//! Python: the system's interpreter, its pip, and our own folder of modules.
//!
//! Modules go into `.forebay/python`, since Debian refuses a plain `pip install` and may lack `venv`.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Works;
use super::stamp::{Fingerprint, Piece};
use crate::process::{self, Failed};
use crate::repository::Repository;

/// What to do about something that a tool's last words contain.
const ADVICE: [(&str, &str); 13] = [
    ("No module named pip", "install pip: apt-get install python3-pip"),
    (
        "No space left on device",
        "the disk is full: free some space (set-up needs about 2 GB) and run it again",
    ),
    ("name resolution", NETWORK),
    ("Name or service not known", NETWORK),
    ("Connection refused", NETWORK),
    ("Network is unreachable", NETWORK),
    ("timed out", NETWORK),
    ("Max retries exceeded", NETWORK),
    ("connection broken by", NETWORK),
    ("No matching distribution", "the registry that your pip is set up with does not have this package"),
    ("ENOTFOUND", NETWORK),
    ("E404", "the registry that your npm is set up with does not have this package"),
    ("Permission denied", "this account may not write there: look at who owns .forebay"),
];

const NETWORK: &str = "the package registry cannot be reached: look at the network and at `python3 -m pip config list` \
    (or `npm config list`), then run this again; what is already here is kept";

/// The interpreter, looked at when first needed.
#[derive(Debug)]
pub struct Python<'a> {
    repository: &'a Repository,
    version: OnceCell<String>,
    has_pip: OnceCell<()>,
}

impl<'a> Python<'a> {
    /// Nothing is looked at yet.
    pub fn new(repository: &'a Repository) -> Self {
        Self { repository, version: OnceCell::new(), has_pip: OnceCell::new() }
    }

    /// `python3`, writing no bytecode into the checkout.
    pub fn command(&self) -> Command {
        let mut command = Command::new("python3");
        command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(self.repository.root());
        command
    }

    /// `python3 -m pip <verb>`, where nothing of the person's configuration but the way to the registry matters.
    pub fn pip(&self, verb: &str) -> Result<Command> {
        if self.has_pip.get().is_none() {
            self.version()?;
            let mut asked = self.command();
            asked.args(["-m", "pip", "--version"]);
            process::output(&mut asked, &self.repository.interrupt)
                .context("python3 has no pip: apt-get install python3-pip (with sudo when not root)")?;
            let _ = self.has_pip.set(());
        }
        let mut pip = self.command();
        pip.env("PIP_USER", "0").env("PIP_REQUIRE_VIRTUALENV", "0").env_remove("PIP_TARGET");
        pip.args(["-m", "pip", verb, "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]);
        Ok(pip)
    }

    /// `3.11`
    pub fn version(&self) -> Result<&str> {
        if self.version.get().is_none() {
            let mut asked = self.command();
            asked.args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
            let told = process::output(&mut asked, &self.repository.interrupt).context(
                "python3 does not run: apt-get install python3 python3-pip (with sudo when not root)",
            )?;
            let _ = self.version.set(told.trim().to_owned());
        }
        Ok(self.version.get().expect("set right above"))
    }

    /// Runs a Python tool under a line that shows time passing; a failure says what to do.
    pub fn quietly(&self, label: &str, command: &mut Command) -> Result<()> {
        let Err(error) = process::quietly(label, command, &self.repository.interrupt) else { return Ok(()) };
        let advice = error.downcast_ref::<Failed>().and_then(|failed| advice(&failed.tail));
        Err(match advice {
            Some(advice) => error.context(format!("{label}: {advice}")),
            None => error.context(label.to_owned()),
        })
    }

    /// The folder with the modules that build scripts import.
    pub fn modules(&self, works: &Works) -> Result<PathBuf> {
        let requirements = works.models.join(&works.manifest.python.requirements);
        self.install(works, "python", &requirements, "the modules of the build scripts")
    }

    /// The folder with the clients that tests run.
    pub fn clients(&self, works: &Works) -> Result<PathBuf> {
        let requirements = works.repository.at("cli/tests/clients/requirements.txt");
        self.install(works, "clients", &requirements, "the clients that tests run")
    }

    fn install(&self, works: &Works, piece: &str, requirements: &Path, what: &str) -> Result<PathBuf> {
        let minimum = &works.manifest.python.minimum;
        let version = self.version()?;
        if parse(version) < parse(minimum) {
            bail!("python3 is {version}, and {what} need {minimum} or newer");
        }
        let inputs = Fingerprint::default()
            .part("python", version.as_bytes())
            .part("machine", std::env::consts::ARCH.as_bytes())
            .file("requirements", requirements)?;
        let piece = Piece::new(&works.data, piece, inputs);
        if !piece.is_current() {
            piece.make(|folder| {
                let mut pip = self.pip("install")?;
                pip.args(["--require-hashes", "--only-binary=:all:", "--no-compile", "--target"]);
                pip.arg(folder).arg("--requirement").arg(requirements);
                self.quietly(&format!("installing {what}"), &mut pip)
            })?;
        }
        Ok(piece.target)
    }
}

fn advice(tail: &str) -> Option<&'static str> {
    ADVICE.iter().find(|(sign, _)| tail.contains(sign)).map(|(_, advice)| *advice)
}

fn parse(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_network_is_told_from_a_missing_package() {
        let offline = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n\
                       ERROR: No matching distribution found for numpy==2";
        assert_eq!(advice(offline), Some(NETWORK));
        assert!(advice("ERROR: No matching distribution found for x").unwrap().contains("does not have"));
        assert_eq!(advice("KeyError: 'weights'"), None);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parse("3.9") < parse("3.10"));
    }
}
