//! One process of the real program.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a process may take to start or stop on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// How often is looked whether it has.
const GLANCE: Duration = Duration::from_millis(20);
/// Lines of a log that are shown when something went wrong.
const TAIL: usize = 30;

/// A running `forebay`; killed when dropped.
#[derive(Debug)]
pub struct Process {
    /// Its role.
    pub role: String,
    child: Child,
    log: PathBuf,
}

/// What processes of one column have in common.
#[derive(Debug)]
pub struct Surroundings<'a> {
    pub program: &'a Path,
    pub environment: &'a [(String, String)],
    pub folder: &'a Path,
}

impl Surroundings<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.args(arguments).env_clear().current_dir(self.folder).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command
    }

    /// Starts the role that is the first argument, with this over the common environment; its log goes to a file in the
    /// folder.
    pub fn start(&self, arguments: &[&str], own: &[(&str, &str)]) -> anyhow::Result<Process> {
        let role = arguments.first().copied().unwrap_or_default().to_owned();
        let log = self.folder.join(format!("{role}.log"));
        let output = File::create(&log)?;
        let child = self
            .command(arguments)
            .envs(own.iter().copied())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        Ok(Process { role, child, log })
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = self.command(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "`forebay {}`: {said}", arguments.join(" "));
        Ok(())
    }
}

impl Process {
    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the log that contains `words`, and answers with it.
    pub fn says(&mut self, words: &str) -> anyhow::Result<String> {
        let started = Instant::now();
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(words)) {
                return Ok(line.to_owned());
            }
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("{} ended with {status} before it said `{words}`:\n{}", self.role, self.tail());
            }
            anyhow::ensure!(
                started.elapsed() < PATIENCE,
                "{} does not say `{words}`:\n{}",
                self.role,
                self.tail()
            );
            std::thread::sleep(GLANCE);
        }
    }

    /// The last lines it has logged.
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(i32::try_from(self.id())?), Signal::SIGTERM)?;
        let started = Instant::now();
        while self.child.try_wait()?.is_none() {
            anyhow::ensure!(started.elapsed() < PATIENCE, "{} does not stop:\n{}", self.role, self.tail());
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
