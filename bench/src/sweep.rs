//! How the worker's batches are best cut: (b) against (a) for every combination of what the command line lists.

use serde::Serialize;

use crate::arguments::{BareArguments, Batching as Lists, Measure};
use crate::column::{Column, Plan};
use crate::models::Batching;
use crate::round::{Figures, Ground, Load, Sizes};
use crate::spread::Spread;

/// What one combination reached.
#[derive(Debug, Serialize)]
pub struct Tried {
    pub batching: Batching,
    pub figures: Figures,
}

/// Every combination; a list that is empty leaves its value as shipped.
pub fn combinations(lists: &Lists) -> Vec<Batching> {
    let mut all = Vec::new();
    for tokens in each(&lists.tokens) {
        for padding in each(&lists.padding) {
            for slack in each(&lists.slack) {
                for hold in each(&lists.hold) {
                    all.push(Batching { tokens, padding, slack, hold });
                }
            }
        }
    }
    all
}

fn each<T: Copy>(list: &[T]) -> Vec<Option<T>> {
    if list.is_empty() { vec![None] } else { list.iter().copied().map(Some).collect() }
}

/// Measures every combination in every round, each on a fresh column, and prints what they reach.
pub async fn run(
    plan: &Plan,
    lists: &Lists,
    (texts, bare, sizes): (&[String], &BareArguments, &Sizes),
) -> anyhow::Result<Vec<Tried>> {
    let mut tried: Vec<Tried> = combinations(lists)
        .into_iter()
        .map(|batching| Tried { batching, figures: Figures::default() })
        .collect();
    for round in 1..=sizes.rounds {
        for one in &mut tried {
            eprintln!("round {round}/{}, {}", sizes.rounds, one.batching.words());
            let column = Column::start(&Plan { batching: one.batching, ..plan.clone() }).await?;
            let ground = Ground {
                column: &column,
                texts,
                bare: bare.clone(),
                sizes: Sizes { rounds: 1, ..sizes.clone() },
            };
            let figures = ground.rounds(&[Measure::A, Measure::B]).await?;
            one.figures.bare.extend(figures.bare);
            one.figures.jobs.extend(figures.jobs);
            column.stop()?;
        }
    }
    print(&tried);
    Ok(tried)
}

fn print(tried: &[Tried]) {
    println!(
        "\n{:<40}{:>8}{:>7}  {:<13}{:>8}{:>10}{:>8}",
        "", "texts/s", "b/a", "min – max", "texts", "padding", "busy"
    );
    for Tried { batching, figures } in tried {
        let spread =
            |figure: &dyn Fn(&Load) -> Option<f64>| Spread::of(figures.jobs.iter().filter_map(figure));
        let median = |figure: &dyn Fn(&Load) -> f64| {
            spread(&|load| Some(figure(load))).map_or(0.0, |spread| spread.median)
        };
        let Some(ratio) = spread(&Load::ratio) else { continue };
        println!(
            "{:<40}{:>8.0}{:>7.3}  {:<13}{:>8.1}{:>8.1} %{:>6.1} %",
            batching.words(),
            median(&|load| load.rate),
            ratio.median,
            format!("{:.3} – {:.3}", ratio.min, ratio.max),
            median(&|load| load.batches.items),
            median(&|load| load.batches.padding) * 100.0,
            median(&|load| load.batches.busy) * 100.0,
        );
    }
}
