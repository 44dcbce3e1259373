//! What a manifest says of models that read print: where their parts are.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// `[ocr]`. Every path is relative to the model's directory.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OcrSection {
    /// The graph that finds lines.
    pub detect: Option<String>,
    /// The graph that tells which lines stand on their head. A model may do without.
    pub orient: Option<String>,
    /// The graph that reads.
    pub recognize: Option<String>,
    /// The characters that it knows, one in each line.
    pub alphabet: Option<String>,
}

/// The parts of a model that reads, but for the graph that finds lines: that one is the model's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcrParts {
    /// The graph that tells which lines stand on their head.
    pub orient: Option<PathBuf>,
    /// The graph that reads.
    pub recognize: PathBuf,
    /// Its characters.
    pub alphabet: PathBuf,
}

impl OcrSection {
    /// The parts of the model in this directory; one that is not named is where it usually is.
    pub fn parts(&self, root: &Path) -> OcrParts {
        let named = |name: &Option<String>, usual: &str| root.join(name.as_deref().unwrap_or(usual));
        let orient = named(&self.orient, "onnx/orient.onnx");
        OcrParts {
            orient: (self.orient.is_some() || orient.is_file()).then_some(orient),
            recognize: named(&self.recognize, "onnx/recognize.onnx"),
            alphabet: named(&self.alphabet, "alphabet.txt"),
        }
    }
}

impl OcrParts {
    /// The first that is not there.
    pub fn missing(&self) -> Option<&Path> {
        let all = self.orient.iter().chain([&self.recognize, &self.alphabet]);
        all.map(PathBuf::as_path).find(|file| !file.is_file())
    }
}
