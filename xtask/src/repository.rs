//! Where things are in this checkout, and how to call cargo in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::environment;
use crate::process::Interrupt;

/// The checkout that this program was built in.
#[derive(Clone, Debug)]
pub struct Repository {
    root: PathBuf,
    /// Raised when the person or the machine asks to stop.
    pub interrupt: Interrupt,
}

impl Repository {
    /// The checkout around this crate.
    pub fn open() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the checkout");
        anyhow::ensure!(
            root.join("Cargo.toml").is_file(),
            "{} is no longer there: this program was built in a checkout that has moved; run `cargo xtask` anew",
            root.display()
        );
        Ok(Self { root: root.to_owned(), interrupt: Interrupt::install()? })
    }

    /// The folder with the workspace's `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the root.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// `.forebay`, which git ignores: everything that is fetched, built or written by running.
    pub fn data(&self) -> Result<PathBuf> {
        let data = self.at(".forebay");
        std::fs::create_dir_all(&data).with_context(|| format!("making {}", data.display()))?;
        Ok(data)
    }

    /// The cargo that runs us, in the root.
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new(environment::told("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root);
        environment::without_own_cargo(environment::without_forebay(&mut cargo));
        cargo
    }
}
