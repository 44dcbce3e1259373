//! What a model is: the SHA-256 of its files.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The digest of all files below `root`, by name and content, in hexadecimal; and their size.
pub(super) fn of(root: &Path) -> io::Result<(String, u64)> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();
    let mut digest = Sha256::new();
    let (mut buffer, mut bytes) = (vec![0; 1 << 20], 0);
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name.as_bytes());
        let mut content = std::fs::File::open(&file)?;
        let size = content.metadata()?.len();
        digest.update(size.to_le_bytes());
        bytes += size;
        loop {
            let read = content.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
        }
    }
    Ok((hex::encode(digest.finalize()), bytes))
}

/// The digest of a text, in hexadecimal.
pub(super) fn of_text(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.path().is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contents_count() {
        let digest_of = |files: &[(&str, &str)]| {
            let folder = tempfile::tempdir().unwrap();
            for (name, content) in files {
                let file = folder.path().join(name);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, content).unwrap();
            }
            of(folder.path()).unwrap().0
        };
        let one = digest_of(&[("config.json", "{}"), ("onnx/model.onnx", "x")]);
        assert_eq!(one, digest_of(&[("onnx/model.onnx", "x"), ("config.json", "{}"), (".stamp", "y")]));
        assert_ne!(one, digest_of(&[("config.json", "{}"), ("onnx/model.onnx", "y")]));
        assert_ne!(one, digest_of(&[("config.json", "{}"), ("onnx/other.onnx", "x")]));
    }
}
