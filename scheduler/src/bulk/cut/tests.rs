//! Every line is in one slice, and no slice is too large.

use proptest::prelude::*;

use super::*;

fn weight(number: u64, cost: u64) -> Weight {
    let (offset, length) = (number * 10, 9);
    Weight { number, offset, length, items: 1, cost: Cost::new(cost), answer: 100 }
}

fn run(first: u64, lines: u64) -> Run {
    Run { offset: first * 10, length: lines * 10 - 1, first, lines }
}

#[test]
fn a_slice_is_closed_before_it_costs_too_much() {
    let mut cutter = Cutter::default();
    for number in 1..=5 {
        cutter.add(0, weight(number, 40), Cost::new(100));
    }
    let pieces = cutter.finish();
    let runs: Vec<_> = pieces.iter().map(|piece| piece.runs.clone()).collect();
    assert_eq!(runs, [vec![run(1, 2)], vec![run(3, 2)], vec![run(5, 1)]]);
    assert_eq!(pieces[0].cost, Cost::new(80));
}

#[test]
fn a_line_that_costs_more_than_a_slice_goes_alone() {
    let mut cutter = Cutter::default();
    for (number, cost) in [(1, 1), (2, 1000), (3, 1)] {
        cutter.add(0, weight(number, cost), Cost::new(100));
    }
    assert_eq!(cutter.finish().iter().map(|piece| piece.lines).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn a_slice_is_closed_before_its_answers_are_too_long() {
    let mut cutter = Cutter::default();
    for number in 1..=5 {
        cutter.add(0, Weight { answer: MOST_ANSWERS / 2, ..weight(number, 1) }, Cost::new(u64::MAX));
    }
    assert_eq!(cutter.finish().iter().map(|piece| piece.lines).collect::<Vec<_>>(), [2, 2, 1]);
}

#[test]
fn models_that_alternate_get_slices_of_their_own() {
    let mut cutter = Cutter::default();
    for number in 1..=6 {
        cutter.add(usize::from(number % 2 == 0), weight(number, 1), Cost::new(100));
    }
    let pieces = cutter.finish();
    assert_eq!(pieces[0].runs, [run(1, 1), run(3, 1), run(5, 1)]);
    assert_eq!(pieces[1].runs, [run(2, 1), run(4, 1), run(6, 1)]);
}

proptest! {
    #[test]
    fn every_line_is_in_one_slice_and_no_slice_is_too_large(
        lines in prop::collection::vec((prop::option::weighted(0.9, 0_usize..3), 1_u64..120), 0..200),
        most in 50_u64..400,
    ) {
        let mut cutter = Cutter::default();
        for (number, (model, cost)) in (1..).zip(&lines) {
            match model {
                Some(model) => cutter.add(*model, weight(number, *cost), Cost::new(most)),
                None => cutter.skip(number),
            }
        }
        let pieces = cutter.finish();
        let mut found = Vec::new();
        for piece in &pieces {
            prop_assert!(piece.cost.units() <= most || piece.lines == 1);
            prop_assert_eq!(piece.runs.iter().map(|run| run.lines).sum::<u64>(), piece.lines);
            for one in &piece.runs {
                prop_assert_eq!(*one, run(one.first, one.lines));
                found.extend((one.first..one.first + one.lines).map(|number| (number, piece.model)));
            }
        }
        found.sort_unstable();
        let expected: Vec<_> =
            (1..).zip(&lines).filter_map(|(number, (model, _))| Some((number, (*model)?))).collect();
        prop_assert_eq!(found, expected);
    }
}
