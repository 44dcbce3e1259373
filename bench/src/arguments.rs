//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

/// What Forebay reaches, against a bare ONNX Runtime loop in the same run; start it with `cargo xtask bench`
#[derive(Debug, Parser)]
#[command(name = "forebay-bench", bin_name = "cargo xtask bench --", max_term_width = 100)]
pub struct Arguments {
    /// Which column is measured
    #[arg(long, value_enum, default_value_t = Kind::Fleet)]
    pub column: Kind,
    /// Rounds; medians of at least three are worth telling
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Measure only these, as in `--only a,b`
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Measure>,
    /// Small sizes: shows that it works, measures nothing
    #[arg(long, global = true)]
    pub quick: bool,
    /// Texts of a round [default: 6400; quick: 640]
    #[arg(long)]
    pub texts: Option<usize>,
    /// Threads of one run, for the bare loop and the worker alike [default: one for each core]
    #[arg(long)]
    pub threads: Option<usize>,
    /// Padded tokens of the bare loop's batches [default: what a short sweep finds best]
    #[arg(long)]
    pub bare_budget: Option<usize>,
    /// Run the bare loop with the worker's session settings (no spinning, no memory pattern) instead of the fastest
    #[arg(long)]
    pub bare_as_worker: bool,
    /// Configuration for every process of the column, as in `--set FOREBAY_WORKER__PREFETCH=128`; repeat for several
    #[arg(long = "set", value_name = "NAME=VALUE", global = true)]
    pub settings: Vec<String>,
    /// Write all figures as JSON
    #[arg(long, value_name = "FILE", global = true)]
    pub json: Option<PathBuf>,
    #[command(flatten)]
    pub batching: Batching,
    #[command(subcommand)]
    pub part: Option<Part>,
}

/// How the worker forms batches, where it differs from what is shipped
#[derive(Debug, Args)]
pub struct Batching {
    /// Measure (a) and (b) for every combination of the four lists below
    #[arg(long)]
    pub sweep: bool,
    /// Padded tokens of one batch, as in `--tokens 1024,2048`
    #[arg(long, value_delimiter = ',')]
    pub tokens: Vec<u64>,
    /// Padding that is cheaper than another run, as a share
    #[arg(long, value_delimiter = ',')]
    pub padding: Vec<f64>,
    /// Padding that is always cheaper than another run, in tokens; needs a worker that knows `batch.slack`
    #[arg(long, value_delimiter = ',')]
    pub slack: Vec<u64>,
    /// Batches of work that the worker's lane holds
    #[arg(long, value_delimiter = ',')]
    pub hold: Vec<u64>,
}

/// What else the program does.
#[derive(Debug, Subcommand)]
pub enum Part {
    /// Measure how long a long file of requests takes to become slices, and the memory that this takes
    Bulk(BulkArguments),
    /// Measure items per second of each kind, one at a time and in full batches, beside the model's runs alone
    Kinds(KindArguments),
    /// The bare loop, which runs in a process of its own
    #[command(hide = true)]
    Bare(BareArguments),
}

/// What the measuring of a bulk is told.
#[derive(Clone, Debug, Args)]
pub struct BulkArguments {
    /// Lines of the file [default: 1000000; quick: 10000]
    #[arg(long)]
    pub lines: Option<u64>,
}

/// What the measuring of kinds is told.
#[derive(Clone, Debug, Args)]
pub struct KindArguments {
    /// Models [default: one for each kind]
    #[arg(long, value_delimiter = ',')]
    pub models: Vec<String>,
}

/// What the bare loop is told.
#[derive(Clone, Debug, Args)]
pub struct BareArguments {
    #[arg(long)]
    pub data: PathBuf,
    #[arg(long)]
    pub texts: usize,
    #[arg(long)]
    pub threads: usize,
    #[arg(long)]
    pub as_worker: bool,
    /// Budgets to run with, one after the other
    #[arg(long, value_delimiter = ',')]
    pub budgets: Vec<usize>,
}

/// The two columns of the architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Postgres, RabbitMQ, S3; api, scheduler and one worker as processes
    Fleet,
    /// `forebay serve`: SQLite, local queue, local files, one process
    Embedded,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Measure {
    /// The bare ONNX Runtime loop: the limit
    A,
    /// Embeddings, jobs of 64 texts
    B,
    /// Embeddings, jobs of one text from 64 clients
    C,
    /// `echo` jobs
    D,
    /// Latency of an idle service
    E,
}

impl Measure {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::A, Self::B, Self::C, Self::D, Self::E];
}
