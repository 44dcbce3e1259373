//! Wheels and npm packages: fetched by name and version, believed only with the right hash.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::manifest::{Archive, Client};
use super::python::Python;
use super::{Works, npm, stamp};

/// The file on this disk, fetched if it is not here yet.
pub fn archive(works: &Works, python: &Python, archive: &Archive) -> Result<PathBuf> {
    let downloads = works.data.join("downloads");
    let kept = downloads.join(&archive.file);
    if kept.is_file() && check(&kept, &archive.sha256).is_ok() {
        return Ok(kept);
    }
    let staging = works.data.join("staging/download");
    stamp::clear(&staging)?;
    fs::create_dir_all(&staging)?;
    let fetched = fetch(works, python, archive, &staging).and_then(|fresh| {
        fs::create_dir_all(&downloads)?;
        fs::rename(&fresh, &kept).with_context(|| format!("keeping {}", kept.display()))
    });
    stamp::clear(&staging)?;
    fetched.map(|()| kept)
}

/// Unpacks a file into an empty folder.
pub fn unpack(works: &Works, python: &Python, file: &Path, into: &Path) -> Result<()> {
    works.repository.interrupt.check()?;
    let mut command = python.command();
    let packed_as = if file.extension().is_some_and(|kind| kind == "tgz") { "tarfile" } else { "zipfile" };
    command.args(["-m", packed_as, "-e"]).arg(file).arg(into);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    python.quietly(&format!("unpacking {name}"), &mut command)
}

fn fetch(works: &Works, python: &Python, archive: &Archive, into: &Path) -> Result<PathBuf> {
    let wanted = match archive.client {
        Client::Pip => download(python, archive, into)?,
        Client::Npm => npm::pack(works.repository, python, archive, into)?,
    };
    let fresh = into.join(&archive.file);
    if !fresh.is_file() {
        bail!(
            "the registry answered {wanted} with {}, and models/starter.toml names {}: \
             do you use a mirror that has another build of it?",
            names(into),
            archive.file
        );
    }
    check(&fresh, &archive.sha256).with_context(|| {
        format!(
            "{wanted} is not the file that models/starter.toml describes, so it is not used: if you go through a \
             mirror or proxy, look there; if the package was published anew, the manifest must say so first"
        )
    })?;
    Ok(fresh)
}

/// Lets pip fetch; answers with what was asked for.
fn download(python: &Python, archive: &Archive, into: &Path) -> Result<String> {
    let wanted = format!("{}=={}", archive.package, archive.version);
    let mut pip = python.pip("download")?;
    pip.args(["--no-deps", "--only-binary=:all:", "--dest"]).arg(into);
    if let Some(tag) = &archive.tag {
        pip.args(["--platform", tag]);
    }
    if let Some(version) = &archive.python {
        pip.args(["--python-version", version]);
    }
    python.quietly(&format!("fetching {wanted}"), pip.arg(&wanted))?;
    Ok(wanted)
}

/// Refuses a file whose sha-256 is another.
pub fn check(file: &Path, expected: &str) -> Result<()> {
    let found = sha256(file)?;
    anyhow::ensure!(
        found == expected,
        "sha-256 of {} is {found}, expected {expected}",
        file.file_name().unwrap_or_default().to_string_lossy()
    );
    Ok(())
}

fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut hash).with_context(|| format!("reading {}", path.display()))?;
    Ok(hex::encode(hash.finalize()))
}

fn names(folder: &Path) -> String {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_another_hash_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.whl");
        fs::write(&file, "abc").unwrap();
        check(&file, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").unwrap();
        let error = check(&file, &"00".repeat(32)).unwrap_err().to_string();
        assert!(error.contains("model.whl") && error.contains("ba7816bf"), "{error}");
    }
}
