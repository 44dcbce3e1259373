//! `setup`: what a run needs and git does not carry.
//!
//! Everything lands in `.forebay`, piece by piece; a piece is either whole or not there, and one that is current is
//! left alone. Where packages come from is the person's own configuration of pip and npm.

mod library;
mod manifest;
mod models;
mod npm;
mod packages;
mod python;
mod scripts;
mod stamp;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

use crate::process;
use crate::repository::Repository;
use manifest::Manifest;
use python::Python;

/// What is wanted beyond the models.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// The runtime library with the CUDA and TensorRT providers.
    pub gpu: bool,
    /// The public clients that end-to-end tests run, Python's and Node.js's.
    pub clients: bool,
}

impl Wanted {
    /// What tests need.
    pub const fn for_tests() -> Self {
        Self { gpu: false, clients: true }
    }
}

/// What the pieces share while they are made.
#[derive(Debug)]
struct Works<'a> {
    repository: &'a Repository,
    manifest: Manifest,
    /// `.forebay`
    data: PathBuf,
    /// `models`, the scripts
    models: PathBuf,
}

/// Puts the runtime library and the starter models into `.forebay`.
pub fn assets(repository: &Repository, wanted: Wanted) -> Result<PathBuf> {
    let data = repository.data()?;
    let _alone = alone(repository, &data)?;
    let models = repository.at("models");
    let manifest = Manifest::read(&models.join("starter.toml"))?;
    let works = Works { repository, manifest, data: data.clone(), models };
    let python = Python::new(repository);
    library::put(&works, &python, wanted.gpu)?;
    let names = models::put(&works, &python)?;
    if wanted.clients {
        python.clients(&works)?;
        npm::clients(&works, &python)?;
    }
    eprintln!("runtime library and models are ready in .forebay: {}", names.join(", "));
    Ok(data)
}

/// Refuses committed toy models that their script would make otherwise; set-up comes before.
pub fn toys(repository: &Repository) -> Result<()> {
    let python = Python::new(repository);
    let mut command = python.command();
    command.arg(repository.at("models/toys/build.py")).arg("--check");
    command.env("PYTHONPATH", repository.data()?.join("python"));
    python.quietly("comparing the toy models with their script", &mut command)
}

/// Builds a release binary of the workspace and answers with its path.
pub fn release(repository: &Repository, package: &str, binary: &str) -> Result<PathBuf> {
    eprintln!("building {binary} (release; the first time takes minutes) …");
    let found = Arc::new(Mutex::new(None));
    let (wanted, sink) = (binary.to_owned(), Arc::clone(&found));
    let mut cargo = repository.cargo();
    cargo.args(["build", "--release", "--package", package, "--bin", binary]);
    cargo.arg("--message-format=json-render-diagnostics");
    process::by_line(&mut cargo, &repository.interrupt, move |line| {
        if let Some(path) = executable(line, &wanted) {
            *sink.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);
        }
    })
    .with_context(|| format!("building {binary}"))?;
    let path = found.lock().unwrap_or_else(PoisonError::into_inner).take();
    path.with_context(|| format!("cargo built no binary named {binary}: does {package} still have it?"))
}

/// The path of the named binary, if this line of cargo's messages tells it.
fn executable(line: &str, binary: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let ours = message["target"]["name"] == binary && message["target"]["kind"][0] == "bin";
    if ours { message["executable"].as_str().map(PathBuf::from) } else { None }
}

/// Keeps two set-ups of one checkout apart until dropped.
fn alone(repository: &Repository, data: &Path) -> Result<File> {
    let path = data.join("setup.lock");
    let lock = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
    if lock.try_lock().is_err() {
        eprintln!("another set-up is at work in {}; waiting for it …", data.display());
        while lock.try_lock().is_err() {
            repository.interrupt.check()?;
            std::thread::sleep(process::GLANCE);
        }
    }
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_found_among_cargos_messages() {
        let library = r#"{"target":{"name":"forebay","kind":["lib"]},"executable":null}"#;
        let binary = r#"{"target":{"name":"forebay","kind":["bin"]},"executable":"/t/release/forebay"}"#;
        assert_eq!(executable(library, "forebay"), None);
        assert_eq!(executable(binary, "forebay-bench"), None);
        assert_eq!(executable("not JSON", "forebay"), None);
        assert_eq!(executable(binary, "forebay"), Some(PathBuf::from("/t/release/forebay")));
    }
}
