//! Other programs: run, watched, shown when they fail, and stopped with us.
//!
//! Every program runs in a process group of its own, so that stopping it stops what it started, and so that Ctrl-C
//! reaches it through us. While one runs, the interrupt is looked at ten times a second.

mod interrupt;
mod tail;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

pub use interrupt::{EXIT_CODE as INTERRUPTED_EXIT_CODE, Interrupt, Interrupted};
pub use tail::{Tail, last_lines};

use crate::console::Step;

/// How often a running program and the interrupt are looked at.
pub const GLANCE: Duration = Duration::from_millis(100);

/// How long a program may take to end when asked, before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program that did not do what it was called for.
#[derive(Debug)]
pub struct Failed {
    what: String,
    status: ExitStatus,
    /// The last lines that it wrote.
    pub tail: String,
}

impl std::error::Error for Failed {}

impl std::fmt::Display for Failed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => write!(out, "{} ended with exit code {code}", self.what)?,
            (_, Some(signal)) => write!(out, "{} was ended by signal {signal}", self.what)?,
            _ => write!(out, "{} ended without a word", self.what)?,
        }
        if !self.tail.is_empty() {
            write!(out, "; its last words:\n\n{}", self.tail)?;
        }
        Ok(())
    }
}

/// Runs a program silently under a line that shows time passing; answers with its standard output.
pub fn quietly(label: &str, command: &mut Command, interrupt: &Interrupt) -> Result<String> {
    let mut step = Step::begin(label);
    let answer = captured(command, interrupt, || step.tick());
    match &answer {
        Ok(_) => step.done(),
        Err(_) => step.failed(),
    };
    answer
}

/// Runs a program silently; answers with its standard output.
pub fn output(command: &mut Command, interrupt: &Interrupt) -> Result<String> {
    captured(command, interrupt, || {})
}

/// Runs a program whose output people see as it comes.
pub fn openly(command: &mut Command, interrupt: &Interrupt) -> Result<()> {
    let mut child = spawn(command.stdin(Stdio::null()))?;
    let status = wait(&mut child, interrupt, || {})?;
    succeed(command, status, String::new())
}

/// Runs a program whose standard error people see; each line of its standard output goes to `each` as it comes.
pub fn by_line(
    command: &mut Command,
    interrupt: &Interrupt,
    each: impl FnMut(&str) + Send + 'static,
) -> Result<()> {
    let mut child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let reader = lines(child.stdout.take(), each);
    let status = wait(&mut child, interrupt, || {})?;
    let _ = reader.join();
    succeed(command, status, String::new())
}

fn captured(command: &mut Command, interrupt: &Interrupt, glance: impl FnMut()) -> Result<String> {
    let tail = Tail::default();
    let mut child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let errors = {
        let tail = tail.clone();
        lines(child.stderr.take(), move |line| tail.push(line))
    };
    let (send, receive) = std::sync::mpsc::channel();
    let output = {
        let tail = tail.clone();
        lines(child.stdout.take(), move |line| {
            tail.push(line);
            let _ = send.send(format!("{line}\n"));
        })
    };
    let status = wait(&mut child, interrupt, glance)?;
    let _ = (errors.join(), output.join());
    succeed(command, status, tail.text())?;
    Ok(receive.into_iter().collect())
}

fn succeed(command: &Command, status: ExitStatus, tail: String) -> Result<()> {
    if status.success() { Ok(()) } else { Err(Failed { what: name(command), status, tail }.into()) }
}

/// Reads lines on a thread of its own until the other end closes.
fn lines<R: Read + Send + 'static>(
    from: Option<R>,
    mut each: impl FnMut(&str) + Send + 'static,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let Some(from) = from else { return };
        let (mut from, mut bytes) = (BufReader::new(from), Vec::new());
        while matches!(from.read_until(b'\n', &mut bytes), Ok(1..)) {
            each(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']));
            bytes.clear();
        }
    })
}

/// Starts a program in a process group of its own.
pub fn spawn(command: &mut Command) -> Result<Child> {
    command.process_group(0).spawn().with_context(|| format!("starting {}", name(command)))
}

/// Waits for a program; when interrupted, stops it with all that it started.
fn wait(child: &mut Child, interrupt: &Interrupt, mut glance: impl FnMut()) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if let Err(interrupted) = interrupt.check() {
            stop(child)?;
            return Err(interrupted.into());
        }
        glance();
        std::thread::sleep(GLANCE);
    }
}

/// Asks a program's whole group to end, and after a while makes it.
pub fn stop(child: &mut Child) -> Result<ExitStatus> {
    let group = Pid::from_raw(i32::try_from(child.id()).expect("process ids are positive"));
    let _ = killpg(group, Signal::SIGTERM);
    let asked = Instant::now();
    while asked.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait()? {
            let _ = killpg(group, Signal::SIGKILL);
            return Ok(status);
        }
        std::thread::sleep(GLANCE / 4);
    }
    let _ = killpg(group, Signal::SIGKILL);
    Ok(child.wait()?)
}

fn name(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for argument in command.get_args().take(3) {
        name.push(' ');
        name.push_str(&argument.to_string_lossy());
    }
    format!("`{name}{}`", if command.get_args().len() > 3 { " …" } else { "" })
}

#[cfg(test)]
mod tests;
