//! Private Postgres, RabbitMQ and S3 servers for tests, in one folder, on free ports.
//!
//! Each server runs in its own process group with its output in `<folder>/<name>/log`. Every process that belongs to a
//! server can be found again through the folder (see [`census`]), so that no pid file is needed, any xtask can stop
//! what another has started, and nothing is left behind.

mod census;
pub mod foreground;
mod inquest;
mod keeper;
mod place;
mod ports;
mod postgres;
mod rabbitmq;
mod s3;

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::console::Step;
use crate::process::{self, GLANCE, Interrupt};

pub use keeper::{Keeper, keep};
pub use place::Place;
pub use s3::server as s3_server;

/// How long a server may take to answer: a broker on a busy machine of two cores has been seen to need 40 s.
const START_LIMIT: Duration = Duration::from_secs(90);

/// How long a server may take to end when asked.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// One of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Service {
    Postgres,
    Rabbitmq,
    S3,
}

impl Service {
    /// All of them, the slowest first.
    pub const ALL: [Self; 3] = [Self::Rabbitmq, Self::Postgres, Self::S3];

    /// Its name, and that of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Rabbitmq => "rabbitmq",
            Self::S3 => "s3",
        }
    }

    fn launch(self, place: &Place, interrupt: &Interrupt) -> Result<Child> {
        match self {
            Self::Postgres => postgres::launch(place, interrupt),
            Self::Rabbitmq => rabbitmq::launch(place),
            Self::S3 => s3::launch(place),
        }
    }

    fn is_ready(self, place: &Place) -> bool {
        match self {
            Self::Postgres => postgres::is_ready(place),
            Self::Rabbitmq => rabbitmq::is_ready(place),
            Self::S3 => s3::is_ready(place),
        }
    }

    /// The folders of its data, relative to its own.
    fn data(self) -> &'static str {
        match self {
            Self::Rabbitmq => "mnesia",
            Self::Postgres | Self::S3 => "data",
        }
    }

    /// The signal on which it ends in good order without waiting for its clients.
    fn farewell(self) -> Signal {
        match self {
            Self::Postgres => Signal::SIGINT,
            Self::Rabbitmq | Self::S3 => Signal::SIGTERM,
        }
    }
}

/// The packages of the system that are missing.
pub fn missing_packages() -> Vec<&'static str> {
    let packages = [("postgresql", postgres::is_installed()), ("rabbitmq-server", rabbitmq::is_installed())];
    packages.into_iter().filter(|(_, there)| !there).map(|(name, _)| name).collect()
}

/// A server that has been started and does not answer yet.
#[derive(Debug)]
struct Starting {
    service: Service,
    child: Child,
    since: Instant,
}

impl Starting {
    fn begin(service: Service, place: &Place, interrupt: &Interrupt) -> Result<Self> {
        let name = service.name();
        if !census::of(&place.folder_of(service))?.is_empty() {
            bail!("{name} is already running in {}", place.folder().display());
        }
        if let Some(port) = place.ports().of(service).iter().find(|port| !ports::is_free(**port)) {
            bail!("{name} is to listen on port {port}, which another program uses");
        }
        let child = service.launch(place, interrupt).with_context(|| format!("starting {name}"))?;
        Ok(Self { service, child, since: Instant::now() })
    }

    /// Whether it answers by now; an error if it never will.
    fn look(&mut self, place: &Place) -> Result<bool> {
        let name = self.service.name();
        let told = || process::last_lines(&place.log(self.service));
        if let Some(status) = self.child.try_wait()? {
            bail!("{name} did not start ({status}); its log ends with:\n\n{}", told());
        }
        if self.since.elapsed() > START_LIMIT {
            bail!("{name} does not answer after {START_LIMIT:?}; its log ends with:\n\n{}", told());
        }
        Ok(self.service.is_ready(place))
    }
}

/// Starts one server and waits until it answers.
pub fn start(service: Service, place: &Place, interrupt: &Interrupt) -> Result<()> {
    start_each(&[service], place, interrupt, || {})
}

/// Starts servers side by side and waits until all answer.
fn start_each(
    services: &[Service],
    place: &Place,
    interrupt: &Interrupt,
    mut glance: impl FnMut(),
) -> Result<()> {
    let mut starting = Vec::new();
    for service in services {
        starting.push(Starting::begin(*service, place, interrupt)?);
    }
    while !starting.is_empty() {
        interrupt.check()?;
        let mut late = Vec::new();
        for mut one in starting {
            if !one.look(place)? {
                late.push(one);
            }
        }
        starting = late;
        glance();
        std::thread::sleep(GLANCE / 2);
    }
    Ok(())
}

/// Ends one server in good order, or by force if it takes too long; returns when none of its processes is left.
pub fn stop(service: Service, place: &Place) -> Result<()> {
    let folder = place.folder_of(service);
    let running = census::of(&folder)?;
    for process in census::leaders(&running).filter(|process| !rabbitmq::outlives_the_broker(process)) {
        census::signal(process, service.farewell());
    }
    let asked = Instant::now();
    while asked.elapsed() < STOP_LIMIT {
        let left = census::of(&folder)?;
        if left.iter().all(rabbitmq::outlives_the_broker) {
            break;
        }
        std::thread::sleep(GLANCE / 2);
    }
    kill(service, place)
}

/// Kills one server with everything that it started.
pub fn kill(service: Service, place: &Place) -> Result<()> {
    census::exterminate(&place.folder_of(service))
}

/// Forgets what a stopped server has stored.
pub fn wipe(service: Service, place: &Place) -> Result<()> {
    let data = place.folder_of(service).join(service.data());
    match std::fs::remove_dir_all(&data) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("emptying {}", data.display()))
        }
        _ => Ok(()),
    }
}

/// All three while they run; dropping it stops them.
#[derive(Debug)]
pub struct Running {
    place: Place,
    keeper: Keeper,
    temporary: bool,
    worth_keeping: bool,
}

impl Running {
    /// Starts all three together: in `folder`, or in a temporary one that goes when they go.
    pub fn start(s3_server: &Path, folder: Option<&Path>, interrupt: &Interrupt) -> Result<Self> {
        let place = match folder {
            Some(folder) => Place::at(folder, s3_server)?,
            None => Place::temporary(s3_server)?,
        };
        let (temporary, busy) = (folder.is_none(), census::of(place.folder())?);
        // Cleaning up after ourselves would else take down what somebody else has started.
        if let Some(process) = busy.first() {
            bail!("{} is in use: {} ({}) runs in it", place.folder().display(), process.name, process.pid);
        }
        let keeper = Keeper::start(place.folder(), temporary)?;
        let mut running = Self { place, keeper, temporary, worth_keeping: false };
        let mut step = Step::begin("starting Postgres, RabbitMQ and S3");
        let started = start_each(&Service::ALL, &running.place, interrupt, || step.tick());
        match &started {
            Ok(()) => step.done(),
            Err(_) => step.failed(),
        };
        running.worth_keeping = started.as_ref().is_err_and(|error| !error.is::<process::Interrupted>());
        started.map(|()| running)
    }

    /// Where they are.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// After a failure: tells how the servers are, and keeps the folder when dropped, for somebody to look at the logs.
    pub fn look_into_it(&mut self) {
        eprintln!("\n{}", inquest::report(&self.place));
        self.worth_keeping = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let folder = self.place.folder().to_owned();
        if !self.temporary {
            // Somebody's own folder: its data shall be whole when they come back to it.
            for service in Service::ALL {
                let _ = stop(service, &self.place);
            }
        }
        let stopped = census::exterminate(&folder);
        self.keeper.dismiss();
        if let Err(error) = stopped {
            eprintln!("not everything could be stopped: {error:#}");
        }
        if !self.temporary {
            return;
        }
        if self.worth_keeping || std::thread::panicking() {
            eprintln!("the services' logs and data are kept in {}", folder.display());
        } else if let Err(error) = std::fs::remove_dir_all(&folder) {
            eprintln!("{} could not be removed: {error}", folder.display());
        }
    }
}
