//! Local copies of models: each file once, by its digest, and a folder of links for each model.
//!
//! Workers of one machine may share them; one at a time brings or removes something.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use forebay_shared::blobs::Blobs;
use forebay_shared::registry::{
    Content, ContentDigest, FetchError, ModelFile, PathError, Registered, Silent, check_path, fetch,
};

/// Where files are, and where models.
const CONTENTS: &str = "contents";
const MODELS: &str = "models";
/// Locked while something is brought or removed.
const LOCK: &str = "lock";

/// Local copies of models.
#[derive(Clone, Debug)]
pub(super) struct Copies {
    pub(super) root: PathBuf,
    pub(super) blobs: Blobs,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopiesError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("{}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("the registry has other files of it by now")]
    Outdated,
}

impl Copies {
    /// The folder of the model with these files. What of it is not here is fetched; the folder appears when it is whole.
    pub(super) async fn folder(
        &self,
        model: &Registered,
        files: &[(ModelFile, Content)],
    ) -> Result<PathBuf, CopiesError> {
        let folder = self.root.join(MODELS).join(model.digest.to_string());
        if folder.is_dir() {
            return Ok(folder);
        }
        if ContentDigest::of_files(files.iter().map(|(file, _)| file)) != model.digest {
            return Err(CopiesError::Outdated);
        }
        let _lock =
            self.lock().await.map_err(|source| CopiesError::File { file: self.root.join(LOCK), source })?;
        if folder.is_dir() {
            return Ok(folder);
        }
        for (_, content) in files {
            let to = self.content(content.digest);
            if !to.is_file() {
                tracing::info!(model = model.name, bytes = content.bytes, "fetching a file of a model");
                fetch(&self.blobs, content, &to, &Silent).await?;
            }
        }
        self.link(&folder, files)?;
        Ok(folder)
    }

    /// Waits until no other worker of this machine is at it.
    async fn lock(&self) -> io::Result<File> {
        let root = self.root.clone();
        let locked = tokio::task::spawn_blocking(move || {
            for part in [CONTENTS, MODELS] {
                fs::create_dir_all(root.join(part))?;
            }
            let lock = File::create(root.join(LOCK))?;
            lock.lock()?;
            Ok(lock)
        });
        locked.await.map_err(io::Error::other)?
    }

    fn content(&self, digest: ContentDigest) -> PathBuf {
        self.root.join(CONTENTS).join(digest.to_string())
    }

    /// Makes the folder of links aside and gives it its name.
    fn link(&self, folder: &Path, files: &[(ModelFile, Content)]) -> Result<(), CopiesError> {
        let refused = |file: &Path| {
            let file = file.to_owned();
            move |source| CopiesError::File { file, source }
        };
        let aside = self.root.join(MODELS).join(format!(".{}", std::process::id()));
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(&aside)(error)),
            _ => {}
        }
        for (file, content) in files {
            check_path(&file.path)?;
            let at = aside.join(&file.path);
            if let Some(parent) = at.parent() {
                fs::create_dir_all(parent).map_err(refused(parent))?;
            }
            fs::hard_link(self.content(content.digest), &at).map_err(refused(&at))?;
        }
        fs::rename(&aside, folder).map_err(refused(folder))
    }

    /// Removes the folders of models other than these, and files that no folder has. What is loaded stays loaded.
    pub(super) async fn tidy(&self, kept: BTreeSet<ContentDigest>) {
        let tidied = async {
            let _lock = self.lock().await?;
            let copies = self.clone();
            tokio::task::spawn_blocking(move || copies.remove_others(&kept))
                .await
                .map_err(io::Error::other)?
        };
        if let Err(error) = tidied.await {
            tracing::warn!(%error, "copies of models that are gone cannot be removed");
        }
    }

    fn remove_others(&self, kept: &BTreeSet<ContentDigest>) -> io::Result<()> {
        let kept: BTreeSet<String> = kept.iter().map(ToString::to_string).collect();
        for entry in fs::read_dir(self.root.join(MODELS))? {
            let entry = entry?;
            if !kept.contains(entry.file_name().to_string_lossy().as_ref()) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        for entry in fs::read_dir(self.root.join(CONTENTS))? {
            let entry = entry?;
            if entry.metadata()?.nlink() == 1 {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}
