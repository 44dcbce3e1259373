//! Finding every process that belongs to a folder.
//!
//! A process belongs to a folder if it works in it, or if its environment names the folder (or something in it) in
//! `FOREBAY_SERVICE` or `FOREBAY_TEST_SERVICES`. The environment is inherited, so this also finds daemons that left
//! their parents and programs that a test has started. Postgres overwrites its environment, but works in its folder.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::process::GLANCE;

/// The variables that mark a process.
pub const MARKS: [&str; 2] = ["FOREBAY_SERVICE", "FOREBAY_TEST_SERVICES"];

/// How long a killed process may take to vanish; one that writes to a slow disk takes its time.
const VANISH_LIMIT: Duration = Duration::from_secs(20);

/// A process, as /proc tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    /// The program's short name.
    pub name: String,
}

/// The processes that belong to `folder`, without ourselves.
pub fn of(folder: &Path) -> Result<Vec<Process>> {
    let own = i32::try_from(std::process::id()).expect("process ids are positive");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(entry) = entry else { continue };
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let about = entry.path();
        if pid != own && (works_in(&about, folder) || is_marked(&about, folder)) {
            // Whatever cannot be read has ended in this very moment.
            let Ok(stat) = fs::read_to_string(about.join("stat")) else { continue };
            found.extend(parse(pid, &stat));
        }
    }
    Ok(found)
}

/// Those whose parent is not among them.
pub fn leaders(processes: &[Process]) -> impl Iterator<Item = &Process> {
    processes.iter().filter(|one| processes.iter().all(|other| other.pid != one.parent))
}

/// Sends a signal; a process that has ended meanwhile is no error.
pub fn signal(process: &Process, signal: Signal) {
    let _ = signal::kill(Pid::from_raw(process.pid), signal);
}

/// Kills all that belongs to `folder` and waits until it is gone.
pub fn exterminate(folder: &Path) -> Result<()> {
    let (begun, mut quiet) = (Instant::now(), false);
    loop {
        let left = of(folder)?;
        // Twice, since a program that is just being loaded shows no environment for a moment.
        if left.is_empty() && quiet {
            return Ok(());
        }
        quiet = left.is_empty();
        if begun.elapsed() > VANISH_LIMIT {
            bail!("processes of {} do not end: {left:?}", folder.display());
        }
        for process in &left {
            signal(process, Signal::SIGKILL);
        }
        std::thread::sleep(GLANCE / 4);
    }
}

fn works_in(about: &Path, folder: &Path) -> bool {
    fs::read_link(about.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
}

fn is_marked(about: &Path, folder: &Path) -> bool {
    fs::read(about.join("environ")).is_ok_and(|environment| names(&environment, folder))
}

fn names(environment: &[u8], folder: &Path) -> bool {
    environment.split(|byte| *byte == 0).any(|variable| {
        let mut sides = variable.splitn(2, |byte| *byte == b'=');
        let (name, value) = (sides.next().unwrap_or_default(), sides.next().unwrap_or_default());
        MARKS.iter().any(|mark| mark.as_bytes() == name)
            && Path::new(std::ffi::OsStr::from_bytes(value)).starts_with(folder)
    })
}

/// Reads `/proc/<pid>/stat`; a zombie is no process any more.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let (head, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let name = head.split_once('(')?.1.to_owned();
    (state != "Z" && state != "X").then_some(Process { pid, parent, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stat_line_is_read_even_with_a_strange_name() {
        let process = parse(7, "7 (a (b) c) S 3 7 7 0 -1").unwrap();
        assert_eq!(process, Process { pid: 7, parent: 3, name: "a (b) c".into() });
        assert_eq!(parse(7, "7 (sh) Z 3 7 7 0 -1"), None);
    }

    #[test]
    fn only_our_marks_make_a_process_ours() {
        let folder = Path::new("/tmp/f");
        assert!(names(b"A=1\0FOREBAY_SERVICE=/tmp/f/s3\0", folder));
        assert!(names(b"FOREBAY_TEST_SERVICES=/tmp/f", folder));
        assert!(!names(b"FOREBAY_TEST_SERVICES=/tmp/folder", folder));
        assert!(!names(b"PWD=/tmp/f\0", folder));
    }

    #[test]
    fn a_process_is_found_by_its_folder_and_by_its_mark_and_killed() {
        let folder = tempfile::tempdir().unwrap();
        let spawn = |command: &mut std::process::Command| command.arg("60").spawn().unwrap();
        let mut working = spawn(std::process::Command::new("sleep").current_dir(folder.path()));
        let mut marked = spawn(std::process::Command::new("sleep").env(MARKS[0], folder.path().join("s3")));
        let found = || of(folder.path()).unwrap().len();
        let begun = Instant::now();
        while found() < 2 {
            assert!(begun.elapsed() < Duration::from_secs(10), "a program takes no ten seconds to load");
        }
        exterminate(folder.path()).unwrap();
        assert_eq!(found(), 0);
        working.wait().unwrap();
        marked.wait().unwrap();
    }
}
