//! Local copies of models: each file once, by its digest, and a folder of links for each model.
//!
//! Workers of one machine may share them. Whoever brings a model holds the lock of the folder that it grows in, so that it is
//! brought once; whoever uses one holds its folder's, shared; and nobody removes a folder that somebody holds.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use forebay_shared::blobs::Blobs;
use forebay_shared::config::Size;
use forebay_shared::registry::{
    Content, ContentDigest, FetchError, ModelFile, PathError, Registered, Silent, Target, check_path,
    check_room, fetch,
};

/// Where files are, and where models. A model that is being brought has a dot before its name.
const CONTENTS: &str = "contents";
const MODELS: &str = "models";
/// How soon it is looked again whether a folder is let go.
const AGAIN: Duration = Duration::from_millis(200);

/// How a folder is held: alone, or with others.
type Lock = fn(&File) -> Result<(), TryLockError>;

/// Local copies of models.
#[derive(Clone, Debug)]
pub(super) struct Copies {
    pub(super) root: PathBuf,
    pub(super) blobs: Blobs,
    /// What stays free of the disk.
    pub(super) reserve: Size,
}

/// A model's folder, which stays for as long as it is held.
#[derive(Debug)]
pub(super) struct LocalCopy {
    pub(super) folder: PathBuf,
    pub(super) held: Arc<File>,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopiesError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Room(io::Error),
    #[error("{}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("the registry has other files of it by now")]
    Outdated,
}

impl Copies {
    /// A copy of the model with these files. What of it is not here is fetched; its folder appears when it is whole.
    pub(super) async fn copy(
        &self,
        model: &Registered,
        files: &[(ModelFile, Content)],
    ) -> Result<LocalCopy, CopiesError> {
        if ContentDigest::of_files(files.iter().map(|(file, _)| file)) != model.digest {
            return Err(CopiesError::Outdated);
        }
        let folder = self.folder(model.digest);
        loop {
            if let Some(held) = locked(&folder, File::try_lock_shared).await.map_err(refused(&folder))? {
                return Ok(LocalCopy { folder, held: Arc::new(held) });
            }
            self.bring(model, files).await?;
        }
    }

    fn folder(&self, digest: ContentDigest) -> PathBuf {
        self.root.join(MODELS).join(digest.to_string())
    }

    fn content(&self, digest: ContentDigest) -> PathBuf {
        self.root.join(CONTENTS).join(digest.to_string())
    }

    /// Makes the model's folder aside and gives it its name, unless somebody else has by then.
    async fn bring(&self, model: &Registered, files: &[(ModelFile, Content)]) -> Result<(), CopiesError> {
        let folder = self.folder(model.digest);
        let aside = self.root.join(MODELS).join(format!(".{}", model.digest));
        for needed in [&self.root.join(CONTENTS), &aside] {
            fs::create_dir_all(needed).map_err(refused(needed))?;
        }
        let Some(_held) = locked(&aside, File::try_lock).await.map_err(refused(&aside))? else {
            return Ok(());
        };
        if folder.is_dir() {
            return fs::remove_dir_all(&aside).map_err(refused(&aside));
        }
        // What somebody left who died. Its files are still known by their digests.
        clear(&aside).map_err(refused(&aside))?;
        for (file, content) in files {
            check_path(&file.path)?;
            let at = aside.join(&file.path);
            if let Some(parent) = at.parent() {
                fs::create_dir_all(parent).map_err(refused(parent))?;
            }
            self.place(model, content, &at).await?;
        }
        fs::rename(&aside, &folder).map_err(refused(&folder))
    }

    /// Puts a file where the model has it. It is known by its digest only when a folder has it, so that none is removed that
    /// was just fetched.
    async fn place(&self, model: &Registered, content: &Content, at: &Path) -> Result<(), CopiesError> {
        let known = self.content(content.digest);
        match fs::hard_link(&known, at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            linked => return linked.map_err(refused(at)),
        }
        check_room(&self.root, content.bytes, self.reserve).map_err(CopiesError::Room)?;
        tracing::info!(model = model.name, bytes = content.bytes, "fetching a file of a model");
        let target = Target { file: at, reserve: self.reserve };
        fetch(&self.blobs, content, target, &Silent).await?;
        match fs::hard_link(at, &known) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked.map_err(refused(&known)),
        }
    }

    /// Removes the folders of models other than these, and files that no folder has. `false`: some are held, and stay.
    pub(super) fn tidy(&self, kept: &BTreeSet<ContentDigest>) -> io::Result<bool> {
        let mut is_tidy = true;
        for folder in entries(&self.root.join(MODELS))? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let is_kept = name
                .trim_start_matches('.')
                .parse::<ContentDigest>()
                .is_ok_and(|digest| kept.contains(&digest));
            if !is_kept {
                match lock(&folder, File::try_lock) {
                    Ok(Some(_held)) => fs::remove_dir_all(&folder)?,
                    Ok(None) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => is_tidy = false,
                    Err(error) => return Err(error),
                }
            }
        }
        for file in entries(&self.root.join(CONTENTS))? {
            // Another worker may remove it in the same moment.
            if let Some(file_is) = there(fs::metadata(&file))?
                && file_is.nlink() == 1
            {
                there(fs::remove_file(&file))?;
            }
        }
        Ok(is_tidy)
    }
}

fn refused(file: &Path) -> impl FnOnce(io::Error) -> CopiesError + use<> {
    let file = file.to_owned();
    move |source| CopiesError::File { file, source }
}

/// Waits until nobody holds the folder in a way that forbids this one. `None`: there is none, or none any more.
async fn locked(folder: &Path, how: Lock) -> io::Result<Option<File>> {
    loop {
        match lock(folder, how) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(AGAIN).await,
            held => return held,
        }
    }
}

/// The same without waiting: somebody who forbids it is an error of the kind `WouldBlock`.
fn lock(folder: &Path, how: Lock) -> io::Result<Option<File>> {
    let Some(file) = there(File::open(folder))? else { return Ok(None) };
    how(&file)?;
    // Whoever held it may have removed it, or given it another name.
    let is = |file: fs::Metadata| (file.dev(), file.ino());
    let now = there(fs::metadata(folder))?.map(is);
    Ok((now == Some(is(file.metadata()?))).then_some(file))
}

/// What a folder has; nothing, if there is none.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(entries) = there(fs::read_dir(folder))? else { return Ok(Vec::new()) };
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn clear(folder: &Path) -> io::Result<()> {
    for entry in entries(folder)? {
        if entry.is_dir() { fs::remove_dir_all(entry)? } else { fs::remove_file(entry)? }
    }
    Ok(())
}

/// `None`: there is no such file.
fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
