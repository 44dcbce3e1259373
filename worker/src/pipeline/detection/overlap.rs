//! Of boxes that overlap, the best is kept.

use super::Found;

/// Which boxes are the same thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::pipeline) struct Suppression {
    /// The share that two boxes have in common of what they cover together, beyond which they are one thing.
    pub(in crate::pipeline) overlap: f32,
    /// Whether boxes of different classes can be one thing.
    pub(in crate::pipeline) across_classes: bool,
}

/// Candidates that are compared with each other; a threshold of zero would compare every box with every other.
const CANDIDATES: usize = 4096;

impl Suppression {
    /// The best things, at most `most`; of equal scores the first comes first.
    pub(in crate::pipeline) fn keep(self, mut found: Vec<Found>, most: usize) -> Vec<Found> {
        best_first(&mut found);
        found.truncate(CANDIDATES);
        let mut kept: Vec<Found> = Vec::new();
        for thing in found {
            if kept.len() == most {
                break;
            }
            if !kept.iter().any(|other| self.same(other, &thing)) {
                kept.push(thing);
            }
        }
        kept
    }

    fn same(self, one: &Found, other: &Found) -> bool {
        (self.across_classes || one.class == other.class)
            && overlap(&one.corners, &other.corners) > self.overlap
    }
}

/// Sorts by score; equals stay in their order.
pub(super) fn best_first(found: &mut [Found]) {
    found.sort_by(|one, other| other.score.total_cmp(&one.score));
}

/// The share that two boxes have in common of what they cover together.
fn overlap(one: &[f32; 4], other: &[f32; 4]) -> f32 {
    let area = |[left, top, right, bottom]: [f32; 4]| (right - left).max(0.0) * (bottom - top).max(0.0);
    let common =
        area([one[0].max(other[0]), one[1].max(other[1]), one[2].min(other[2]), one[3].min(other[3])]);
    let together = area(*one) + area(*other) - common;
    if together > 0.0 { common / together } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn thing(class: usize, score: f32, corners: [f32; 4]) -> Found {
        Found { class, score, corners, points: Vec::new() }
    }

    fn scores(found: &[Found]) -> Vec<f32> {
        found.iter().map(|thing| thing.score).collect()
    }

    const HALF: Suppression = Suppression { overlap: 0.5, across_classes: false };

    #[test]
    fn of_boxes_that_overlap_the_best_stays() {
        let found = vec![
            thing(0, 0.5, [0.0, 0.0, 10.0, 10.0]),
            thing(0, 0.9, [1.0, 0.0, 11.0, 10.0]),
            thing(0, 0.8, [20.0, 0.0, 30.0, 10.0]),
        ];
        assert_eq!(scores(&HALF.keep(found, 10)), [0.9, 0.8]);
    }

    #[test]
    fn things_of_different_classes_may_share_a_place_unless_told_otherwise() {
        let found = || vec![thing(0, 0.9, [0.0, 0.0, 9.0, 9.0]), thing(1, 0.8, [0.0, 0.0, 9.0, 9.0])];
        assert_eq!(HALF.keep(found(), 10).len(), 2);
        assert_eq!(Suppression { across_classes: true, ..HALF }.keep(found(), 10).len(), 1);
    }

    #[test]
    fn no_more_are_kept_than_are_asked_for() {
        let found = (0..5_u8).map(|place| {
            let left = f32::from(place) * 20.0;
            thing(0, 1.0 / (1.0 + left), [left, 0.0, left + 10.0, 10.0])
        });
        assert_eq!(scores(&HALF.keep(found.collect(), 2)), [1.0, 1.0 / 21.0]);
    }

    #[test]
    fn a_half_shared_box_overlaps_by_a_third() {
        assert!((overlap(&[0.0, 0.0, 2.0, 1.0], &[1.0, 0.0, 3.0, 1.0]) - 1.0 / 3.0).abs() < 1e-6);
        assert!(overlap(&[0.0, 0.0, 0.0, 0.0], &[0.0, 0.0, 0.0, 0.0]).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn what_is_kept_does_not_overlap_and_the_best_is_among_it(
            boxes in proptest::collection::vec((0_usize..2, 0.0_f32..1.0, 0.0_f32..50.0, 0.0_f32..50.0), 1..40)
        ) {
            let found: Vec<Found> = boxes
                .into_iter()
                .map(|(class, score, x, y)| thing(class, score, [x, y, x + 20.0, y + 20.0]))
                .collect();
            let best = found.iter().map(|thing| thing.score).fold(0.0, f32::max);
            let kept = HALF.keep(found, 1000);
            prop_assert!((kept[0].score - best).abs() < f32::EPSILON);
            for (place, one) in kept.iter().enumerate() {
                prop_assert!(kept[place + 1..].iter().all(|other| !HALF.same(one, other)));
            }
        }
    }
}
