//! `forebay models load`, `unload`.

use std::time::Duration;

use anyhow::Context;
use forebay_shared::registry::Registrar;
use forebay_shared::residency::{KeepAlive, Wish};
use forebay_shared::store::settled;

/// How long to wait until workers have heard of it and done it. They do it all the same after that.
const PATIENCE: Duration = Duration::from_mins(1);

/// Has workers load a model, and waits until one has.
pub async fn load(registrar: &Registrar, name: &str, keep: Option<KeepAlive>) -> anyhow::Result<()> {
    come_about(registrar, name, Wish::load(keep)).await
}

/// Has a model leave memory, and waits until it has.
pub async fn unload(registrar: &Registrar, name: &str) -> anyhow::Result<()> {
    come_about(registrar, name, Wish::Unload).await
}

async fn come_about(registrar: &Registrar, name: &str, wish: Wish) -> anyhow::Result<()> {
    let store = registrar.store.as_ref();
    let models = store.models().await.context("reading the catalogue")?;
    let model = models.into_iter().find(|model| model.card.answers_to(name));
    let model = model.with_context(|| format!("no worker has ever served `{name}`"))?;
    let name = &model.card.name;
    anyhow::ensure!(model.workers > 0, "no worker serves `{name}` now");
    store.wish(name, wish).await.context("writing it down")?;
    let is_loaded = wish != Wish::Unload;
    let is_so = settled(store, name, is_loaded, PATIENCE).await.context("waiting for workers")?;
    let state = if is_loaded { "loaded" } else { "unloaded" };
    anyhow::ensure!(
        is_so,
        "`{name}` is not {state} yet; workers look for what is wished every `worker.registry_poll`"
    );
    eprintln!("`{name}` is {state}");
    Ok(())
}
