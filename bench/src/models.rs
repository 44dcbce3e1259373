//! The models that a column serves: the shipped ones, or the measured one with another manifest.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use toml::{Table, Value};

use crate::MODEL;

/// How the worker forms batches, where it differs from what is shipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Batching {
    /// Padded tokens of one batch.
    pub tokens: Option<u64>,
    /// The share of padding that is cheaper than another run.
    pub padding: Option<f64>,
    /// Padding that is always cheaper than another run.
    pub slack: Option<u64>,
    /// Batches of work that a lane holds.
    pub hold: Option<u64>,
}

impl Batching {
    /// Whether the manifest stays as it is.
    fn is_shipped(&self) -> bool {
        self.tokens.is_none() && self.padding.is_none() && self.slack.is_none()
    }

    /// In a few words.
    pub fn words(&self) -> String {
        let word = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
        let words = [
            word("tokens", self.tokens.map(|value| value.to_string())),
            word("padding", self.padding.map(|value| value.to_string())),
            word("slack", self.slack.map(|value| value.to_string())),
            word("hold", self.hold.map(|value| value.to_string())),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        if words.is_empty() { "as shipped".to_owned() } else { words.join(", ") }
    }
}

/// Makes `to` a folder of models: links to those in `from`, the measured one with its manifest rewritten if need be.
pub fn lay(from: &Path, to: &Path, batching: &Batching) -> anyhow::Result<()> {
    let from = from.canonicalize().with_context(|| format!("looking for models in {}", from.display()))?;
    if batching.is_shipped() {
        return Ok(symlink(from, to)?);
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(&from)?.flatten() {
        let place = to.join(entry.file_name());
        if entry.file_name() == MODEL {
            rewrite(&entry.path(), &place, batching)?;
        } else {
            symlink(entry.path(), place)?;
        }
    }
    Ok(())
}

fn rewrite(from: &Path, to: &Path, batching: &Batching) -> anyhow::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)?.flatten().filter(|entry| entry.file_name() != "forebay.toml") {
        symlink(entry.path(), to.join(entry.file_name()))?;
    }
    let mut manifest: Table = fs::read_to_string(from.join("forebay.toml"))?.parse()?;
    let batch = manifest.entry("batch").or_insert_with(|| Value::Table(Table::new()));
    let batch = batch.as_table_mut().context("`batch` is no table")?;
    for (key, value) in [("tokens", batching.tokens), ("slack", batching.slack)] {
        if let Some(value) = value {
            batch.insert(key.to_owned(), Value::Integer(i64::try_from(value)?));
        }
    }
    if let Some(padding) = batching.padding {
        batch.insert("padding".to_owned(), Value::Float(padding));
    }
    Ok(fs::write(to.join("forebay.toml"), manifest.to_string())?)
}
