//! `forebay models import`: unpacked, looked at, stored.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use forebay_shared::config::Size;
use forebay_shared::registry::{self, Import, Registrar};
use forebay_shared::shutdown::signal;
use forebay_shared::store::Change;

use super::bar::Bars;
use crate::interrupted::Interrupted;

/// Makes a folder or an archive a model and says what became of it.
pub async fn run(
    (from, name, owner): (&Path, Option<String>, Option<String>),
    registrar: &Registrar,
) -> anyhow::Result<()> {
    // `.` has no name of its own.
    let from = from.canonicalize().with_context(|| format!("looking for {}", from.display()))?;
    let source = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let own = if from.is_dir() { &source } else { registry::called(&source) };
    let name = name.unwrap_or_else(|| own.to_owned());
    registry::check_name(&name).context("choose another with --name")?;
    let import = Import { from, owner, name, source };
    let importing = registrar.import(import, Arc::new(Bars::default()));
    let imported = tokio::select! {
        imported = importing => imported.context("importing")?,
        // What is stored by then has no name, and schedulers remove it.
        () = signal() => return Err(Interrupted("nothing was imported").into()),
    };
    let done = match imported.change {
        Change::Added => "added",
        Change::Replaced => "replaced",
        Change::Unchanged => "known already",
    };
    println!("{}  {}", imported.model.name, imported.model.digest);
    eprintln!(
        "{done}: {}, of which {} were new",
        Size::new(imported.model.bytes),
        Size::new(imported.stored)
    );
    Ok(())
}
