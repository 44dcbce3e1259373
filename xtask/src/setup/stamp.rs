//! Pieces that are whole or absent, and how we know that one is current.
//!
//! A piece is a folder. It is made in a staging folder and put in place by renaming, then its stamp is written: the
//! hash of everything it was made of, and the sizes of its files. A piece without its stamp is made again.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// A hash over named parts, in order.
#[derive(Clone, Default)]
pub struct Fingerprint {
    hash: Sha256,
}

impl Fingerprint {
    /// Adds a part.
    pub fn part(mut self, name: &str, content: &[u8]) -> Self {
        // Lengths first, so that no two lists of parts run together to the same bytes.
        self.hash.update((name.len() as u64).to_le_bytes());
        self.hash.update(name);
        self.hash.update((content.len() as u64).to_le_bytes());
        self.hash.update(content);
        self
    }

    /// Adds a file's content under its name in the checkout.
    pub fn file(self, name: &str, path: &Path) -> Result<Self> {
        let content = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        Ok(self.part(name, &content))
    }

    fn text(self) -> String {
        hex::encode(self.hash.finalize())
    }
}

/// One folder that set-up makes.
#[derive(Debug)]
pub struct Piece {
    /// Where it will be.
    pub target: PathBuf,
    staging: PathBuf,
    stamp: PathBuf,
    inputs: String,
}

impl Piece {
    /// The piece at `path` below `data`, made of what the fingerprint covers.
    pub fn new(data: &Path, path: &str, inputs: Fingerprint) -> Self {
        let flat = path.replace('/', "-");
        Self {
            target: data.join(path),
            staging: data.join("staging").join(&flat),
            stamp: data.join("stamps").join(flat),
            inputs: inputs.text(),
        }
    }

    /// Whether it is there, whole, and made of these very inputs.
    pub fn is_current(&self) -> bool {
        let stamped = fs::read_to_string(&self.stamp).unwrap_or_default();
        let mut lines = stamped.lines();
        lines.next() == Some(self.inputs.as_str())
            && lines.all(|line| {
                line.split_once(' ').is_some_and(|(size, name)| {
                    fs::metadata(self.target.join(name)).is_ok_and(|file| file.len().to_string() == size)
                })
            })
    }

    /// Makes it: `fill` writes into an empty folder, which then takes the place of what was there.
    pub fn make(&self, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let fresh = self.staging.join("new");
        clear(&self.staging)?;
        fs::create_dir_all(&fresh).with_context(|| format!("making {}", fresh.display()))?;
        let filled = fill(&fresh).and_then(|()| self.put_in_place(&fresh));
        let cleared = clear(&self.staging);
        filled.and(cleared)
    }

    fn put_in_place(&self, fresh: &Path) -> Result<()> {
        let mut stamp = format!("{}\n", self.inputs);
        for (name, size) in files(fresh, "")? {
            writeln!(stamp, "{size} {name}").expect("a string takes all that is written");
        }
        let make_parent = |path: &Path| fs::create_dir_all(path.parent().expect("pieces stand in a folder"));
        make_parent(&self.target)?;
        make_parent(&self.stamp)?;
        // Without its stamp the old piece counts as broken, so a stop between here and the end harms nothing.
        remove(&self.stamp)?;
        if self.target.exists() {
            fs::rename(&self.target, self.staging.join("old"))
                .with_context(|| format!("moving {} aside", self.target.display()))?;
        }
        fs::rename(fresh, &self.target)
            .with_context(|| format!("putting {} in place", self.target.display()))?;
        let unfinished = self.staging.join("stamp");
        fs::write(&unfinished, stamp)?;
        fs::rename(&unfinished, &self.stamp).with_context(|| format!("writing {}", self.stamp.display()))
    }
}

/// Every file below `folder` with its size, sorted, links followed.
fn files(folder: &Path, prefix: &str) -> Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let about = fs::metadata(entry.path())?;
        if about.is_dir() {
            found.extend(files(&entry.path(), &format!("{name}/"))?);
        } else {
            found.push((name, about.len()));
        }
    }
    found.sort();
    Ok(found)
}

fn remove(file: &Path) -> std::io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Removes a folder that may not be there.
pub fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(data: &Path, input: &str) -> Piece {
        Piece::new(data, "models/one", Fingerprint::default().part("script", input.as_bytes()))
    }

    fn write(folder: &Path) -> Result<()> {
        fs::create_dir(folder.join("onnx"))?;
        fs::write(folder.join("onnx/model.onnx"), "weights")?;
        Ok(())
    }

    #[test]
    fn a_piece_is_current_until_its_inputs_or_its_files_change() {
        let data = tempfile::tempdir().unwrap();
        let made = piece(data.path(), "v1");
        assert!(!made.is_current());
        made.make(write).unwrap();
        assert!(made.is_current());
        assert!(!piece(data.path(), "v2").is_current());
        fs::write(made.target.join("onnx/model.onnx"), "cut").unwrap();
        assert!(!made.is_current());
    }

    #[test]
    fn a_failed_making_leaves_the_old_piece_and_no_litter() {
        let data = tempfile::tempdir().unwrap();
        piece(data.path(), "v1").make(write).unwrap();
        let failed = piece(data.path(), "v2").make(|folder| {
            fs::write(folder.join("half"), "")?;
            anyhow::bail!("out of luck")
        });
        assert_eq!(failed.unwrap_err().to_string(), "out of luck");
        assert!(piece(data.path(), "v1").is_current());
        assert!(!data.path().join("staging/models-one").exists());
    }

    #[test]
    fn a_new_piece_replaces_the_old_one_whole() {
        let data = tempfile::tempdir().unwrap();
        piece(data.path(), "v1").make(write).unwrap();
        let next = piece(data.path(), "v2");
        next.make(|folder| Ok(fs::write(folder.join("only"), "this")?)).unwrap();
        assert!(next.is_current());
        assert!(!next.target.join("onnx").exists());
    }

    #[test]
    fn parts_do_not_run_together() {
        let text = |parts: [(&str, &str); 2]| {
            parts.iter().fold(Fingerprint::default(), |all, (n, c)| all.part(n, c.as_bytes())).text()
        };
        assert_ne!(text([("a", "bc"), ("d", "")]), text([("a", "b"), ("cd", "")]));
    }
}
