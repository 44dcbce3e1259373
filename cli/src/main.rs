//! `forebay`: asynchronous inference, in one process or in many.

mod args;
mod config;
mod interrupted;
mod keys;
mod models;
mod operations;
mod roles;
mod seams;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Postgres;
use forebay_shared::telemetry;

use args::{Arguments, Command, ConfigCommand};
use config::Config;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The libraries below can use two implementations of TLS; one of them has to be chosen.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("forebay: another TLS provider is installed already");
    }
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("forebay: {error:#}");
            interrupted::code(&error)
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let overrides = arguments.command.overrides();
    let file = arguments.config.as_deref();
    if let Command::Config(ConfigCommand::Show) = arguments.command {
        print!("{}", Config::show(file, &overrides)?);
        return Ok(());
    }
    let config = Config::load(file, &overrides)?;
    telemetry::log(&config.telemetry)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Serve(_) => roles::serve(config).await,
            Command::Api(_) => roles::api(config).await,
            Command::Scheduler => roles::scheduler(config).await,
            Command::Worker(_) => roles::worker(config).await,
            Command::Migrate => migrate(&config).await,
            Command::Models(command) => models::run(command, &config).await,
            Command::Keys(command) => {
                let tasks = Tasks::new();
                let done = keys::run(command, seams::open_store(&config, &tasks).await?).await;
                tasks.halt();
                done
            }
            Command::Config(ConfigCommand::Show) => Ok(()),
        }
    });
    if done.as_ref().is_err_and(interrupted::is_so) {
        // A thread that unpacks an archive ends with the program.
        runtime.shutdown_background();
    }
    done
}

/// The schema of SQLite is brought up to date by whoever opens the file; Postgres waits for this command.
async fn migrate(config: &Config) -> anyhow::Result<()> {
    anyhow::ensure!(!config.store.url.is_empty(), "store.url is empty: SQLite needs no `forebay migrate`");
    Postgres::migrate(&config.store).await.context("migrating the database")?;
    tracing::info!("the schema is up to date");
    Ok(())
}
