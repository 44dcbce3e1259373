//! `demo`: real models answer real questions, from an empty clone, in one command.

mod answers;
mod client;
mod others;
mod report;
mod script;
mod server;

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::console::Paint;
use crate::repository::Repository;
use crate::{setup, tools};
use client::Client;
use server::Server;

/// What was asked for.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Leave the service running afterwards
    #[arg(long)]
    keep: bool,
    /// The port to serve on, instead of a free one
    #[arg(long)]
    port: Option<u16>,
}

/// Sets up, starts, asks, shows, stops.
pub fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    tools::linker(repository)?;
    setup::assets(repository, setup::Wanted::default())?;
    let binary = setup::release(repository, "forebay-cli", "forebay")?;
    let server = Server::start(repository, &binary, arguments.port)?;
    let client = Client::new(server.url(), &repository.interrupt);
    let shown = show(repository, &client);
    if shown.is_err() {
        eprintln!("\nthe service's log ends with:\n\n{}\n", server.last_words());
    }
    let cat = shown?;
    let url = server.url().to_owned();
    let runs_on = if arguments.keep { Some(server.leave()?) } else { server.stop().map(|()| None)? };
    println!("\n{}", report::farewell(Paint::stdout(), &url, &cat, runs_on.as_deref()));
    Ok(())
}

/// Asks everything, prints the answers, and answers with the path of the job with the cat.
fn show(repository: &Repository, client: &Client) -> Result<String> {
    let paint = Paint::stdout();
    // All at once, as clients do; each is then waited for.
    let moods = client.submit(&json!({"model": "emotion", "inputs": script::MOODS}))?;
    let sentences = script::PAIRS.as_flattened();
    let pairs = client.submit(&json!({"model": "all-minilm-l6-v2", "inputs": sentences}))?;
    let pictures = script::PICTURES.map(|path| (path, repository.at(path)));
    let cat = client.submit_pictures(&json!({"model": "efficientnet-lite0"}), &pictures)?;
    let others = others::submit(repository, client)?;

    let job = client.wait(&moods)?;
    println!("\n{}", report::moods(paint, &job, &script::MOODS)?);
    let job = client.wait(&pairs)?;
    let similarities = answers::similarities(&job, script::PAIRS.len())?;
    println!("\n{}", report::pairs(paint, &job, &script::PAIRS, &similarities));
    let job = client.wait(&cat)?;
    println!("\n{}", report::pictures(paint, &job, &script::PICTURES)?);
    let best = answers::classes(&job, 0)?.swap_remove(0).0;
    let lines = others.into_iter().map(|asked| asked.answer(repository, client));
    println!("\n{}", report::others(paint, &lines.collect::<Result<Vec<_>>>()?));

    let file = repository.at(script::NOT_A_PICTURE);
    let text = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    let problem = client.refused("efficientnet-lite0", script::NOT_A_PICTURE, &text)?;
    println!("\n{}", report::refusal(paint, script::NOT_A_PICTURE, &problem));

    expect(&best, &similarities, &problem)?;
    Ok(cat)
}

/// What must have come out, whatever else the models think.
fn expect(best: &str, similarities: &[f64], problem: &Value) -> Result<()> {
    ensure!(best.contains("cat"), "the cat was taken for: {best}");
    let [related @ .., unrelated] = similarities else { anyhow::bail!("there are no similarities") };
    ensure!(
        related.iter().all(|similarity| similarity > unrelated),
        "sentences that have nothing in common came out as more alike than some that have"
    );
    let status = problem["status"].as_u64().unwrap_or_default();
    ensure!(
        (400..500).contains(&status),
        "a text that is called a picture was answered with {status}, not 4xx"
    );
    Ok(())
}
