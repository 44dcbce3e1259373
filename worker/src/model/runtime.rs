//! The runtime library, loaded once per process, that opens sessions.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep::{self, ExecutionProviderDispatch};
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use serde::Deserialize;

use super::{ModelError, Session};

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

/// How far the memory grows from which a graph's runs take theirs, and when it shrinks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arenas {
    /// Bytes of a GPU that a graph may take, its weights among them; 0: no bound.
    pub gpu_memory: u64,
    /// Whether a run gives back what it took, rather than leave it to the next.
    pub shrink: bool,
}

/// The runtime library with the settings of this process.
#[derive(Clone)]
pub struct Runtime {
    environment: Arc<Environment>,
    providers: Arc<[Provider]>,
    threads: usize,
    arenas: Arenas,
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
        let arenas = Arenas::default();
        let runtime = Self { environment, providers: providers.into(), threads, arenas };
        runtime.probe().map_err(|error| RuntimeError::Provider {
            library: library.clone(),
            providers: providers.to_vec(),
            message: error.to_string(),
        })?;
        tracing::info!(library = %library.display(), ?providers, threads, "runtime loaded");
        Ok(runtime)
    }

    /// The same with bounds on the memory of the graphs that it opens.
    #[must_use]
    pub fn with_arenas(self, arenas: Arenas) -> Self {
        Self { arenas, ..self }
    }

    /// Sets a session up as far as that goes without a model.
    fn probe(&self) -> Result<(), ort::Error> {
        self.builder().map(drop)
    }

    /// Opens a session on `file`. A configured provider that is missing is an error, never a silent fall back.
    pub fn open(&self, file: &Path) -> Result<Session, ModelError> {
        let built = self.builder().and_then(|mut builder| builder.commit_from_file(file));
        let built = built.and_then(|session| Session::new(session, self.gives_back()));
        built.map_err(|error| ModelError::Session { file: file.to_owned(), message: error.to_string() })
    }

    fn builder(&self) -> Result<SessionBuilder, ort::Error> {
        let builder = ort::session::Session::builder(&self.environment)?
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
                Provider::Cuda => Some(self.cuda().build().error_on_failure()),
                Provider::Tensorrt => Some(ep::TensorRT::default().build().error_on_failure()),
            })
            .collect()
    }

    /// A GPU's memory is taken as it is needed, and not twice as much each time, so that models share it.
    fn cuda(&self) -> ep::CUDA {
        let cuda = ep::CUDA::default().with_arena_extend_strategy(ep::ArenaExtendStrategy::SameAsRequested);
        match usize::try_from(self.arenas.gpu_memory) {
            Ok(0) | Err(_) => cuda,
            Ok(bytes) => cuda.with_memory_limit(bytes),
        }
    }

    /// On which devices a run gives back what it took, as the runtime calls them.
    fn gives_back(&self) -> Option<&'static str> {
        let has_gpu = self.providers.iter().any(|provider| *provider != Provider::Cpu);
        match (self.arenas.shrink, has_gpu) {
            (false, _) => None,
            (true, false) => Some("cpu:0"),
            (true, true) => Some("cpu:0;gpu:0"),
        }
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
