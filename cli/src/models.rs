//! `forebay models …`: what can be done with models before they serve.

use std::path::Path;

use anyhow::Context;
use forebay_worker::check::{check, read_samples};
use forebay_worker::open::load_runtime;

use crate::args::ModelsCommand;
use crate::config::Config;

/// Does what the command says.
pub fn run(command: ModelsCommand, config: &Config) -> anyhow::Result<()> {
    let ModelsCommand::Check { folder, samples, .. } = command;
    let runtime = load_runtime(&config.worker, Path::new(&config.data_dir))?;
    // `.` has no name of its own.
    let folder = folder.canonicalize().with_context(|| format!("looking for {}", folder.display()))?;
    let report = check(&folder, read_samples(&samples)?, &runtime, config.worker.max_pixels)?;
    eprint!("{report}");
    println!("# forebay.toml, as found by `forebay models check` on this machine");
    print!("{}", report.manifest());
    Ok(())
}
