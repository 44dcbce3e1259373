//! What is known of models without loading any, from directories in the Hugging Face layout.

mod closed;
mod digest;
mod failed;
mod graph;
mod manifest;
mod repository;
mod runtime;
mod session;
mod weights;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forebay_shared::config::Size;
use forebay_shared::job::Kind;
use forebay_shared::model::ModelCard;
use serde_json::Value;

pub use closed::read_closed;
pub(crate) use failed::failed;
pub use graph::{Axis, Graph, Port};
pub use manifest::{DetectionHead, DetectionSection, Letterbox, Manifest};
pub use repository::{read, scan};
pub use runtime::{Arenas, Provider, Runtime, RuntimeError};
pub use session::Session;

/// A model's directory, its manifest and its card.
#[derive(Clone, Debug)]
pub struct ModelFiles {
    /// The directory.
    pub root: PathBuf,
    /// The ONNX file to run.
    pub onnx: PathBuf,
    /// `forebay.toml`, or what stands for it.
    pub manifest: Manifest,
    /// `config.json`, or null.
    pub config: Value,
    /// What clients are told.
    pub card: ModelCard,
    /// Pixels of a picture at most.
    pub max_pixels: u64,
    /// The size of its files.
    pub bytes: u64,
    /// Keeps its folder where it is, if somebody would remove it otherwise.
    #[expect(dead_code, reason = "it is held, and never read")]
    pub(crate) held: Option<Arc<File>>,
}

impl ModelFiles {
    /// The model that is none: `echo`.
    pub fn echo() -> Self {
        let manifest = Manifest::default();
        let card = ModelCard {
            name: "echo".to_owned(),
            owner: None,
            registered: false,
            // There are no files to take a digest of; the program's version stands for them.
            digest: digest::of_text(env!("CARGO_PKG_VERSION")),
            bytes: Some(0),
            kind: Kind::Echo,
            aliases: Vec::new(),
            description: "Gives every item back, without a model; for measuring the queue".to_owned(),
            licence: "Apache-2.0".to_owned(),
            owned_by: "forebay".to_owned(),
            labels: Vec::new(),
            prompts: Vec::new(),
            max_tokens: None,
            dimensions: None,
            inputs: Vec::new(),
            outputs: Vec::new(),
            batch_cost: manifest.budget(Kind::Echo).cost,
            file: String::new(),
        };
        Self {
            root: PathBuf::new(),
            onnx: PathBuf::new(),
            manifest,
            config: Value::Null,
            card,
            max_pixels: u64::MAX,
            bytes: 0,
            held: None,
        }
    }

    /// Whether `config.json` says that it scores rows of text: its files tell a cross-encoder from an embedding model.
    pub fn is_sequence_classifier(&self) -> bool {
        repository::architecture(&self.config).ends_with("ForSequenceClassification")
    }

    /// Opens a session on the model.
    pub fn open(&self, runtime: Option<&Runtime>) -> Result<Session, ModelError> {
        self.open_file(runtime, &self.onnx)
    }

    /// Opens a session on one of the model's graphs, where it has several.
    pub fn open_file(&self, runtime: Option<&Runtime>, file: &Path) -> Result<Session, ModelError> {
        let runtime = runtime.ok_or_else(|| ModelError::Session {
            file: file.to_owned(),
            message: "no runtime library is loaded".to_owned(),
        })?;
        runtime.open(file)
    }
}

/// Why a model cannot be used. Each names the file, the tensor or the key.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file cannot be read.
    #[error("{}: {source}", file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not say what it should.
    #[error("{}: {message}", file.display())]
    Content {
        /// Which one.
        file: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Nothing says what the model does.
    #[error("{}: its files do not say what it does; write `kind = \"…\"` into forebay.toml", root.display())]
    Kind {
        /// The model's directory.
        root: PathBuf,
    },
    /// The ONNX graph lacks an input or output.
    #[error("{}: the graph has no {what}; it has {present}", file.display())]
    Graph {
        /// The ONNX file.
        file: PathBuf,
        /// What is missing.
        what: &'static str,
        /// What there is instead.
        present: String,
    },
    /// The runtime refused the model.
    #[error("{}: {message}", file.display())]
    Session {
        /// The ONNX file.
        file: PathBuf,
        /// What the runtime said.
        message: String,
    },
}

/// Bytes of a file that a model says something in; the largest of known models, a list of 21,843 labels, has a tenth. Parsed it
/// takes sixteen times as much at most.
const MOST_SAID: u64 = 4 * 1024 * 1024;

/// Reads a file that a model says something in. Whose model it is, is not known here.
pub(crate) fn read_said(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut said = Vec::new();
    File::open(file)?.take(MOST_SAID + 1).read_to_end(&mut said)?;
    if said.len() as u64 > MOST_SAID {
        let message = format!("it has more than {}", Size::new(MOST_SAID));
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
    }
    Ok(said)
}

/// Reads a JSON file that may be absent.
pub(crate) fn optional_json(file: &Path) -> Result<Value, ModelError> {
    match read_said(file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| ModelError::Content { file: file.to_owned(), message: error.to_string() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Value::Null),
        Err(source) => Err(ModelError::File { file: file.to_owned(), source }),
    }
}
