//! Migrations: the same names for both databases, and nothing that is in use ever changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::repository::Repository;

const FOLDERS: [&str; 2] = ["migrations/postgres", "migrations/sqlite"];

/// Refuses a migration without its twin, and a change to one that was there before.
pub fn check(repository: &Repository) -> Result<()> {
    let [postgres, sqlite] = FOLDERS.map(|folder| names(&repository.at(folder)));
    let mut broken = unpaired(&postgres?, &sqlite?);
    match base(repository) {
        Some(base) => broken.extend(changed(&differences(repository, &base)?)),
        None => eprintln!("no earlier commit to compare with: only the names were compared"),
    }
    if !broken.is_empty() {
        bail!("{}", broken.join("\n"));
    }
    Ok(())
}

fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn unpaired(postgres: &BTreeSet<String>, sqlite: &BTreeSet<String>) -> Vec<String> {
    let twins = |name: &String, has: &str, lacks: &str| format!("{name} is for {has} and not for {lacks}");
    let left = postgres.difference(sqlite).map(|name| twins(name, "postgres", "sqlite"));
    let right = sqlite.difference(postgres).map(|name| twins(name, "sqlite", "postgres"));
    let odd = postgres.iter().filter(|name| !is_name(name));
    let named = odd.map(|name| format!("{name} is not named YYYYMMDDHHMMSS_noun.sql"));
    left.chain(right).chain(named).collect()
}

fn is_name(name: &str) -> bool {
    let Some((digits, noun)) = name.split_once('_') else { return false };
    digits.len() == 14
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && noun.strip_suffix(".sql").is_some_and(|noun| !noun.is_empty())
}

/// Where this work branched off; on the main branch itself, the commit before.
fn base(repository: &Repository) -> Option<String> {
    let head = git(repository, &["rev-parse", "HEAD"]).ok()?;
    let branched = git(repository, &["merge-base", "HEAD", "origin/main"]).ok();
    branched
        .filter(|base| *base != head)
        .or_else(|| git(repository, &["rev-parse", "--verify", "HEAD~"]).ok())
}

fn differences(repository: &Repository, base: &str) -> Result<String> {
    git(repository, &["diff", "--no-renames", "--name-status", base, "--", FOLDERS[0], FOLDERS[1]])
}

/// What `git diff --name-status` tells of files that were there before.
fn changed(differences: &str) -> Vec<String> {
    let lines = differences.lines().filter_map(|line| line.split_once('\t'));
    lines
        .filter(|(kind, _)| !kind.starts_with('A'))
        .map(|(_, name)| format!("{name} has changed: a migration is only ever added, so write a new one"))
        .collect()
}

fn git(repository: &Repository, arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.args(arguments).current_dir(repository.root());
    Ok(process::output(&mut git, &repository.interrupt)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_migration_without_its_twin_is_refused() {
        let both = set(&["20260101000000_jobs.sql"]);
        assert!(unpaired(&both, &both).is_empty());
        assert_eq!(
            unpaired(&both, &set(&[])),
            ["20260101000000_jobs.sql is for postgres and not for sqlite"]
        );
        let odd = set(&["jobs.sql"]);
        assert_eq!(unpaired(&odd, &odd).len(), 1);
    }

    #[test]
    fn only_additions_are_allowed() {
        assert!(changed("A\tmigrations/sqlite/20260102000000_keys.sql").is_empty());
        assert_eq!(changed("M\tmigrations/sqlite/a.sql\nD\tmigrations/postgres/b.sql").len(), 2);
    }
}
