//! DETR and what came of it: `logits` and `pred_boxes`, a thing for each query.

use forebay_shared::job::Failure;

use super::overlap::best_first;
use super::{Found, likeliest, misshapen};
use crate::picture::Tensor;

/// The outputs' names.
pub(super) const NAMES: [&str; 2] = ["logits", "pred_boxes"];

/// Things above the threshold. Where the logits have one column more than there are labels, the last means "nothing" and
/// the scores are shares (DETR, YOLOS); else each class stands by itself (RT-DETR,
/// Deformable DETR) and a query can be several things.
pub(super) fn read(
    outputs: &[Tensor],
    (width, height): (f32, f32),
    labels: usize,
    threshold: f32,
) -> Result<Vec<Found>, Failure> {
    let output = |name| outputs.iter().find(|output| output.name == name);
    let (Some(logits), Some(boxes)) = (output(NAMES[0]), output(NAMES[1])) else {
        return Err(misshapen("detr", outputs));
    };
    let (&[queries, columns], &[places, 4]) = (&logits.shape[..], &boxes.shape[..]) else {
        return Err(misshapen("detr", outputs));
    };
    if queries != places || columns == 0 {
        return Err(misshapen("detr", outputs));
    }
    let mut found = Vec::new();
    for (logits, place) in logits.values.chunks_exact(columns).zip(boxes.values.chunks_exact(4)) {
        let place = [place[0] * width, place[1] * height, place[2] * width, place[3] * height];
        if columns == labels + 1 {
            let (class, score) = share(logits);
            if score > threshold {
                found.push(Found::around(place, class, score));
            }
            continue;
        }
        for (class, logit) in logits.iter().enumerate() {
            let score = 1.0 / (1.0 + (-logit).exp());
            if score > threshold {
                found.push(Found::around(place, class, score));
            }
        }
    }
    best_first(&mut found);
    found.truncate(queries);
    Ok(found)
}

/// The likeliest thing and its share of all, "nothing" among them.
fn share(logits: &[f32]) -> (usize, f32) {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    let things = logits[..logits.len() - 1].iter().copied();
    likeliest(things).map_or((0, 0.0), |(class, logit)| (class, (logit - highest).exp() / sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(columns: usize, logits: &[f32]) -> Vec<Tensor> {
        let queries = logits.len() / columns;
        let boxes = [0.5, 0.5, 0.5, 0.25].repeat(queries);
        vec![
            Tensor { name: "logits".to_owned(), shape: vec![queries, columns], values: logits.to_vec() },
            Tensor { name: "pred_boxes".to_owned(), shape: vec![queries, 4], values: boxes },
        ]
    }

    #[test]
    fn a_column_more_than_labels_means_nothing() {
        let outputs = outputs(3, &[5.0, 0.0, 0.0, 0.0, 0.0, 5.0]);
        let found = read(&outputs, (100.0, 80.0), 2, 0.5).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].class, found[0].corners), (0, [25.0, 30.0, 75.0, 50.0]));
        assert!((found[0].score - 0.986_7).abs() < 1e-4, "{}", found[0].score);
    }

    #[test]
    fn without_it_each_class_stands_by_itself() {
        let found = read(&outputs(2, &[2.0, 3.0, -5.0, -5.0]), (100.0, 80.0), 2, 0.5).unwrap();
        assert_eq!(found.iter().map(|thing| thing.class).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn other_outputs_are_named() {
        let failure = read(&outputs(2, &[2.0, 3.0])[..1], (1.0, 1.0), 2, 0.5).unwrap_err();
        assert_eq!(failure.message, "the outputs logits [1, 2] are not those of a detr head");
    }
}
