//! The folder of one download, which one pull at a time has.
//!
//! It is named by what is fetched, not by the job: whoever pulls the same after a death, a failure or a cancellation goes on
//! with what is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// Held for as long as the folder is somebody's.
const LOCK: &str = "lock";
/// How often a folder that another has is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A folder that is ours.
#[derive(Debug)]
pub(super) struct Nest {
    folder: PathBuf,
    _lock: File,
}

impl Nest {
    /// The folder below `root` for what this text tells. It is waited for while another has it.
    pub(super) async fn take(root: &Path, what: &str) -> io::Result<Self> {
        let folder = root.join(hex::encode(&Sha256::digest(what)[..16]));
        loop {
            if let Some(nest) = Self::try_take(&folder)? {
                return Ok(nest);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn try_take(folder: &Path) -> io::Result<Option<Self>> {
        fs::create_dir_all(folder)?;
        let path = folder.join(LOCK);
        let mut lock = match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(lock) => lock,
            // It went with its folder in this moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if lock.try_lock().is_err() {
            return Ok(None);
        }
        // Whoever had it may have removed it since it was opened.
        if !fs::metadata(&path).is_ok_and(|now| lock.metadata().is_ok_and(|ours| ours.ino() == now.ino())) {
            return Ok(None);
        }
        // So that its age is counted from now.
        lock.write_all(b".")?;
        Ok(Some(Self { folder: folder.to_owned(), _lock: lock }))
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    /// Removes it with all that is in it.
    pub(super) fn clear(self) -> io::Result<()> {
        fs::remove_dir_all(&self.folder)
    }
}

/// Removes folders below `root` that are nobody's and were nobody's for so long. Answers how many.
pub(super) fn forget(root: &Path, keep: Duration) -> usize {
    let Ok(entries) = fs::read_dir(root) else { return 0 };
    let is_old = |folder: &Path| {
        let taken = fs::metadata(folder.join(LOCK)).and_then(|lock| lock.modified());
        taken.is_ok_and(|taken| taken.elapsed().is_ok_and(|age| age > keep))
    };
    let folders = entries.flatten().map(|entry| entry.path()).filter(|folder| is_old(folder));
    let forgotten = folders.filter(|folder| match Nest::try_take(folder) {
        Ok(Some(nest)) => nest.clear().is_ok(),
        Ok(None) | Err(_) => false,
    });
    forgotten.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_one_pulls_at_a_time_and_the_next_finds_what_is_there() {
        let root = tempfile::tempdir().unwrap();
        let first = Nest::take(root.path(), "org/name@1").await.unwrap();
        fs::write(first.path().join("part"), "half").unwrap();
        assert!(Nest::try_take(first.path()).unwrap().is_none());
        let other = Nest::take(root.path(), "org/name@2").await.unwrap();
        assert_ne!(first.path(), other.path());
        drop(first);
        let next = Nest::take(root.path(), "org/name@1").await.unwrap();
        assert_eq!(fs::read_to_string(next.path().join("part")).unwrap(), "half");
        next.clear().unwrap();
        assert!(Nest::take(root.path(), "org/name@1").await.is_ok(), "it is made anew");
    }

    #[tokio::test]
    async fn what_nobody_goes_on_with_is_forgotten_and_what_is_being_fetched_is_not() {
        let root = tempfile::tempdir().unwrap();
        let (held, left) =
            (Nest::take(root.path(), "a").await.unwrap(), Nest::take(root.path(), "b").await.unwrap());
        let (kept, gone) = (held.path().to_owned(), left.path().to_owned());
        drop(left);
        assert_eq!(forget(root.path(), Duration::from_hours(1)), 0, "it is young");
        let old = std::time::UNIX_EPOCH;
        for folder in [&kept, &gone] {
            File::options().append(true).open(folder.join(LOCK)).unwrap().set_modified(old).unwrap();
        }
        assert_eq!(forget(root.path(), Duration::from_hours(1)), 1);
        assert!(kept.exists() && !gone.exists());
    }
}
