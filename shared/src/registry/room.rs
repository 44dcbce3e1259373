//! Room on a disk that a model is written to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::Size;

/// Bytes that this process has promised to works which are about to write them. No disk knows of them yet.
#[derive(Clone, Debug, Default)]
pub struct Promised(Arc<AtomicU64>);

/// A promise of bytes. It is over when this is dropped.
#[derive(Debug)]
pub struct Promise {
    all: Promised,
    bytes: AtomicU64,
}

impl Promised {
    /// Promises so many bytes of this folder's disk, unless they would leave less than `reserve` besides what others were
    /// promised.
    pub fn promise(&self, folder: &Path, bytes: u64, reserve: Size) -> io::Result<Promise> {
        let others = self.0.fetch_add(bytes, Ordering::Relaxed);
        let promise = Promise { all: self.clone(), bytes: AtomicU64::new(bytes) };
        check(folder, others.saturating_add(bytes), reserve)?;
        Ok(promise)
    }

    /// What is to stay free of a disk for these and `reserve`.
    pub fn and(&self, reserve: Size) -> Size {
        Size::new(reserve.bytes().saturating_add(self.0.load(Ordering::Relaxed)))
    }
}

impl Promise {
    /// So many of the bytes are written: the disk knows of them.
    pub fn written(&self, bytes: u64) {
        let left = self.bytes.load(Ordering::Relaxed);
        let kept = bytes.min(left);
        self.bytes.fetch_sub(kept, Ordering::Relaxed);
        self.all.0.fetch_sub(kept, Ordering::Relaxed);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.all.0.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

/// Bytes after which a disk is looked at again: others write to it too.
const LOOK: u64 = 64 << 20;

/// Room for what grows on a disk, which is looked at before the first byte and again after every 64 MiB.
#[derive(Debug)]
pub struct Room {
    folder: PathBuf,
    reserve: Size,
    /// Bytes that may still come.
    most: u64,
    /// Bytes that the last look was good for.
    seen: u64,
}

impl Room {
    /// On the disk of this folder, of which `reserve` stays free, for so many bytes at most.
    pub fn new(folder: &Path, reserve: Size, most: u64) -> Self {
        Self { folder: folder.to_owned(), reserve, most, seen: 0 }
    }

    /// Refuses bytes that the disk has no room for.
    pub fn take(&mut self, bytes: u64) -> io::Result<()> {
        if bytes > self.seen {
            let ahead = LOOK.min(self.most).max(bytes);
            check(&self.folder, ahead, self.reserve)?;
            self.seen = ahead;
        }
        self.seen -= bytes;
        self.most = self.most.saturating_sub(bytes);
        Ok(())
    }
}

/// Refuses `more` bytes that would leave less than `reserve` on the disk of this folder.
pub fn check(folder: &Path, more: u64, reserve: Size) -> io::Result<()> {
    let disk = nix::sys::statvfs::statvfs(folder)?;
    let free = disk.blocks_available().saturating_mul(disk.fragment_size());
    if free >= more.saturating_add(reserve.bytes()) {
        return Ok(());
    }
    let message = format!(
        "the disk of {} has {} left: {} more have no room while {reserve} stay free (registry.disk_reserve)",
        folder.display(),
        Size::new(free),
        Size::new(more)
    );
    Err(io::Error::new(io::ErrorKind::StorageFull, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_to_one_is_not_promised_to_another() {
        let (folder, promised) = (tempfile::tempdir().unwrap(), Promised::default());
        let disk = nix::sys::statvfs::statvfs(folder.path()).unwrap();
        let free = disk.blocks_available() * disk.fragment_size();
        let promise = |share: u64| promised.promise(folder.path(), free / 10 * share, Size::new(0));
        let first = promise(7).unwrap();
        assert_eq!(promise(7).unwrap_err().kind(), io::ErrorKind::StorageFull);
        drop(promise(1).expect("what was refused is not kept"));
        first.written(free / 10 * 5);
        let second = promise(6).expect("of what is written the disk knows");
        assert_eq!(promised.and(Size::new(1)).bytes(), free / 10 * 8 + 1);
        first.written(u64::MAX);
        drop((first, second));
        assert_eq!(promised.and(Size::new(0)).bytes(), 0);
    }

    #[test]
    fn what_a_disk_has_no_room_for_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), 1, Size::new(0)).unwrap();
        check(folder.path(), u64::MAX, Size::new(0)).unwrap_err();
        let full = check(folder.path(), 1, Size::new(u64::MAX)).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert!(full.to_string().contains("registry.disk_reserve"), "{full}");
    }

    #[test]
    fn a_disk_is_looked_at_again_while_something_grows_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut room = Room::new(folder.path(), Size::new(0), 100 << 20);
        room.take(1 << 20).unwrap();
        // Others fill it meanwhile.
        room.reserve = Size::new(u64::MAX);
        room.take(63 << 20).unwrap();
        let full = room.take(1).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert!(full.to_string().contains("36.0 MiB more have no room"), "{full}");
        Room::new(folder.path(), Size::new(u64::MAX), 1).take(1).unwrap_err();
    }
}
