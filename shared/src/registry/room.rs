//! Room on a disk that a model is written to.

use std::io;
use std::path::Path;

use crate::config::Size;

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
    fn what_a_disk_has_no_room_for_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), 1, Size::new(0)).unwrap();
        check(folder.path(), u64::MAX, Size::new(0)).unwrap_err();
        let full = check(folder.path(), 1, Size::new(u64::MAX)).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert!(full.to_string().contains("registry.disk_reserve"), "{full}");
    }
}
