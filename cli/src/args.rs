//! The command line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use forebay_shared::rate::Rate;
use forebay_shared::residency::KeepAlive;

/// Asynchronous inference: work in over HTTP, out in full batches through ONNX Runtime.
#[derive(Debug, Parser)]
#[command(name = "forebay", version, max_term_width = 100)]
pub struct Arguments {
    /// A configuration file over the compiled-in defaults
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run api, scheduler and worker in one process; needs no configuration
    Serve(ServeFlags),
    /// Run the api: HTTP in, HTTP out
    Api(ListenFlag),
    /// Run the scheduler: what is due
    Scheduler,
    /// Run a worker: inference
    Worker(DataFlag),
    /// Bring the database's schema up to date
    Migrate,
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Try models out before they serve; bring them in, list, copy and delete them
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Flags of `serve`.
#[derive(Debug, Args)]
pub struct ServeFlags {
    #[command(flatten)]
    pub listen: ListenFlag,
    #[command(flatten)]
    pub data: DataFlag,
}

/// `--listen`
#[derive(Debug, Args)]
pub struct ListenFlag {
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// `--data-dir`
#[derive(Debug, Args)]
pub struct DataFlag {
    /// The folder with lib/, models/ and, for `serve`, everything else [default: .forebay]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// `forebay keys …`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key and print it; it is not shown again
    Create {
        /// Whose jobs the key reaches
        #[arg(long, default_value = "default")]
        owner: String,
        /// What you call it
        #[arg(long, default_value = "")]
        name: String,
        /// What it permits: read, write, metrics; repeat for several [default: read and write]
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// How long it works: 90d, 12h, … [default: for ever]
        #[arg(long, value_name = "DURATION")]
        expires_in: Option<String>,
        /// How many of its jobs may be under way at once; more wait [default: no limit]
        #[arg(long, value_name = "JOBS", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
        max_running: Option<u32>,
        /// What its waiting jobs may cost together, in tokens or pictures; more are refused [default: no limit]
        #[arg(long, value_name = "COST", value_parser = clap::value_parser!(u64).range(1..=i64::MAX.cast_unsigned()))]
        max_queued: Option<u64>,
        /// How many requests it may make: 100/s, 30/min burst 60, … [default: as rate_limits.key_requests says]
        #[arg(long, value_name = "RATE")]
        rate: Option<Rate>,
        /// What its submissions may cost, in tokens or pictures: 1000000/h, … [default: as rate_limits.key_cost says]
        #[arg(long, value_name = "RATE")]
        cost_rate: Option<Rate>,
        #[command(flatten)]
        data: DataFlag,
    },
    /// List all keys
    List(DataFlag),
    /// Revoke a key by its id
    Revoke {
        /// The id that `list` shows
        id: String,
        #[command(flatten)]
        data: DataFlag,
    },
}

/// `forebay models …`
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Load a model, run samples alone and in batches, measure the best batch, print a manifest
    Check {
        /// The model's folder
        folder: PathBuf,
        /// A picture, or texts, a line each; repeat for several [default: samples of its kind]
        #[arg(long = "sample", value_name = "FILE")]
        samples: Vec<PathBuf>,
        #[command(flatten)]
        data: DataFlag,
    },
    /// Bring a model in from a folder or an archive: its files go to the object store, its name to the database
    Import {
        /// A folder, or a .zip, .tar or .tar.gz of one
        from: PathBuf,
        /// What it is to be called: `name` or `org/name` [default: as the folder or archive]
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        owner: OwnerFlag,
        #[command(flatten)]
        data: DataFlag,
    },
    /// Pull a model from a hub: what `org/name` has as ONNX goes to the object store, its name to the database
    Pull {
        /// `org/name`, with `:fp16` or `:onnx/model_fp16.onnx` for another graph than the usual one, and `@revision`
        reference: String,
        /// What it is to be called [default: as the repository, and the precision]
        #[arg(long)]
        name: Option<String>,
        /// A branch, a tag or a commit [default: main]
        #[arg(long)]
        revision: Option<String>,
        #[command(flatten)]
        owner: OwnerFlag,
        #[command(flatten)]
        data: DataFlag,
    },
    /// List the models that were brought in
    List {
        #[command(flatten)]
        owner: OwnerFlag,
        #[command(flatten)]
        data: DataFlag,
    },
    /// Print what is known of a model that was brought in, and its files
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        owner: OwnerFlag,
        #[command(flatten)]
        data: DataFlag,
    },
    /// Give a model another name; nothing is stored twice
    Copy {
        /// Its name
        from: String,
        /// Its other name
        to: String,
        #[command(flatten)]
        owner: OwnerFlag,
        #[command(flatten)]
        data: DataFlag,
    },
    /// Have workers load a model, whether it was brought in or is in their folders
    Load {
        /// Its name
        name: String,
        /// How long it stays without work: 5m, 300 (seconds), -1 (until another needs its room) [default: as configured]
        #[arg(long, allow_hyphen_values = true)]
        keep_alive: Option<KeepAlive>,
        #[command(flatten)]
        data: DataFlag,
    },
    /// Have workers take a model out of memory, once nothing runs on it
    Unload {
        /// Its name
        name: String,
        #[command(flatten)]
        data: DataFlag,
    },
    /// Delete a model that was brought in; refused while jobs for it wait or run
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        owner: OwnerFlag,
        #[command(flatten)]
        data: DataFlag,
    },
}

/// `--owner`
#[derive(Debug, Args)]
pub struct OwnerFlag {
    /// Whose models are meant, and who sees them [default: everybody's]
    #[arg(long)]
    pub owner: Option<String>,
}

/// `forebay config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every key with the value in force; secrets are hidden
    Show,
}

impl Command {
    /// What the flags set, by configuration key.
    pub fn overrides(&self) -> BTreeMap<&'static str, String> {
        let (listen, data) = match self {
            Self::Serve(flags) => (Some(&flags.listen), Some(&flags.data)),
            Self::Api(listen) => (Some(listen), None),
            Self::Worker(data)
            | Self::Models(
                ModelsCommand::Check { data, .. }
                | ModelsCommand::Import { data, .. }
                | ModelsCommand::Pull { data, .. }
                | ModelsCommand::List { data, .. }
                | ModelsCommand::Show { data, .. }
                | ModelsCommand::Copy { data, .. }
                | ModelsCommand::Load { data, .. }
                | ModelsCommand::Unload { data, .. }
                | ModelsCommand::Delete { data, .. },
            )
            | Self::Keys(
                KeysCommand::List(data) | KeysCommand::Create { data, .. } | KeysCommand::Revoke { data, .. },
            ) => (None, Some(data)),
            Self::Scheduler | Self::Migrate | Self::Config(_) => (None, None),
        };
        let mut overrides = BTreeMap::new();
        if let Some(address) = listen.and_then(|flag| flag.listen.clone()) {
            overrides.insert("api.listen", address);
        }
        if let Some(folder) = data.and_then(|flag| flag.data_dir.as_ref()) {
            overrides.insert("data_dir", folder.to_string_lossy().into_owned());
        }
        overrides
    }
}
