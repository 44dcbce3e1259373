//! The runtime library, loaded once per process, that opens sessions.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep::{self, ExecutionProviderDispatch};
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use serde::Deserialize;

use super::ModelError;

/// Names under which the library is looked for.
const LIBRARY: [&str; 3] = ["libonnxruntime.so", "libonnxruntime.dylib", "onnxruntime.dll"];

/// Where a model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The processor.
    Cpu,
    /// An NVIDIA GPU, through CUDA.
    Cuda,
    /// An NVIDIA GPU, through TensorRT.
    Tensorrt,
}

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The library is nowhere.
    #[error(
        "libonnxruntime is not in {}: run `cargo xtask setup`, or set worker.runtime to the library's path",
        looked.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    Missing {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// The library cannot be used.
    #[error("{}: {message}", library.display())]
    Unusable {
        /// Which one.
        library: PathBuf,
        /// Why.
        message: String,
    },
    /// A configured provider is not to be had.
    #[error("worker.providers is {providers:?}, and {} cannot do that: {message}", library.display())]
    Provider {
        /// The library.
        library: PathBuf,
        /// What was asked for.
        providers: Vec<Provider>,
        /// What it said.
        message: String,
    },
}

/// The runtime library with the settings of this process.
#[derive(Clone)]
pub struct Runtime {
    environment: Arc<Environment>,
    providers: Arc<[Provider]>,
    threads: usize,
}

impl Runtime {
    /// Loads the library: `configured`, or from the first of `folders` that has one. `threads` are those that one run
    /// may use. A provider that the library lacks, or whose own libraries are missing, is an error here and now, and not
    /// one for each job.
    pub fn load(
        configured: &Path,
        folders: &[PathBuf],
        providers: &[Provider],
        threads: usize,
    ) -> Result<Self, RuntimeError> {
        let library = find(configured, folders)?;
        let environment = environment(&library)?;
        let runtime = Self { environment, providers: providers.into(), threads };
        runtime.probe().map_err(|error| RuntimeError::Provider {
            library: library.clone(),
            providers: providers.to_vec(),
            message: error.to_string(),
        })?;
        tracing::info!(library = %library.display(), ?providers, threads, "runtime loaded");
        Ok(runtime)
    }

    /// Sets a session up as far as that goes without a model.
    fn probe(&self) -> Result<(), ort::Error> {
        self.builder().map(drop)
    }

    /// Opens a session on `file`. A configured provider that is missing is an error, never a silent fall back.
    pub fn open(&self, file: &Path) -> Result<Session, ModelError> {
        let built = self.builder().and_then(|mut builder| builder.commit_from_file(file));
        built.map_err(|error| ModelError::Session { file: file.to_owned(), message: error.to_string() })
    }

    fn builder(&self) -> Result<SessionBuilder, ort::Error> {
        let builder = Session::builder(&self.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(self.threads)?
            .with_inter_threads(1)?
            // Threads that spin while they wait would take the processor from everybody else on it.
            .with_intra_op_spinning(false)?
            // Lengths differ from batch to batch, so a memory plan made for one would not fit the next.
            .with_memory_pattern(false)?;
        let providers = self.dispatch();
        Ok(if providers.is_empty() { builder } else { builder.with_execution_providers(providers)? })
    }

    fn dispatch(&self) -> Vec<ExecutionProviderDispatch> {
        self.providers
            .iter()
            .filter_map(|provider| match provider {
                Provider::Cpu => None,
                Provider::Cuda => Some(ep::CUDA::default().build().error_on_failure()),
                Provider::Tensorrt => Some(ep::TensorRT::default().build().error_on_failure()),
            })
            .collect()
    }
}

/// The library's environment, of which a process may have one: whoever asks again gets the same.
fn environment(library: &Path) -> Result<Arc<Environment>, RuntimeError> {
    static LOADED: Mutex<Option<Arc<Environment>>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = loaded.as_ref() {
        return Ok(environment.clone());
    }
    let unusable = |message: String| RuntimeError::Unusable { library: library.to_owned(), message };
    let environment = ort::init_from(library)
        .map_err(|error| unusable(error.to_string()))?
        .with_name("forebay")
        .with_telemetry(false)
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    Ok(loaded.insert(Arc::new(environment)).clone())
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("providers", &self.providers).finish_non_exhaustive()
    }
}

fn find(configured: &Path, folders: &[PathBuf]) -> Result<PathBuf, RuntimeError> {
    if !configured.as_os_str().is_empty() {
        return if configured.is_file() {
            Ok(configured.to_owned())
        } else {
            Err(RuntimeError::Missing { looked: vec![configured.to_owned()] })
        };
    }
    let candidates = folders.iter().flat_map(|folder| LIBRARY.map(|name| folder.join(name)));
    candidates
        .into_iter()
        .find(|file| file.is_file())
        .ok_or_else(|| RuntimeError::Missing { looked: folders.to_vec() })
}
