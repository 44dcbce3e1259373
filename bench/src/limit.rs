//! The bare loop in a process of its own: while the column is measured nothing of it is left, neither threads nor memory.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::arguments::BareArguments;
use crate::bare::{Bare, Lengths, Pass, Settings};
use crate::{MODEL, corpus, processes};

/// Budgets that the sweep tries.
const BUDGETS: [usize; 6] = [256, 512, 1024, 2048, 4096, 8192];
/// The sweep runs one in so many texts, but not fewer than `FEWEST`.
const SWEPT: usize = 4;
const FEWEST: usize = 640;

/// One pass of the bare loop, with what it used.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limit {
    #[serde(flatten)]
    pub pass: Pass,
    /// Seconds of processor time per 1,000 texts.
    pub cpu: f64,
}

/// What the process answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    pub lengths: Lengths,
    pub limits: Vec<Limit>,
}

/// The process: runs what it is told and prints what it reached.
pub fn serve(arguments: &BareArguments) -> anyhow::Result<()> {
    let texts = corpus::texts(Path::new("."), arguments.texts)?;
    let settings = Settings { threads: arguments.threads, as_worker: arguments.as_worker };
    let mut bare = Bare::open(&arguments.data, MODEL, settings, &texts)?;
    let mut limits = Vec::new();
    for budget in &arguments.budgets {
        bare.warm(*budget)?;
        let before = processes::own()?;
        let pass = bare.run(*budget)?;
        let used = processes::own()? - before;
        limits.push(Limit { pass, cpu: used * 1_000.0 / arguments.texts as f64 });
    }
    serde_json::to_writer(std::io::stdout(), &Told { lengths: bare.lengths(), limits })?;
    Ok(())
}

/// Starts the process and answers with what it prints.
fn ask(arguments: &BareArguments) -> anyhow::Result<Told> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bare").arg("--data").arg(&arguments.data);
    command.args(["--texts", &arguments.texts.to_string(), "--threads", &arguments.threads.to_string()]);
    if arguments.as_worker {
        command.arg("--as-worker");
    }
    let budgets: Vec<String> = arguments.budgets.iter().map(usize::to_string).collect();
    command.arg("--budgets").arg(budgets.join(",")).stderr(Stdio::inherit());
    let output = command.output().context("starting the bare loop")?;
    anyhow::ensure!(output.status.success(), "the bare loop ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("reading what the bare loop printed")
}

/// Finds the budget with which the loop is fastest.
pub fn sweep(arguments: &BareArguments) -> anyhow::Result<Told> {
    let texts = (arguments.texts / SWEPT).max(FEWEST);
    ask(&BareArguments { texts, budgets: BUDGETS.to_vec(), ..arguments.clone() })
}

/// One pass with the budget in `arguments`.
pub fn measure(arguments: &BareArguments) -> anyhow::Result<(Limit, Lengths)> {
    let told = ask(arguments)?;
    let limit = told.limits.first().copied().context("the bare loop ran nothing")?;
    Ok((limit, told.lengths))
}
