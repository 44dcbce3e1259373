//! How large batches are best on this machine: budgets from small to large, until a larger one gains nothing.

use std::time::{Duration, Instant};

use crate::bucket;
use crate::model::ModelFiles;
use crate::pipeline::Pipeline;

use super::{Bench, Sample};

/// How long a budget is measured, once it has run; a busy machine needs no more than twice that to show which is better.
const ENOUGH: Duration = Duration::from_millis(300);
/// A batch that takes longer delays its neighbours more than it gains.
const LONGEST: Duration = Duration::from_secs(2);
/// Items of one batch at most.
const ITEMS: usize = 256;
/// The smallest budget is taken that reaches this share of the best throughput.
const NEARLY: f64 = 0.97;

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sweep {
    /// By budget, smallest first: items of a batch, and items per second.
    pub(super) steps: Vec<Step>,
}

/// One budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    /// What the batch costs, in the kind's unit.
    pub(super) cost: u64,
    /// How many items it has.
    pub(super) items: usize,
    /// Items per second, of the device alone.
    pub(super) rate: f64,
}

impl Sweep {
    /// The smallest budget that is nearly as good as the best.
    pub(super) fn best(&self) -> Option<Step> {
        let most = self.steps.iter().map(|step| step.rate).fold(0.0, f64::max);
        self.steps.iter().find(|step| step.rate >= most * NEARLY).copied()
    }
}

/// Measures batches of one sample, the one of middle length: 1, 2, 4, … of it, each text with a number of its own.
pub(super) fn sweep<P: Pipeline>(bench: &mut Bench<P>, model: &ModelFiles, samples: &[&Sample]) -> Sweep {
    let mut by_length: Vec<(u32, &Sample)> = samples
        .iter()
        .filter_map(|sample| {
            let prepared = bench.prepare(&[&sample.numbered(0)]).ok()?;
            Some((bucket::padded(P::length(prepared.first()?).max(1)), *sample))
        })
        .collect();
    by_length.sort_by_key(|(length, _)| *length);
    let mut sweep = Sweep::default();
    let Some((length, sample)) = by_length.get(by_length.len() / 2).copied() else { return sweep };
    let mut items = 1;
    while items <= model.manifest.batch.items.unwrap_or(ITEMS).min(ITEMS) {
        let Some((rate, longest)) = measure(bench, sample, items) else { break };
        sweep.steps.push(Step { cost: u64::from(length) * items as u64, items, rate });
        if longest > LONGEST {
            break;
        }
        items *= 2;
    }
    sweep
}

/// Items per second, and how long one batch took at most. `None`: the model does not take so many.
pub(super) fn measure<P: Pipeline>(
    bench: &mut Bench<P>,
    sample: &Sample,
    items: usize,
) -> Option<(f64, Duration)> {
    let samples: Vec<Sample> = (0..items).map(|number| sample.numbered(number)).collect();
    let prepared = bench.prepare(&samples.iter().collect::<Vec<_>>()).ok()?;
    bench.run(&prepared).ok()?;
    let (started, mut runs, mut longest) = (Instant::now(), 0_u32, Duration::ZERO);
    while runs == 0 || started.elapsed() < ENOUGH {
        let began = Instant::now();
        bench.run(&prepared).ok()?;
        longest = longest.max(began.elapsed());
        runs += 1;
    }
    Some((f64::from(runs) * items as f64 / started.elapsed().as_secs_f64(), longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(rates: &[f64]) -> Sweep {
        let step = |(place, rate): (usize, &f64)| Step { cost: 10 << place, items: 1 << place, rate: *rate };
        Sweep { steps: rates.iter().enumerate().map(step).collect() }
    }

    #[test]
    fn the_smallest_that_is_nearly_best_is_best() {
        assert_eq!(sweep(&[100.0, 180.0, 240.0, 245.0, 200.0]).best().unwrap().items, 4);
        assert_eq!(sweep(&[50.0]).best().unwrap().items, 1);
        assert_eq!(sweep(&[]).best(), None);
    }
}
