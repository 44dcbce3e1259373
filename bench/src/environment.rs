//! The environment: read here and nowhere else in this crate.

use std::path::PathBuf;

use anyhow::Context;

/// What `cargo xtask bench` tells under `name`.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the door through which the benchmark reads the environment"
)]
pub fn told(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not told: start this with `cargo xtask bench`"))
}

/// The same, where it is a path; absolute, since processes of the column work elsewhere.
pub fn told_path(name: &str) -> anyhow::Result<PathBuf> {
    Ok(std::path::absolute(told(name)?)?)
}
