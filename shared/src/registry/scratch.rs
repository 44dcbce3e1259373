//! A folder for what is being unpacked, which goes with whoever made it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The lock of a folder, and of all of them while one is made.
const LOCK: &str = "lock";
/// What is unpacked into.
const FILES: &str = "files";

/// A folder of one process. It goes when this is dropped; if the process dies before, with the next that is made beside it.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    /// Held for as long as the folder is somebody's.
    _lock: File,
}

impl Scratch {
    /// An empty folder below `root`. What dead processes left there is removed.
    pub fn new(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        // One at a time, so that no folder is seen before it has its lock.
        let making = File::create(root.join(LOCK))?;
        making.lock()?;
        for entry in fs::read_dir(root)?.flatten().filter(|entry| entry.path().is_dir()) {
            if is_abandoned(&entry.path()) {
                remove(&entry.path());
            }
        }
        let folder = TempDir::new_in(root)?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        fs::create_dir(folder.path().join(FILES))?;
        Ok(Self { folder, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(FILES)
    }
}

fn is_abandoned(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).map_or(true, |lock| lock.try_lock().is_ok())
}

/// Removes a folder, which keeps nobody from making another. A living process may be removing its own in this moment: what is
/// gone already is as it should be.
fn remove(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, folder = %folder.display(), "what a process left of a model cannot be removed");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dead_left_goes_and_what_the_living_have_stays() {
        let root = tempfile::tempdir().unwrap();
        let living = Scratch::new(root.path()).unwrap();
        fs::write(living.path().join("model.onnx"), "x").unwrap();
        let dead = root.path().join("dead");
        fs::create_dir_all(dead.join(FILES)).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        let torn = root.path().join("torn");
        fs::create_dir(&torn).unwrap();
        let second = Scratch::new(root.path()).unwrap();
        assert!(living.path().join("model.onnx").exists() && second.path().exists());
        assert!(!dead.exists() && !torn.exists());
        drop((living, second));
        let left: Vec<_> =
            fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [LOCK]);
    }

    #[test]
    fn a_folder_that_is_just_going_keeps_nobody_from_making_another() {
        let root = tempfile::tempdir().unwrap();
        let come_and_go = || {
            for _ in 0..200 {
                let scratch = Scratch::new(root.path()).unwrap();
                for file in 0..20 {
                    fs::write(scratch.path().join(file.to_string()), "x").unwrap();
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(come_and_go);
            }
        });
        // Of two that remove the same, one may stop where the other has been.
        drop(Scratch::new(root.path()).unwrap());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "the lock alone is left");
    }
}
