//! Postgres, as it would run in earnest: with fsync, and with its statements counted.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context, Result};
use nix::unistd::{Uid, User};

use super::{Place, Service};
use crate::process::{self, Interrupt};

/// Enough for a suite that opens a pool of eight per test.
const MAX_CONNECTIONS: u16 = 200;

/// The server's lock, in its data folder.
const LOCK: &str = "postmaster.pid";

/// Makes a database cluster if there is none, and starts a server on it.
pub fn launch(place: &Place, interrupt: &Interrupt) -> Result<Child> {
    let binaries = binaries().context("Postgres is not installed: apt-get install postgresql")?;
    let folder = place.folder_of(Service::Postgres);
    fs::create_dir_all(&folder)?;
    hand_over(&folder)?;
    let data = folder.join("data");
    if !data.join("PG_VERSION").is_file() {
        let mut initdb = unprivileged(place, &binaries.join("initdb"))?;
        initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--pgdata",
        ]);
        process::openly(initdb.arg(&data), interrupt)
            .with_context(|| process::last_lines(&place.log(Service::Postgres)))
            .context("initdb")?;
    }
    // A killed server leaves its lock behind, and takes the lock's owner for alive until somebody has waited for it.
    // That no process of this folder is left has been seen to by the caller.
    let _ = fs::remove_file(data.join(LOCK));
    let mut server = unprivileged(place, &binaries.join("postgres"))?;
    server.arg("-D").arg(&data).arg("-p").arg(place.ports().postgres.to_string());
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "shared_preload_libraries=pg_stat_statements",
        &format!("max_connections={MAX_CONNECTIONS}"),
        // Each test makes a database, all of it through the log: a gigabyte of that is kept otherwise.
        "max_wal_size=256MB",
    ] {
        server.args(["-c", setting]);
    }
    process::spawn(&mut server)
}

/// The server writes its own state into the eighth line of its lock.
pub fn is_ready(place: &Place) -> bool {
    let lock = place.folder_of(Service::Postgres).join("data").join(LOCK);
    fs::read_to_string(lock).is_ok_and(|text| text.lines().nth(7).map(str::trim) == Some("ready"))
}

/// Whether the server is installed.
pub fn is_installed() -> bool {
    binaries().is_some()
}

/// The newest installed server's programs; Debian keeps them out of the path.
fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    versions
        .map(|version| version.path().join("bin"))
        .filter(|binaries| binaries.join("initdb").is_file() && binaries.join("postgres").is_file())
        .max_by_key(|binaries| version(binaries))
}

fn version(binaries: &Path) -> Option<u32> {
    binaries.parent()?.file_name()?.to_str()?.parse().ok()
}

/// The server refuses to run as root; root runs it as the account that comes with the package.
fn account() -> Result<Option<User>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    let user = User::from_name("postgres")?;
    user.context("root cannot run Postgres, and there is no account named postgres").map(Some)
}

fn hand_over(folder: &Path) -> Result<()> {
    let Some(user) = account()? else { return Ok(()) };
    chown(folder, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
        .with_context(|| format!("giving {} to {}", folder.display(), user.name))
}

fn unprivileged(place: &Place, program: &Path) -> Result<Command> {
    let Some(user) = account()? else { return place.command(Service::Postgres, program) };
    let mut command = place.command(Service::Postgres, Path::new("setpriv"))?;
    command.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid));
    command.args(["--clear-groups", "--"]).arg(program);
    Ok(command)
}
