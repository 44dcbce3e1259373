//! Every chore of this repository: `cargo xtask <command>`, with no other tool needed.

mod bench;
mod check;
mod console;
mod demo;
mod environment;
mod process;
mod repository;
mod services;
mod setup;
mod stages;
mod suite;
mod test;
mod tools;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::console::Paint;
use crate::process::Interrupted;
use crate::repository::Repository;
use crate::services::foreground;

/// The chores of Forebay's repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Fetch the runtime library and the starter models into .forebay, and build the release binary
    Setup {
        /// Leave the release binary alone
        #[arg(long)]
        no_build: bool,
        /// Take the runtime library for NVIDIA GPUs (256 MB; needs CUDA 13 and cuDNN 9)
        #[arg(long)]
        gpu: bool,
        /// Also take the public clients that end-to-end tests run, for running `cargo test` by hand
        #[arg(long)]
        clients: bool,
    },
    /// Set up, start Forebay, and watch real models answer
    Demo(demo::Arguments),
    /// Formatting, rules, lints, documents, and the tests that need no service
    Check,
    /// Everything, with private Postgres, RabbitMQ and S3 servers
    Test(test::Arguments),
    /// Start the servers that tests use and stay, for running `cargo test` by hand
    Services {
        /// Keep their data here, for the next time
        #[arg(long)]
        folder: Option<PathBuf>,
    },
    /// Measure throughput and latency (`bench bulk`: taking in a million lines); arguments go to the measuring program
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Start, stop, kill or restart one of the servers (for fault tests)
    #[command(hide = true)]
    Service(foreground::Arguments),
    /// Clean up after a run that was killed
    #[command(hide = true)]
    Keeper {
        #[arg(long)]
        folder: PathBuf,
        #[arg(long)]
        temporary: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match Repository::open().and_then(|repository| run(&repository, &arguments.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("interrupted; everything that was started has been stopped");
            ExitCode::from(process::INTERRUPTED_EXIT_CODE)
        }
        Err(error) => {
            eprintln!("\n{} {error}", Paint::stderr().red("error:"));
            for cause in error.chain().skip(1) {
                eprintln!("because {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(repository: &Repository, chore: &Chore) -> Result<()> {
    let interrupt = &repository.interrupt;
    match chore {
        Chore::Setup { no_build, gpu, clients } => {
            setup::assets(repository, setup::Wanted { gpu: *gpu, clients: *clients })?;
            if !no_build {
                let binary = setup::release(repository, "forebay-cli", "forebay")?;
                eprintln!("{} is ready", binary.display());
            }
            Ok(())
        }
        Chore::Demo(arguments) => demo::run(repository, arguments),
        Chore::Check => check::run(repository),
        Chore::Test(arguments) => test::run(repository, arguments),
        Chore::Services { folder } => {
            tools::servers(repository)?;
            let s3_server = services::s3_server(repository)?;
            foreground::serve(&s3_server, folder.as_deref(), &repository.at(".forebay"), interrupt)
        }
        Chore::Bench { arguments } => bench::run(repository, arguments),
        Chore::Service(arguments) => foreground::act(arguments, interrupt),
        Chore::Keeper { folder, temporary } => services::keep(folder, *temporary),
    }
}
