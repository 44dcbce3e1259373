//! The workspace's tests, run by cargo, with their results counted.

use std::io::IsTerminal;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::repository::Repository;
use crate::services::Place;

/// Tests that break services live in modules of this name; each has the services for itself.
const FAULTS: &str = "faults::";

/// More threads than this only wait for the same database.
const MOST_THREADS: usize = 8;

/// Where tests find servers.
#[derive(Clone, Copy, Debug)]
pub enum Services<'a> {
    /// Nowhere: only the tests that need none are built.
    None,
    /// In this folder.
    Running { place: &'a Place, long: bool },
}

/// The suite and what it has come to so far.
#[derive(Debug)]
pub struct Suite {
    repository: Repository,
    features: Vec<String>,
    environment: Vec<(&'static str, String)>,
    counted: Arc<Mutex<Counted>>,
}

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Suite {
    /// Finds out what to build and what the tests must be told.
    pub fn new(repository: &Repository, data: &Path, services: Services<'_>) -> Result<Self> {
        let mut environment = vec![("FOREBAY_TEST_DATA", data.display().to_string())];
        let mut wanted = vec!["rehearsal"];
        if let Services::Running { place, long } = services {
            wanted.extend(if long { &["services", "long"][..] } else { &["services"] });
            environment.extend(place.environment());
            environment.push(("FOREBAY_TEST_XTASK", own_copy(place)?.display().to_string()));
        }
        let features = features_named(repository, &wanted)?;
        Ok(Self { repository: repository.clone(), features, environment, counted: Arc::default() })
    }

    /// All tests but those that break services.
    pub fn everything(&mut self, filter: Option<&str>) -> Result<()> {
        let threads = std::thread::available_parallelism().map_or(2, NonZero::get).clamp(2, MOST_THREADS);
        let mut cargo = self.cargo(&[]);
        cargo.args(["--skip", FAULTS, &format!("--test-threads={threads}")]).args(filter);
        self.count(&mut cargo)
    }

    /// The tests that break services.
    pub fn faults(&mut self, filter: Option<&str>) -> Result<()> {
        let mut cargo = self.cargo(&["--lib", "--bins", "--tests"]);
        cargo.arg("--test-threads=1").arg(filter.filter(|filter| filter.contains(FAULTS)).unwrap_or(FAULTS));
        self.count(&mut cargo)
    }

    /// The closing line; a suite that ran nothing has failed.
    pub fn report(&self) -> Result<()> {
        let counted = *self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        println!("\n{} passed, {} failed, {} skipped", counted.passed, counted.failed, counted.skipped);
        ensure!(counted.passed > 0, "no test was run");
        Ok(())
    }

    fn cargo(&self, targets: &[&str]) -> Command {
        let mut cargo = self.repository.cargo();
        cargo.args(["test", "--workspace", "--no-fail-fast"]).args(targets);
        if !self.features.is_empty() {
            cargo.arg("--features").arg(self.features.join(","));
        }
        cargo.envs(self.environment.iter().map(|(name, value)| (name, value))).arg("--");
        if std::io::stdout().is_terminal() {
            cargo.arg("--color=always");
        }
        cargo
    }

    fn count(&self, cargo: &mut Command) -> Result<()> {
        let counted = Arc::clone(&self.counted);
        process::by_line(cargo, &self.repository.interrupt, move |line| {
            println!("{line}");
            counted.lock().unwrap_or_else(PoisonError::into_inner).add(line);
        })
    }
}

impl Counted {
    /// Reads libtest's closing lines and lets all others pass.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let number = |word: &str| -> u64 {
            let told = result.split([';', '.']).find_map(|part| part.trim().strip_suffix(word));
            told.and_then(|told| told.trim().parse().ok()).unwrap_or(0)
        };
        self.passed += number("passed");
        self.failed += number("failed");
        self.skipped += number("ignored");
    }
}

/// `package/feature` for every package that has a feature of such a name. A test that is not wanted is not even built, so
/// that it cannot look as if it had passed.
fn features_named(repository: &Repository, wanted: &[&str]) -> Result<Vec<String>> {
    let mut cargo = repository.cargo();
    cargo.args(["metadata", "--no-deps", "--format-version=1"]);
    let told = process::output(&mut cargo, &repository.interrupt)?;
    let told: serde_json::Value =
        serde_json::from_str(&told).context("reading what cargo tells of the workspace")?;
    let packages = told["packages"].as_array().context("cargo tells of no packages")?;
    Ok(packages.iter().flat_map(|package| features_of(package, wanted)).collect())
}

fn features_of(package: &serde_json::Value, wanted: &[&str]) -> Vec<String> {
    let has = |feature: &&&str| package["features"].get(**feature).is_some();
    let name = package["name"].as_str().unwrap_or_default();
    wanted.iter().filter(has).map(|feature| format!("{name}/{feature}")).collect()
}

/// A copy of this program that stays while cargo may build it anew.
fn own_copy(place: &Place) -> Result<PathBuf> {
    let (own, copy) = (std::env::current_exe()?, place.folder().join("xtask"));
    std::fs::copy(&own, &copy).with_context(|| format!("copying {}", own.display()))?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_built_with_those_features_that_it_has() {
        let package = serde_json::json!({"name": "a", "features": {"services": [], "seams": ["b/seams"]}});
        assert_eq!(features_of(&package, &["services", "long"]), ["a/services"]);
        assert!(features_of(&package, &["long"]).is_empty());
    }

    #[test]
    fn results_are_added_up_and_other_lines_are_let_pass() {
        let mut counted = Counted::default();
        counted.add("test a::passed ... ok");
        counted.add(
            "test result: ok. 14 passed; 0 failed; 2 ignored; 0 measured; 1 filtered out; finished in 0.1s",
        );
        counted.add("test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!(counted, Counted { passed: 17, failed: 1, skipped: 2 });
    }
}
