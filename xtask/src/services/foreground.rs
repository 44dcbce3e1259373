//! `services`: the servers for somebody who runs `cargo test` by hand; and `service`: one of them, for fault tests.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Place, Running, Service, kill, start, stop, wipe};
use crate::process::{GLANCE, Interrupt};

/// What to do with one server.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Deed {
    /// Start it and wait until it answers
    Start,
    /// End it in good order
    Stop,
    /// End it with SIGKILL
    Kill,
    /// Stop it and start it again
    Restart,
}

/// One deed on one server.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    deed: Deed,
    service: Service,
    /// The folder that FOREBAY_TEST_SERVICES names
    #[arg(long)]
    folder: PathBuf,
    /// Forget all that it has stored, while it is down
    #[arg(long)]
    wipe: bool,
}

/// Starts all three and stays until interrupted.
pub fn serve(s3_server: &Path, folder: Option<&Path>, data: &Path, interrupt: &Interrupt) -> Result<()> {
    let running = Running::start(s3_server, folder, interrupt)?;
    for (name, value) in running.place().environment() {
        println!("export {name}={value}");
    }
    println!("export FOREBAY_TEST_DATA={}", data.display());
    println!("export FOREBAY_TEST_XTASK={}", std::env::current_exe()?.display());
    eprintln!("\npaste these lines into another terminal; RabbitMQ's pages are at the management address");
    eprintln!("(guest, guest); Ctrl-C stops the services");
    while interrupt.check().is_ok() {
        std::thread::sleep(GLANCE);
    }
    drop(running);
    eprintln!("the services have been stopped");
    Ok(())
}

/// Does one deed.
pub fn act(arguments: &Arguments, interrupt: &Interrupt) -> Result<()> {
    let (place, service) = (Place::open(&arguments.folder)?, arguments.service);
    match arguments.deed {
        Deed::Start => {}
        Deed::Stop | Deed::Restart => stop(service, &place)?,
        Deed::Kill => kill(service, &place)?,
    }
    if arguments.wipe {
        wipe(service, &place)?;
    }
    match arguments.deed {
        Deed::Start | Deed::Restart => start(service, &place, interrupt),
        Deed::Stop | Deed::Kill => Ok(()),
    }
}
