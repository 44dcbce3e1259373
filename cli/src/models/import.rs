//! `forebay models import`: unpacked, looked at, stored.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use forebay_shared::config::Size;
use forebay_shared::registry::{self, Import, Progress, Registrar, Scratch};
use forebay_shared::store::Change;
use forebay_worker::model;

use super::bar::Bars;

/// How archives are called.
const ENDINGS: [&str; 4] = [".tar.gz", ".tgz", ".tar", ".zip"];

/// Makes a folder or an archive a model and says what became of it.
pub async fn run(
    (from, name, owner): (&Path, Option<String>, Option<String>),
    registrar: &Registrar,
    data_dir: &Path,
) -> anyhow::Result<()> {
    // `.` has no name of its own.
    let from = from.canonicalize().with_context(|| format!("looking for {}", from.display()))?;
    let name = name.unwrap_or_else(|| called(&from));
    registry::check_name(&name).context("choose another with --name")?;
    let bars = Arc::new(Bars::default());
    let (folder, scratch) = if from.is_dir() {
        (from.clone(), None)
    } else {
        let (folder, scratch) = unpack(&from, registrar, data_dir, bars.clone()).await?;
        (folder, Some(scratch))
    };
    // What no worker could read is not worth storing.
    model::read_closed(&folder, &name).context("this is no model that can be served")?;
    let source = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let import = Import { folder, owner, name, source };
    let imported = registrar.import(import, bars).await;
    drop(scratch);
    let imported = imported.context("importing")?;
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

/// What a folder or an archive would be called.
fn called(from: &Path) -> String {
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    let stem = ENDINGS.iter().filter(|_| !from.is_dir()).find_map(|ending| name.strip_suffix(ending));
    stem.unwrap_or(&name).to_owned()
}

async fn unpack(
    archive: &Path,
    registrar: &Registrar,
    data_dir: &Path,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<(PathBuf, Scratch)> {
    let (archive, root, limits) = (archive.to_owned(), data_dir.join("scratch"), registrar.limits.clone());
    tokio::task::spawn_blocking(move || {
        let scratch =
            Scratch::new(&root).with_context(|| format!("making a folder in {}", root.display()))?;
        let folder = registry::unpack(&archive, &scratch.path(), &limits, progress.as_ref())?;
        Ok((folder, scratch))
    })
    .await?
}
