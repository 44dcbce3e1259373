//! `bench`: the measuring program on release builds, with the fleet's services running.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::repository::Repository;
use crate::services::{self, Running};
use crate::{environment, process, setup, tools};

/// Builds what is measured and what measures, starts the services, and passes everything on.
pub fn run(repository: &Repository, arguments: &[OsString]) -> Result<()> {
    tools::linker(repository)?;
    tools::servers(repository)?;
    let s3_server = services::s3_server(repository)?;
    let data = setup::assets(repository, setup::Wanted::default())?;
    let forebay = setup::release(repository, "forebay-cli", "forebay")?;
    let bench = setup::release(repository, "forebay-bench", "forebay-bench")?;
    let running = Running::start(&s3_server, None, &repository.interrupt)?;
    let mut command = Command::new(bench);
    environment::without_forebay(&mut command).args(arguments).current_dir(repository.root());
    command.envs(running.place().environment());
    command.env("FOREBAY_TEST_DATA", data).env("FOREBAY_BENCH_BINARY", forebay);
    process::openly(&mut command, &repository.interrupt)
}
