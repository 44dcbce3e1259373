//! What Forebay reaches, against a bare ONNX Runtime loop in the same run.
//!
//! A column is started and driven over HTTP; the bare loop runs in between, in a process of its own, while the column
//! idles. See `cargo xtask bench -- --help`.

mod arguments;
mod bare;
mod bulk;
mod client;
mod column;
mod corpus;
mod drive;
mod environment;
mod gauge;
mod kinds;
mod limit;
mod machine;
mod memory;
mod models;
mod process;
mod processes;
mod round;
mod services;
mod spread;
mod sweep;
mod table;

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use serde_json::{Value, json};

use arguments::{Arguments, BareArguments, BulkArguments, KindArguments, Measure, Part};
use column::{Column, Plan};
use machine::{Machine, Setting, conditions};
use round::{Ground, Sizes};
use services::Services;

/// The model that is measured.
const MODEL: &str = "all-minilm-l6-v2";
/// The model that is none.
const ECHO: &str = "echo";

fn main() -> ExitCode {
    match start(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("forebay-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(Part::Bare(bare)) = &arguments.part {
        return limit::serve(bare);
    }
    // The libraries below can use two implementations of TLS; one of them has to be chosen.
    let chosen = rustls::crypto::aws_lc_rs::default_provider().install_default();
    anyhow::ensure!(chosen.is_ok(), "another TLS provider is installed already");
    // One thread: the client is to take as little as it can of what it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match &arguments.part {
        Some(Part::Bulk(bulk)) => runtime.block_on(run_bulk(arguments, bulk)),
        Some(Part::Kinds(kinds)) => runtime.block_on(run_kinds(arguments, kinds)),
        _ => runtime.block_on(run(arguments)),
    }
}

async fn run_bulk(arguments: &Arguments, bulk: &BulkArguments) -> anyhow::Result<()> {
    let lines = bulk.lines.unwrap_or(if arguments.quick { 10_000 } else { 1_000_000 });
    let mut plan = plan(arguments)?;
    plan.settings = bulk::limits(lines).into_iter().chain(plan.settings).collect();
    let settings: Vec<_> = plan.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let conditions = Machine::look(&plan, settings.join(", ")).await;
    table::lines(&conditions.lines());
    let figures = bulk::measure(&plan, lines).await?;
    table::bulk(&figures);
    write(arguments, &json!({"conditions": conditions, "figures": figures}))
}

async fn run_kinds(arguments: &Arguments, kinds: &KindArguments) -> anyhow::Result<()> {
    let plan = plan(arguments)?;
    let conditions = Machine::look(&plan, settings(arguments, &plan)).await;
    table::lines(&conditions.lines());
    let column = Column::start(&plan).await?;
    let figures = kinds::measure(&plan, &column, &kinds.models, arguments.quick).await;
    let figures = figures.with_context(|| column.tails())?;
    column.stop()?;
    table::kinds(&figures);
    write(arguments, &json!({"conditions": conditions, "figures": figures}))
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let plan = plan(arguments)?;
    let (texts, sizes) = sizes(arguments);
    let mut bare = BareArguments {
        data: plan.data.clone(),
        texts,
        threads: plan.threads,
        as_worker: arguments.bare_as_worker,
        budgets: arguments.bare_budget.into_iter().collect(),
    };
    if bare.budgets.is_empty() {
        let told = limit::sweep(&bare)?;
        let best = told.limits.iter().max_by(|one, other| one.pass.rate.total_cmp(&other.pass.rate));
        let best = best.context("the bare loop ran nothing")?.pass.budget;
        table::sweep(&told, best);
        bare.budgets = vec![best];
    }
    let (_, lengths) = limit::measure(&bare)?;
    let setting = Setting {
        plan: &plan,
        settings: settings(arguments, &plan),
        texts,
        lengths,
        sizes: &sizes,
        bare_as_worker: arguments.bare_as_worker,
    };
    let conditions = conditions(setting).await;
    table::lines(&conditions.lines());
    let texts = corpus::texts(Path::new("."), texts)?;
    let figures = if arguments.batching.sweep {
        json!(sweep::run(&plan, &arguments.batching, (&texts, &bare, &sizes)).await?)
    } else {
        let column = Column::start(&plan).await?;
        let ground = Ground { column: &column, texts: &texts, bare, sizes };
        let figures = ground.rounds(&measures(&arguments.only)).await;
        let figures = figures.with_context(|| column.tails())?;
        column.stop()?;
        table::figures(&figures);
        json!(figures)
    };
    write(arguments, &json!({"conditions": conditions, "figures": figures}))
}

/// Writes the figures where they are wished.
fn write(arguments: &Arguments, told: &Value) -> anyhow::Result<()> {
    if let Some(file) = &arguments.json {
        let written = File::create(file).with_context(|| format!("writing {}", file.display()))?;
        serde_json::to_writer_pretty(written, told)?;
    }
    Ok(())
}

fn plan(arguments: &Arguments) -> anyhow::Result<Plan> {
    let data = environment::told_path("FOREBAY_TEST_DATA")?;
    let combinations = sweep::combinations(&arguments.batching);
    anyhow::ensure!(
        arguments.batching.sweep || combinations.len() == 1,
        "several values of one kind are for `--sweep`"
    );
    let settings = arguments.settings.iter().map(|setting| {
        let (name, value) =
            setting.split_once('=').with_context(|| format!("`{setting}` is no NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    });
    Ok(Plan {
        kind: arguments.column,
        forebay: environment::told_path("FOREBAY_BENCH_BINARY")?,
        data,
        services: Services::running()?,
        threads: arguments.threads.unwrap_or(processes::cores()),
        settings: settings.collect::<anyhow::Result<_>>()?,
        batching: combinations.first().copied().unwrap_or_default(),
    })
}

fn sizes(arguments: &Arguments) -> (usize, Sizes) {
    let (texts, echo, sequential) = if arguments.quick { (640, 640, 50) } else { (6400, 6400, 400) };
    (arguments.texts.unwrap_or(texts), Sizes { rounds: arguments.rounds, echo, sequential })
}

/// In order; all of them unless some are named.
fn measures(only: &[Measure]) -> Vec<Measure> {
    Measure::ALL.into_iter().filter(|measure| only.is_empty() || only.contains(measure)).collect()
}

/// What differs from the defaults, in words.
fn settings(arguments: &Arguments, plan: &Plan) -> String {
    let mut settings = arguments.settings.clone();
    settings.push(if arguments.batching.sweep { "sweep".to_owned() } else { plan.batching.words() });
    settings.join(", ")
}
