//! What people read.

use std::collections::BTreeSet;

use crate::bare::Pass;
use crate::bulk::{Bulk, GOAL_LINES, GOAL_MEMORY, GOAL_SECONDS, Peak};
use crate::kinds::KindFigure;
use crate::limit::{Limit, Told};
use crate::round::{Figures, Load, Sequence};
use crate::spread::Spread;

/// Prints lines of a name and what it says.
pub fn lines(lines: &[(&str, String)]) {
    for (name, says) in lines {
        println!("{name:<10} {says}");
    }
}

/// Prints what the bare loop reaches with each budget.
pub fn sweep(told: &Told, chosen: usize) {
    let rates = told.limits.iter().map(|limit| format!("{}: {:.0}", limit.pass.budget, limit.pass.rate));
    println!("bare loop  texts/s by budget {}; taken: {chosen}", rates.collect::<Vec<_>>().join(", "));
}

/// Prints what a bulk took, beside what is aimed at.
pub fn bulk(figures: &Bulk) {
    let mb = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "\n{:<52}{:>9}   goal",
        format!("a bulk of {} lines, {:.1} MB", figures.lines, mb(figures.bytes)),
        ""
    );
    let row = |name: &str, unit: &str, figure: f64, goal: String| {
        println!("{name}{unit:>w$}{figure:>9.1}   {goal}", w = 52_usize.saturating_sub(name.chars().count()));
    };
    row("    its upload", "s", figures.upload, String::new());
    row("    from creation until every line is sliced", "s", figures.cut, String::new());
    let goal = if figures.lines == GOAL_LINES { format!("up to {GOAL_SECONDS:.0}") } else { String::new() };
    row("    both", "s", figures.upload + figures.cut, goal);
    for Peak { role, idle, most } in &figures.memory {
        let goal = format!("up to {:.0}; {:.1} before", mb(GOAL_MEMORY), mb(*idle));
        row(&format!("    most memory of the {role}"), "MB", mb(*most), goal);
    }
}

/// Prints what each kind reaches.
pub fn kinds(figures: &[KindFigure]) {
    println!("\nitems per second           one at a time                   full batches");
    println!(
        "{:<24}{:>9}{:>9}{:>7}{:>8}{:>9}{:>9}{:>7}",
        "", "alone", "served", "", "items", "alone", "served", ""
    );
    for KindFigure { model, one, items, full, .. } in figures {
        let rate = |rate: f64| format!("{rate:.0$}", usize::from(rate < 100.0));
        println!(
            "{model:<24}{:>9}{:>9}{:>7.2}{items:>8}{:>9}{:>9}{:>7.2}",
            rate(one.alone),
            rate(one.served),
            one.ratio(),
            rate(full.alone),
            rate(full.served),
            full.ratio(),
        );
    }
}

/// Prints all figures.
pub fn figures(figures: &Figures) {
    println!("\n{:<52}{:>9}   min – max", "", "median");
    if let Some(Limit { pass, .. }) = figures.bare.first() {
        let Pass { budget, batch, padding, .. } = pass;
        let name = format!("(a) bare loop, sorted, budget {budget}");
        row(&name, "texts/s", figures.bare.iter().map(|limit| limit.pass.rate));
        println!("      {batch:.1} texts a batch, {:.1} % padding", padding * 100.0);
    }
    loads("(b) jobs of 64 texts", "b/a", &figures.jobs);
    loads("(c) single texts from 64 clients", "c/a", &figures.singles);
    let latency = |loads: &[Load], name: &str| {
        row(&format!("      {name}, p50"), "ms", loads.iter().map(|load| load.p50));
        row(&format!("      {name}, p95"), "ms", loads.iter().map(|load| load.p95));
    };
    latency(&figures.singles, "(c) latency under load");
    row("(d) echo, one item: accepted", "jobs/s", figures.echo.iter().map(|echo| echo.single.accepted));
    row("(d) echo, one item: done", "jobs/s", figures.echo.iter().map(|echo| echo.single.done));
    row("(d) echo, one item: waited for", "jobs/s", figures.echo.iter().map(|echo| echo.waited));
    row("(d) echo, 64 items: accepted", "jobs/s", figures.echo.iter().map(|echo| echo.of_many.accepted));
    row("(d) echo, 64 items: done", "jobs/s", figures.echo.iter().map(|echo| echo.of_many.done));
    sequences("(e) idle, echo", figures.latency.iter().map(|latency| &latency.echo).collect());
    sequences("(e) idle, one text", figures.latency.iter().map(|latency| &latency.text).collect());
    for (name, loads) in [("(b)", &figures.jobs), ("(c)", &figures.singles)] {
        batches(name, loads);
    }
    processors(figures);
}

/// Prints a row of medians; nothing if there are no figures.
pub fn row(name: &str, unit: &str, figures: impl Iterator<Item = f64>) {
    if let Some(Spread { median, min, max }) = Spread::of(figures) {
        let digits = if max < 2.0 { 3 } else { usize::from(max < 100.0) };
        let name = format!("{name} {unit:>w$}", w = 51_usize.saturating_sub(name.chars().count()));
        println!("{name}{median:>9.digits$}   {min:.digits$} – {max:.digits$}");
    }
}

fn loads(name: &str, ratio: &str, loads: &[Load]) {
    row(name, "texts/s", loads.iter().map(|load| load.rate));
    let ratios: Vec<f64> = loads.iter().filter_map(Load::ratio).collect();
    row(&format!("    {ratio}"), "", ratios.into_iter());
    let poor = loads.iter().filter(|load| !load.is_bracketed_well()).count();
    if poor > 0 {
        println!(
            "      in {poor} rounds the bare loop differed by more than 15 % before and after: measure again"
        );
    }
}

/// Latencies, and where the time of the slowest job went as far as it tells.
fn sequences(name: &str, sequences: Vec<&Sequence>) {
    row(&format!("{name}, p50"), "ms", sequences.iter().map(|one| one.p50));
    row(&format!("{name}, p99"), "ms", sequences.iter().map(|one| one.p99));
    if let Some(slowest) = sequences.into_iter().max_by(|one, other| one.slowest.total_cmp(&other.slowest)) {
        let steps = slowest.steps.iter().map(|(step, took)| format!("{} {took:.1}", words(step)));
        println!("      slowest {:.1}: {}", slowest.slowest, steps.collect::<Vec<_>>().join(", "));
    }
}

/// A step's name for people.
fn words(step: &str) -> String {
    step.trim_end_matches("_ms").replace('_', " ")
}

/// What the worker's batches were like, and where jobs' time went: the lower median of the rounds.
fn batches(name: &str, loads: &[Load]) {
    let median = |figure: &dyn Fn(&Load) -> f64| {
        Spread::of(loads.iter().map(figure)).map_or(0.0, |spread| spread.median)
    };
    let Some(first) = loads.first() else { return };
    println!(
        "\n{name} batches: {:.1} texts, {:.1} % padding, with the model {:.1} % of the time, {:.2} s per 1,000 texts",
        median(&|load| load.batches.items),
        median(&|load| load.batches.padding) * 100.0,
        median(&|load| load.batches.busy) * 100.0,
        median(&|load| load.batches.run),
    );
    let reasons: BTreeSet<&String> = loads.iter().flat_map(|load| load.batches.closed.keys()).collect();
    let closed = reasons.into_iter().map(|reason| {
        let share = median(&|load| load.batches.closed.get(reason).copied().unwrap_or_default());
        format!("{reason} {:.0} %", share * 100.0)
    });
    println!("    closed by {}", closed.collect::<Vec<_>>().join(", "));
    let steps = first
        .steps
        .iter()
        .enumerate()
        .map(|(place, (step, _))| format!("{} {:.1}", words(step), median(&|load| load.steps[place].1)));
    println!("    a job's median steps in ms: {}", steps.collect::<Vec<_>>().join(", "));
}

/// Seconds of processor time per 1,000 texts or jobs, by process.
fn processors(figures: &Figures) {
    let jobs: Vec<_> = figures.jobs.iter().map(|load| (&load.usage, load.rate)).collect();
    let singles: Vec<_> = figures.singles.iter().map(|load| (&load.usage, load.rate)).collect();
    let names: BTreeSet<&String> =
        jobs.iter().chain(&singles).flat_map(|(usage, _)| usage.seconds.keys()).collect();
    println!("\nprocessor seconds per 1,000 texts{:>12}{:>9}{:>9}", "(a)", "(b)", "(c)");
    let print = |name: &str, figures: [Option<f64>; 3]| {
        let cells = figures.map(|figure| figure.map_or("–".to_owned(), |figure| format!("{figure:.3}")));
        println!("    {name:<29}{:>12}{:>9}{:>9}", cells[0], cells[1], cells[2]);
    };
    let median = |figures: &mut dyn Iterator<Item = f64>| Spread::of(figures).map(|spread| spread.median);
    let bare = median(&mut figures.bare.iter().map(|limit| limit.cpu));
    print("bare loop", [bare, None, None]);
    let each = |of: &dyn Fn(&crate::processes::Usage) -> f64| {
        let per = |loads: &[(&crate::processes::Usage, f64)]| {
            median(&mut loads.iter().map(|(usage, rate)| of(usage) * 1_000.0 / (rate * usage.elapsed)))
        };
        [None, per(&jobs), per(&singles)]
    };
    for name in names {
        print(name, each(&|usage| usage.seconds.get(name).copied().unwrap_or_default()));
    }
    print("others and kernel", each(&|usage| usage.others));
    print("idle", each(&|usage| usage.idle));
    print("stolen by the host", each(&|usage| usage.stolen));
}
