//! The folder of one download, which one pull at a time has.
//!
//! It is named by what is fetched, not by the job: whoever pulls the same after a death, a failure or a cancellation goes on
//! with what is there. What is to go gets another name first, so that whatever cuts its removal off leaves nothing that
//! looks like a download.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// Held for as long as the folder is somebody's.
const LOCK: &str = "lock";
/// What names of folders end with that are being removed.
const GONE: &str = "gone";
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
        loop {
            if let Some(nest) = Self::try_take(root, what)? {
                return Ok(nest);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The same, if no other has it.
    pub(super) fn try_take(root: &Path, what: &str) -> io::Result<Option<Self>> {
        Self::of(&root.join(hex::encode(&Sha256::digest(what)[..16])))
    }

    fn of(folder: &Path) -> io::Result<Option<Self>> {
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
        let gone = self.folder.with_extension(GONE);
        // Whoever died while it removed the last may have left some of it.
        remove(&gone)?;
        fs::rename(&self.folder, &gone)?;
        remove(&gone)
    }
}

/// Removes folders below `root` that are nobody's and were nobody's for so long, and what is left of those that somebody was
/// removing. Answers how many.
pub(super) fn forget(root: &Path, keep: Duration) -> usize {
    let Ok(entries) = fs::read_dir(root) else { return 0 };
    let forgotten = entries.flatten().map(|entry| entry.path()).filter(|folder| {
        if folder.extension().is_some_and(|extension| extension == GONE) {
            return remove(folder).is_ok();
        }
        is_old(folder, keep)
            && Nest::of(folder).is_ok_and(|nest| nest.is_some_and(|nest| nest.clear().is_ok()))
    });
    forgotten.count()
}

/// Whether nobody has taken it for so long. One that lost its lock is as old as its last change.
fn is_old(folder: &Path, keep: Duration) -> bool {
    let last = fs::metadata(folder.join(LOCK)).or_else(|_| fs::metadata(folder));
    let last = last.and_then(|last| last.modified());
    last.is_ok_and(|last| last.elapsed().is_ok_and(|age| age > keep))
}

/// Removes a folder, which another may be removing in this moment.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_one_pulls_at_a_time_and_the_next_finds_what_is_there() {
        let root = tempfile::tempdir().unwrap();
        let first = Nest::take(root.path(), "org/name@1").await.unwrap();
        fs::write(first.path().join("part"), "half").unwrap();
        assert!(Nest::try_take(root.path(), "org/name@1").unwrap().is_none());
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

    #[test]
    fn what_is_left_of_a_removal_that_was_cut_off_goes() {
        let root = tempfile::tempdir().unwrap();
        // The lock went first, as it may; and a name that is only given to what is to go.
        let [torn, gone] = ["0a", "0b.gone"].map(|name| root.path().join(name));
        for folder in [&torn, &gone] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("part"), "half").unwrap();
        }
        assert_eq!(forget(root.path(), Duration::from_hours(1)), 1);
        assert!(torn.exists() && !gone.exists(), "somebody may be about to take the one");
        File::open(&torn).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(forget(root.path(), Duration::from_hours(1)), 1);
        assert!(!torn.exists());
    }

    #[tokio::test]
    async fn a_folder_is_removed_beside_what_is_left_of_the_last() {
        let root = tempfile::tempdir().unwrap();
        let nest = Nest::take(root.path(), "a").await.unwrap();
        let gone = nest.path().with_extension(GONE);
        fs::create_dir(&gone).unwrap();
        fs::write(gone.join("part"), "half").unwrap();
        nest.clear().unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
