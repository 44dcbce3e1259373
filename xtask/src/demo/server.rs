//! `forebay serve` as the demo runs it: its own port, no configuration.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::client::Client;
use crate::console::Step;
use crate::environment;
use crate::process::{self, GLANCE};
use crate::repository::Repository;

/// How long it may take until it says that it is ready.
const START_LIMIT: Duration = Duration::from_mins(1);

/// A running service; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    child: Option<Child>,
    url: String,
    log: PathBuf,
}

impl Server {
    /// Starts it and waits until it is ready.
    pub fn start(repository: &Repository, binary: &Path, port: Option<u16>) -> Result<Self> {
        let data = repository.data()?;
        let log = data.join("demo.log");
        let file = File::create(&log).with_context(|| format!("opening {}", log.display()))?;
        let address = format!("127.0.0.1:{}", port.map_or_else(free_port, Ok)?);
        let mut command = Command::new(binary);
        environment::without_forebay(&mut command).current_dir(repository.root());
        command.args(["serve", "--listen", &address, "--data-dir"]).arg(&data);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = process::spawn(&mut command)?;
        let mut server = Self { child: Some(child), url: format!("http://{address}"), log };
        server.wait_until_ready(repository)?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, repository: &Repository) -> Result<()> {
        let client = Client::new(&self.url, &repository.interrupt);
        let (mut step, begun) =
            (Step::begin(format!("starting forebay serve on {}", self.url)), Instant::now());
        while !client.is_fine("/readyz") {
            repository.interrupt.check()?;
            if let Some(status) =
                self.child.as_mut().and_then(|child| child.try_wait().transpose()).transpose()?
            {
                step.failed();
                bail!("forebay did not start ({status}); its log ends with:\n\n{}", self.last_words());
            }
            if begun.elapsed() > START_LIMIT {
                step.failed();
                bail!(
                    "forebay is not ready after {START_LIMIT:?}; its log ends with:\n\n{}",
                    self.last_words()
                );
            }
            step.tick();
            std::thread::sleep(GLANCE);
        }
        step.done();
        Ok(())
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        process::last_lines(&self.log)
    }

    /// Stops it with SIGTERM; it must end well.
    pub fn stop(mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let status = process::stop(&mut child)?;
        if !status.success() {
            bail!("forebay did not stop cleanly ({status}); its log ends with:\n\n{}", self.last_words());
        }
        Ok(())
    }

    /// Lets it run on after us; answers with how to stop it.
    pub fn leave(mut self) -> Result<String> {
        let child = self.child.take().context("there is a service to leave")?;
        Ok(format!(
            "The service runs on, with its log in .forebay/demo.log; stop it with\n  kill {}",
            child.id()
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = process::stop(child);
        }
    }
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}
