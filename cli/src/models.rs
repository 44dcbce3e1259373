//! `forebay models …`: what can be done with models.

mod bar;
mod import;
mod pull;
mod registry;
mod residency;

use std::path::{Path, PathBuf};

use anyhow::Context;
use forebay_shared::blobs::Blobs;
use forebay_shared::id::Ids;
use forebay_shared::shutdown::Tasks;
use forebay_worker::check::{check, read_samples};
use forebay_worker::open::load_runtime;

use crate::args::ModelsCommand;
use crate::config::Config;
use crate::seams;

/// Does what the command says.
pub async fn run(command: ModelsCommand, config: &Config) -> anyhow::Result<()> {
    if let ModelsCommand::Check { folder, samples, .. } = &command {
        return try_out(folder, samples, config);
    }
    if let ModelsCommand::Pull { reference, name, revision, owner, .. } = command {
        return pull::run(pull::Wish { reference, name, revision, owner: owner.owner }, config).await;
    }
    let tasks = Tasks::new();
    let store = seams::open_store(config, &tasks).await?;
    let blobs = Blobs::open(&config.blobs, &config.data_dir.join("blobs"))?;
    let registrar = seams::registrar(config, store, blobs, Ids::system());
    let done = match command {
        ModelsCommand::Check { .. } | ModelsCommand::Pull { .. } => Ok(()),
        ModelsCommand::Import { from, name, owner, .. } => {
            import::run((&from, name, owner.owner), &registrar).await
        }
        ModelsCommand::List { owner, .. } => registry::list(&registrar, owner.owner.as_deref()).await,
        ModelsCommand::Show { name, owner, .. } => {
            registry::show(&registrar, owner.owner.as_deref(), &name).await
        }
        ModelsCommand::Copy { from, to, owner, .. } => {
            registry::copy(&registrar, owner.owner.as_deref(), (&from, &to)).await
        }
        ModelsCommand::Load { name, keep_alive, .. } => residency::load(&registrar, &name, keep_alive).await,
        ModelsCommand::Unload { name, .. } => residency::unload(&registrar, &name).await,
        ModelsCommand::Delete { name, owner, .. } => {
            registry::delete(&registrar, owner.owner.as_deref(), &name).await
        }
    };
    tasks.halt();
    done
}

/// `forebay models check`
fn try_out(folder: &Path, samples: &[PathBuf], config: &Config) -> anyhow::Result<()> {
    let runtime = load_runtime(&config.worker, Path::new(&config.data_dir))?;
    // `.` has no name of its own.
    let folder = folder.canonicalize().with_context(|| format!("looking for {}", folder.display()))?;
    let report = check(&folder, read_samples(samples)?, &runtime, config.worker.max_pixels)?;
    eprint!("{report}");
    println!("# forebay.toml, as found by `forebay models check` on this machine");
    print!("{}", report.manifest());
    Ok(())
}
