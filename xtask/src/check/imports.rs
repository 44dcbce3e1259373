//! Who may import whom, as `docs/architecture.md` draws it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::repository::Repository;

/// Crates, and what must not be among their dependencies, however far down.
const CRATES: [(&str, &[&str]); 5] = [
    ("forebay-api", &["ort", "forebay-scheduler", "forebay-worker"]),
    ("forebay-scheduler", &["ort", "forebay-api", "forebay-worker"]),
    ("forebay-worker", &["forebay-api", "forebay-scheduler"]),
    ("forebay-dialects", &["sqlx", "axum", "ort", "forebay-api", "forebay-scheduler", "forebay-worker"]),
    (
        "forebay-shared",
        &["axum", "ort", "forebay-dialects", "forebay-api", "forebay-scheduler", "forebay-worker"],
    ),
];

/// Modules that hold policy, and so name no plumbing. A folder beside the file counts too.
const MODULES: [&str; 4] =
    ["worker/src/batch.rs", "shared/src/job/status.rs", "shared/src/job/retry.rs", "shared/src/rate.rs"];

/// The plumbing.
const PLUMBING: [&str; 3] = ["tokio", "sqlx", "ort"];

/// Refuses an import that the picture does not have.
pub fn check(repository: &Repository) -> Result<()> {
    let mut broken = Vec::new();
    for (package, banned) in CRATES {
        let reached = dependencies(repository, package)?;
        for name in banned.iter().filter(|name| reached.contains(**name)) {
            broken.push(format!(
                "{package} depends on {name}: `cargo tree -p {package} -i {name} -e normal` shows the way"
            ));
        }
    }
    for module in MODULES {
        for file in files(repository.root(), module)? {
            let text = fs::read_to_string(&file)?;
            let name = file.strip_prefix(repository.root()).unwrap_or(&file).display();
            broken.extend(plumbing(&text).map(|(line, word)| format!("{name}:{line} names {word}")));
        }
    }
    if !broken.is_empty() {
        bail!("{}", broken.join("\n"));
    }
    Ok(())
}

/// Every crate that a package reaches in an ordinary build.
fn dependencies(repository: &Repository, package: &str) -> Result<BTreeSet<String>> {
    let mut tree = repository.cargo();
    tree.args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let told = process::output(&mut tree, &repository.interrupt)
        .with_context(|| format!("asking cargo what {package} depends on"))?;
    Ok(told.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// A module's file and those of its folder, without tests.
fn files(root: &Path, module: &str) -> Result<Vec<PathBuf>> {
    let file = root.join(module);
    anyhow::ensure!(
        file.is_file(),
        "{module} is not there: if it has moved, say so in xtask/src/check/imports.rs"
    );
    let folder = file.with_extension("");
    let mut found = vec![file];
    if folder.is_dir() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("tests.rs") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// The lines that name plumbing, outside comments and tests.
fn plumbing(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    code.enumerate().filter_map(|(index, line)| {
        let line = line.split("//").next().unwrap_or_default();
        PLUMBING.into_iter().find(|word| names(line, word)).map(|word| (index + 1, word))
    })
}

/// Whether a line uses `word` as the beginning of a path.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let (alone, after) =
            (before.is_none_or(|c| !c.is_alphanumeric() && c != '_'), &line[at + word.len()..]);
        let is_use = line.trim_start().starts_with("use ") && after.starts_with([';', ' ']);
        alone && (after.starts_with("::") || is_use)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plumbing_is_found_where_it_is_used_and_only_there() {
        let found = |text: &str| plumbing(text).next();
        assert_eq!(found("use tokio::time::Instant;"), Some((1, "tokio")));
        assert_eq!(found("\nlet x: ort::Value = y;"), Some((2, "ort")));
        assert_eq!(found("use sqlx;"), Some((1, "sqlx")));
        assert_eq!(found("// tokio::spawn is not for us\nuse support::thing;"), None);
        assert_eq!(found("#[cfg(test)]\nmod tests { use tokio::test; }"), None);
    }
}
