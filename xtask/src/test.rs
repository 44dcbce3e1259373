//! `test`: everything, on both columns, with real servers that nobody else uses.

use std::path::Path;

use anyhow::Result;

use crate::process::Interrupted;
use crate::repository::Repository;
use crate::services::{self, Running};
use crate::stages::Stages;
use crate::suite::{Services, Suite};
use crate::{check, setup, tools};

/// What was asked for.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Also run what takes too long for every time
    #[arg(long)]
    long: bool,
    /// Run only the tests whose path contains this, and no lints ("faults" runs them alone, one by one)
    filter: Option<String>,
}

/// Runs it.
pub fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    let mut stages = Stages::new();
    let outcome = all(repository, arguments, &mut stages);
    stages.report();
    outcome?.report()
}

fn all(repository: &Repository, arguments: &Arguments, stages: &mut Stages) -> Result<Suite> {
    if arguments.filter.is_none() {
        check::rules(repository, stages)?;
    }
    stages.run("servers of the system", || tools::servers(repository))?;
    let s3_server = stages.run("S3 server", || services::s3_server(repository))?;
    let data = stages.run("set-up", || setup::assets(repository, setup::Wanted::for_tests()))?;
    stages.run("toy models", || setup::toys(repository))?;
    let mut running = stages.run("services", || Running::start(&s3_server, None, &repository.interrupt))?;
    let outcome = tests(repository, arguments, &data, &running, stages);
    if outcome.as_ref().is_err_and(|error| !error.is::<Interrupted>()) {
        running.look_into_it();
    }
    stages.run("stopping the services", || {
        drop(running);
        Ok(())
    })?;
    outcome
}

fn tests(
    repository: &Repository,
    arguments: &Arguments,
    data: &Path,
    running: &Running,
    stages: &mut Stages,
) -> Result<Suite> {
    let services = Services::Running { place: running.place(), long: arguments.long };
    let mut suite = Suite::new(repository, data, services)?;
    let filter = arguments.filter.as_deref();
    if filter.is_none_or(|filter| !filter.contains("faults")) {
        stages.run("tests", || suite.everything(filter))?;
    }
    if filter.is_none_or(|filter| filter.contains("faults")) {
        stages.run("fault tests, one by one", || suite.faults(filter))?;
    }
    Ok(suite)
}
