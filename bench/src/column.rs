//! A column: everything in one process, or a fleet on the private services, fresh and with default configuration.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;

use crate::arguments::Kind;
use crate::client::Client;
use crate::memory;
use crate::models::{self, Batching};
use crate::process::{PATIENCE, Process, Surroundings};
use crate::processes::Watched;
use crate::services::Services;
use crate::{ECHO, MODEL};

/// What a column is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    pub kind: Kind,
    /// The program.
    pub forebay: PathBuf,
    /// The folder with `lib` and `models`.
    pub data: PathBuf,
    pub services: Services,
    /// Threads of one run.
    pub threads: usize,
    /// Further configuration, for every process.
    pub settings: Vec<(String, String)>,
    pub batching: Batching,
}

/// A running column. Dropping it kills its processes.
#[derive(Debug)]
pub struct Column {
    processes: Vec<Process>,
    /// Where its api is.
    pub url: String,
    /// Where the worker's metrics are.
    pub metrics: String,
    services: Option<PathBuf>,
    /// Dropped after the processes.
    _folder: tempfile::TempDir,
}

impl Column {
    /// Starts one and waits until it serves the models that are measured.
    pub async fn start(plan: &Plan) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("forebay-bench-").tempdir()?;
        let data = folder.path().join("data");
        std::fs::create_dir(&data)?;
        symlink(plan.data.join("lib").canonicalize()?, data.join("lib"))?;
        models::lay(&plan.data.join("models"), &data.join("models"), &plan.batching)?;
        let mut environment = vec![
            ("FOREBAY_DATA_DIR".to_owned(), data.to_string_lossy().into_owned()),
            ("FOREBAY_WORKER__THREADS".to_owned(), plan.threads.to_string()),
        ];
        if let Some(hold) = plan.batching.hold {
            environment.push(("FOREBAY_WORKER__HOLD".to_owned(), hold.to_string()));
        }
        if plan.kind == Kind::Fleet {
            environment.extend(plan.services.fresh()?);
        }
        environment.extend(plan.settings.clone());
        let surroundings =
            Surroundings { program: &plan.forebay, environment: &environment, folder: folder.path() };
        let (processes, greeting, metrics) = match plan.kind {
            Kind::Fleet => start_fleet(&surroundings)?,
            Kind::Embedded => start_embedded(&surroundings)?,
        };
        let url = address(&greeting)?;
        let column = Self {
            processes,
            metrics: metrics.unwrap_or_else(|| format!("{url}/metrics")),
            url,
            services: (plan.kind == Kind::Fleet).then(|| plan.services.folder.clone()),
            _folder: folder,
        };
        column.ready().await?;
        Ok(column)
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let (client, started) = (Client::new(&self.url)?, Instant::now());
        for path in ["/readyz".to_owned(), format!("/v1/models/{MODEL}"), format!("/v1/models/{ECHO}")] {
            while !client.finds(&path).await {
                anyhow::ensure!(
                    started.elapsed() < PATIENCE,
                    "the column does not answer {path}:\n{}",
                    self.tails()
                );
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Stops the worker. The models it has announced stay known, and what is submitted for them waits.
    pub fn dismiss_worker(&mut self) -> anyhow::Result<()> {
        let worker = self.processes.pop_if(|process| process.role == "worker");
        worker.context("no worker runs as a process of its own")?.stop()
    }

    /// The most memory that each process has held so far, in bytes, by role.
    pub fn peaks(&self) -> anyhow::Result<Vec<(String, u64)>> {
        self.processes.iter().map(|process| Ok((process.role.clone(), memory::peak(process.id())?))).collect()
    }

    /// Whose processor time is told, by role and service.
    pub fn watched(&self) -> Watched {
        let known = self.processes.iter().map(|process| (process.role.clone(), process.id())).collect();
        Watched { known, services: self.services.clone() }
    }

    /// The ends of all logs.
    pub fn tails(&self) -> String {
        let tails = self.processes.iter().map(|process| format!("--- {}\n{}", process.role, process.tail()));
        tails.collect::<Vec<_>>().join("\n")
    }

    /// Stops everything in good order, those who take work first.
    pub fn stop(mut self) -> anyhow::Result<()> {
        while let Some(process) = self.processes.pop() {
            process.stop()?;
        }
        Ok(())
    }
}

/// The processes, the api's greeting and where the worker's metrics are, unless the api has them.
type Started = (Vec<Process>, String, Option<String>);

fn start_fleet(surroundings: &Surroundings) -> anyhow::Result<Started> {
    surroundings.run(&["migrate"])?;
    let mut api = surroundings.start(&["api", "--listen", "127.0.0.1:0"], &[])?;
    let greeting = api.says("listening on")?;
    let scheduler = surroundings.start(&["scheduler"], &[])?;
    let telemetry = format!("127.0.0.1:{}", free_port()?);
    let mut worker = surroundings.start(&["worker"], &[("FOREBAY_TELEMETRY__LISTEN", &telemetry)])?;
    worker.says("worker registered")?;
    Ok((vec![api, scheduler, worker], greeting, Some(format!("http://{telemetry}/metrics"))))
}

fn start_embedded(surroundings: &Surroundings) -> anyhow::Result<Started> {
    let mut serve = surroundings.start(&["serve", "--listen", "127.0.0.1:0"], &[])?;
    let greeting = serve.says("listening on")?;
    serve.says("worker registered")?;
    Ok((vec![serve], greeting, None))
}

/// `… listening on http://127.0.0.1:1234, …`
fn address(greeting: &str) -> anyhow::Result<String> {
    let from = greeting.find("http://").with_context(|| format!("no address in `{greeting}`"))?;
    Ok(greeting[from..].split([',', ' ']).next().unwrap_or_default().to_owned())
}

/// A port that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
