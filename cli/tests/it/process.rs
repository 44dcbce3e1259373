//! One process of the real program.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to start or stop on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A running `forebay`; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    role: String,
}

impl Process {
    /// Starts a role with this environment; its log goes to a file in `folder`.
    pub fn start(arguments: &[&str], environment: &[(String, String)], folder: &Path, name: &str) -> Self {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_forebay"))
            .args(arguments)
            .env_clear()
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { child, log, role: name.to_owned() }
    }

    /// Runs a command to its end and answers with what it printed; it must succeed.
    pub fn run(arguments: &[&str], environment: &[(String, String)], folder: &Path) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_forebay"))
            .args(arguments)
            .env_clear()
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits for a line of the log that contains `words`, and answers with it.
    pub fn says(&mut self, words: &str) -> String {
        self.hears(words).unwrap_or_else(|| {
            let status = self.child.try_wait().unwrap();
            panic!("{} ended with {status:?} before it said `{words}`:\n{}", self.role, tail(&self.log()));
        })
    }

    /// The same of a process that may die before it has said it.
    pub fn hears(&mut self, words: &str) -> Option<String> {
        let started = Instant::now();
        loop {
            let ended = self.child.try_wait().unwrap().is_some();
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(words)) {
                return Some(line.to_owned());
            }
            if ended {
                return None;
            }
            assert!(started.elapsed() < PATIENCE, "{} does not say `{words}`:\n{}", self.role, tail(&log));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it plays this role.
    #[cfg(feature = "services")]
    pub fn is_called(&self, role: &str) -> bool {
        self.role.starts_with(role)
    }

    /// All it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A line of the system's account of its memory, in bytes.
    pub fn memory(&self, what: &str) -> u64 {
        let account = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = account.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("the line is there");
        kibibytes.trim().parse::<u64>().unwrap() * 1024
    }

    /// Whether it still runs.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
    }

    /// SIGKILL, and waits.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits until it has ended in good order.
    pub fn stop(mut self) {
        self.signal("TERM");
        let status = self.wait();
        assert!(status.success(), "{} ended with {status}:\n{}", self.role, tail(&self.log()));
    }

    fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "{} does not stop:\n{}", self.role, tail(&self.log()));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A stopped process (SIGSTOP) is killed as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {} ---\n{}", self.role, tail(&self.log()));
        }
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
