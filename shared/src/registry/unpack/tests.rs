use std::io::{Cursor, Write};

use ::tar::{Builder, EntryType, Header};
use ::zip::ZipWriter;
use ::zip::write::SimpleFileOptions;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::registry::Silent;
use crate::testing::registry_config;

/// Names with contents; a name that ends in `/` is a folder.
type Entries<'a> = &'a [(&'a str, &'a [u8])];

fn zipped(entries: Entries<'_>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        if name.ends_with('/') {
            writer.add_directory(*name, SimpleFileOptions::default()).unwrap();
        } else {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

/// A header whose name is written as it is, whatever the library thinks of it.
fn header(name: &str, kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn tarred(entries: Entries<'_>) -> Vec<u8> {
    let mut writer = Builder::new(Vec::new());
    for (name, content) in entries {
        let kind = if name.ends_with('/') { EntryType::Directory } else { EntryType::Regular };
        writer.append(&header(name, kind, content.len()), *content).unwrap();
    }
    writer.into_inner().unwrap()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn all(entries: Entries<'_>) -> [Vec<u8>; 3] {
    [zipped(entries), tarred(entries), gzipped(&tarred(entries))]
}

/// A folder with an archive in it, and beside that the folder that it is unpacked to.
struct Ground {
    root: tempfile::TempDir,
}

impl Ground {
    fn new(archive: &[u8]) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("archive"), archive).unwrap();
        fs::create_dir(root.path().join("into")).unwrap();
        Self { root }
    }

    fn unpack(&self, limits: &RegistryConfig) -> Result<PathBuf, UnpackError> {
        unpack(&self.root.path().join("archive"), &self.root.path().join("into"), limits, &Silent)
    }

    fn refused(&self) -> String {
        let refused = self.unpack(&registry_config()).unwrap_err().to_string();
        assert_eq!(fs::read_dir(self.root.path()).unwrap().count(), 2, "nothing stands beside");
        refused
    }
}

#[test]
fn an_archive_becomes_a_folder() {
    let entries: Entries<'_> = &[
        ("./", b""),
        ("./onnx/", b""),
        ("./onnx/model.onnx", b"weights"),
        ("./config.json", b"{}"),
        ("./.git/config", b"hidden"),
        ("__MACOSX/config.json", b"beside"),
    ];
    for archive in [tarred(entries), gzipped(&tarred(entries)), zipped(&entries[2..])] {
        let ground = Ground::new(&archive);
        let root = ground.unpack(&registry_config()).unwrap();
        assert_eq!(root, ground.root.path().join("into"));
        assert_eq!(fs::read(root.join("onnx/model.onnx")).unwrap(), b"weights");
        assert_eq!(fs::read(root.join("config.json")).unwrap(), b"{}");
        assert_eq!(fs::read_dir(&root).unwrap().count(), 2);
    }
}

#[test]
fn one_folder_around_everything_is_left_out() {
    for archive in all(&[("org-mood-1.0/a/onnx/model.onnx", b"weights")]) {
        let ground = Ground::new(&archive);
        assert!(ground.unpack(&registry_config()).unwrap().ends_with("into/org-mood-1.0/a"));
    }
    for archive in all(&[("onnx/model.onnx", b"weights")]) {
        assert!(Ground::new(&archive).unpack(&registry_config()).unwrap().ends_with("into"));
    }
}

#[test]
fn nothing_is_written_outside() {
    for name in ["../outside", "a/../../outside", "/tmp/outside", "a/./../../outside", "..", "./../outside"] {
        for archive in all(&[("fine", b"x"), (name, b"x")]) {
            let refused = Ground::new(&archive).refused();
            assert!(refused.contains("leads out of the model's folder"), "{name}: {refused}");
        }
    }
    for archive in all(&[("a\\..\\..\\outside", b"x")]) {
        let refused = Ground::new(&archive).refused();
        assert!(refused.contains("backslash"), "{refused}");
    }
    for archive in all(&[("../outside/", b"")]) {
        let refused = Ground::new(&archive).refused();
        assert!(refused.contains("leads out of the model's folder"), "{refused}");
    }
}

#[test]
fn links_and_devices_are_refused() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("config.json", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let refused = Ground::new(&zip.finish().unwrap().into_inner()).refused();
    assert!(refused.contains("`config.json` is a symbolic link"), "{refused}");
    for (kind, what) in [
        (EntryType::Symlink, "a symbolic link"),
        (EntryType::Link, "a hard link"),
        (EntryType::Fifo, "a pipe"),
        (EntryType::Char, "a device"),
        (EntryType::GNUSparse, "something else"),
    ] {
        let mut tar = Builder::new(Vec::new());
        let mut link = header("config.json", kind, 0);
        link.set_link_name("/etc/passwd").unwrap();
        link.set_cksum();
        tar.append(&link, &[][..]).unwrap();
        let refused = Ground::new(&tar.into_inner().unwrap()).refused();
        assert!(refused.contains(&format!("`config.json` is {what}")), "{refused}");
    }
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let zeros = vec![0; 33 << 20];
    for archive in [zipped(&[("model.onnx", &zeros)]), gzipped(&tarred(&[(".hidden", &zeros)]))] {
        assert!(archive.len() < 1 << 20, "{} bytes", archive.len());
        let ground = Ground::new(&archive);
        assert!(ground.refused().contains("more than 32.0 MiB (registry.max_bytes)"));
        let written: u64 = fs::read_dir(ground.root.path().join("into"))
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(written <= 32 << 20, "{written} bytes");
    }
    let halves = [("a", &zeros[..20 << 20]), ("b", &zeros[..20 << 20])];
    for archive in all(&halves) {
        assert!(
            Ground::new(&archive).refused().contains("registry.max_bytes"),
            "together they are too large"
        );
    }
}

#[test]
fn a_size_that_is_a_lie_is_not_believed() {
    let mut zip = zipped(&[("model.onnx", &vec![0; 33 << 20])]);
    // Both headers say that a byte comes out.
    for (mark, at) in [(*b"PK\x03\x04", 22), (*b"PK\x01\x02", 24)] {
        let header = zip.windows(4).position(|bytes| bytes == mark).unwrap();
        zip[header + at..header + at + 4].copy_from_slice(&1_u32.to_le_bytes());
    }
    let ground = Ground::new(&zip);
    let refused = ground.refused();
    assert!(refused.contains("cannot be read") || refused.contains("registry.max_bytes"), "{refused}");
    let mut tar = Builder::new(Vec::new());
    tar.append(&header("a", EntryType::Regular, 1 << 40), &b"x"[..]).unwrap();
    let refused = Ground::new(&tar.into_inner().unwrap()).refused();
    assert!(refused.contains("cannot be read") || refused.contains("ends before its end"), "{refused}");
}

#[test]
fn a_folder_with_bytes_is_refused_before_they_are_read() {
    // A bomb that is nobody's content: a petabyte was promised, and as many zeros follow as one likes.
    let mut tar = Builder::new(Vec::new());
    tar.append(&header("onnx/", EntryType::Directory, 1 << 50), &vec![0; 40 << 20][..]).unwrap();
    let bomb = tar.into_inner().unwrap();
    for archive in [gzipped(&bomb), bomb] {
        let refused = Ground::new(&archive).refused();
        assert!(refused.contains("`onnx/` is a folder with bytes of its own"), "{refused}");
    }
    for archive in [tarred(&[("onnx", b"")]), tarred(&[("onnx/", b"")])] {
        Ground::new(&archive).unpack(&registry_config()).unwrap();
    }
}

#[test]
fn a_size_beyond_all_numbers_is_refused() {
    let told = |name: &str, kind| {
        let mut tar = Builder::new(Vec::new());
        let size = b"29 size=18446744073709551615\n";
        tar.append(&header("pax", EntryType::XHeader, size.len()), &size[..]).unwrap();
        tar.append(&header(name, kind, 0), &[][..]).unwrap();
        Ground::new(&tar.into_inner().unwrap()).refused()
    };
    let file = told("model.onnx", EntryType::Regular);
    assert!(file.contains("ends before its end"), "{file}");
    let folder = told("onnx/", EntryType::Directory);
    assert!(folder.contains("a folder with bytes of its own"), "{folder}");
}

#[test]
fn what_extends_headers_is_weighed() {
    let mut tar = Builder::new(Vec::new());
    for _ in 0..3 {
        tar.append(&header("x", EntryType::XGlobalHeader, 60_000), &vec![b'x'; 60_000][..]).unwrap();
    }
    let limits = RegistryConfig { max_bytes: Size::new(100_000), ..registry_config() };
    let refused = Ground::new(&tar.into_inner().unwrap()).unpack(&limits).unwrap_err().to_string();
    assert!(refused.contains("registry.max_bytes"), "{refused}");
}

#[test]
fn too_many_entries_are_refused() {
    let names: Vec<String> = (0..21).map(|number| format!("f{number}")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    for archive in all(&entries) {
        assert!(Ground::new(&archive).refused().contains("more than 20 entries (registry.max_files)"));
    }
    for archive in all(&entries[..20]) {
        Ground::new(&archive).unpack(&registry_config()).unwrap();
    }
    // Folders, hidden files and headers that only extend others count too: they all cost time.
    let mut tar = Builder::new(Vec::new());
    for _ in 0..21 {
        tar.append(&header("x", EntryType::XGlobalHeader, 0), &[][..]).unwrap();
    }
    assert!(Ground::new(&tar.into_inner().unwrap()).refused().contains("more than 20 entries"));
}

#[test]
fn a_directory_of_a_million_entries_is_refused() {
    // The directory alone: a million records of nothing, and the end that counts them.
    let record = [&b"PK\x01\x02"[..], &[0; 24], &1_u16.to_le_bytes(), &[0; 16], b"a"].concat();
    let mut zip = record.repeat(1_000_000);
    let (size, place) = (zip.len() as u64, zip.len() as u64);
    let count = 1_000_000_u64;
    zip.extend([&b"PK\x06\x06"[..], &44_u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8]].concat());
    zip.extend([count.to_le_bytes(), count.to_le_bytes(), size.to_le_bytes(), 0_u64.to_le_bytes()].concat());
    zip.extend([&b"PK\x06\x07"[..], &[0; 4], &place.to_le_bytes(), &1_u32.to_le_bytes()].concat());
    zip.extend([&b"PK\x05\x06"[..], &[0; 4], &[0xff; 12], &[0; 2]].concat());
    let refused = Ground::new(&zip).refused();
    assert!(refused.contains("cannot be read") || refused.contains("more than 20 entries"), "{refused}");
}

#[test]
fn a_torn_archive_is_refused() {
    let weights: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    for archive in all(&[("config.json", b"{}"), ("onnx/model.onnx", &weights)]) {
        for cut in [archive.len() / 3, archive.len() - 1200, archive.len() / 2 / 512 * 512] {
            let refused = Ground::new(&archive[..cut]).refused();
            assert!(refused.contains("the archive cannot be read"), "{refused}");
        }
    }
    for nothing in [&b""[..], b"not an archive", &[0; 1024]] {
        assert!(Ground::new(nothing).refused().contains("not a .zip, .tar or .tar.gz"));
    }
}

#[test]
fn a_file_twice_is_refused() {
    for archive in [tarred(&[("a", b"1"), ("./a", b"2")]), gzipped(&tarred(&[("a/b", b"1"), ("a/b", b"2")]))]
    {
        assert!(Ground::new(&archive).refused().contains("twice"));
    }
}

#[test]
fn a_long_name_is_read_and_an_endless_one_refused() {
    let name = format!("{}/model.onnx", "folder".repeat(30));
    let mut tar = Builder::new(Vec::new());
    let mut plain = Header::new_gnu();
    plain.set_size(1);
    tar.append_data(&mut plain, &name, &b"x"[..]).unwrap();
    let ground = Ground::new(&tar.into_inner().unwrap());
    let root = ground.unpack(&registry_config()).unwrap();
    assert_eq!(fs::read(root.join("model.onnx")).unwrap(), b"x");
    let mut tar = Builder::new(Vec::new());
    let endless = vec![b'a'; 1 << 20];
    tar.append(&header("long", EntryType::GNULongName, endless.len()), &endless[..]).unwrap();
    assert!(Ground::new(&tar.into_inner().unwrap()).refused().contains("a name has 1048576 bytes"));
}

#[test]
fn a_full_disk_is_told() {
    let limits = RegistryConfig { disk_reserve: Size::new(u64::MAX), ..registry_config() };
    for archive in all(&[("a", b"1")]) {
        let refused = Ground::new(&archive).unpack(&limits).unwrap_err().to_string();
        assert!(refused.contains("registry.disk_reserve"), "{refused}");
    }
}
