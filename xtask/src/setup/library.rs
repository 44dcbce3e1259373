//! The runtime library, in `.forebay/lib`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};

use super::manifest::Library;
use super::python::Python;
use super::stamp::{Fingerprint, Piece};
use super::{Works, packages};

/// Puts the library for this machine in place. One that is there stays, be it for CPU or GPU, unless `gpu` is asked for.
pub fn put(works: &Works, python: &Python, gpu: bool) -> Result<()> {
    let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let fitting: Vec<&Library> =
        works.manifest.libraries.iter().filter(|library| library.platform == platform).collect();
    let Some(wanted) = fitting.iter().find(|library| library.default != gpu) else {
        return by_hand(works, &platform, gpu);
    };
    let good_enough = |library: &&&Library| !gpu || !library.default;
    if fitting.iter().filter(good_enough).any(|library| piece(works, library).is_current()) {
        return Ok(());
    }
    piece(works, wanted).make(|folder| fill(works, python, wanted, folder))
}

fn piece(works: &Works, library: &Library) -> Piece {
    let entry = serde_json::to_vec(library).expect("strings and lists are JSON");
    Piece::new(&works.data, "lib", Fingerprint::default().part("entry", &entry))
}

fn fill(works: &Works, python: &Python, library: &Library, folder: &Path) -> Result<()> {
    let archive = packages::archive(works, python, &library.archive)?;
    let unpacked = folder.with_file_name("unpacked");
    packages::unpack(works, python, &archive, &unpacked)?;
    for (index, path) in library.files.iter().enumerate() {
        let name = Path::new(path).file_name().with_context(|| format!("{path} names no file"))?;
        fs::rename(unpacked.join(path), folder.join(name))
            .with_context(|| format!("{} has no {path}", library.archive.file))?;
        if index == 0 && name != library.link.as_str() {
            symlink(name, folder.join(&library.link))?;
        }
    }
    Ok(())
}

/// For machines that the manifest does not know: the person's own library will do.
fn by_hand(works: &Works, platform: &str, gpu: bool) -> Result<()> {
    let own = works.data.join("lib/libonnxruntime.so");
    anyhow::ensure!(
        own.exists(),
        "models/starter.toml lists no runtime library{} for {platform}: put ONNX Runtime 1.24 or newer at {} \
         and run this again",
        if gpu { " with CUDA" } else { "" },
        own.display()
    );
    Ok(())
}
