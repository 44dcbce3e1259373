//! Which head a detector has, and what holds for each.

use forebay_shared::job::{Failure, FailureCode};

use super::{Found, centerface, detr, end_to_end, overlap, yolo, yolox};
use crate::model::{DetectionHead, Letterbox};
use crate::picture::{Habits, Tensor};
use crate::pipeline::detection::Suppression;

/// Anchors that YOLOv5 has for each square of its grids.
const ANCHORS: usize = 3;

/// How a detector's outputs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) struct Head(DetectionHead);

impl Head {
    /// What is known of pictures for such a head where the model's files say nothing.
    pub(in crate::pipeline) fn habits(head: Option<DetectionHead>) -> Habits {
        use DetectionHead as H;
        let (rescale, letterbox, bgr) = match head {
            Some(H::Yolox) => (1.0, Some(Letterbox::TopLeft), true),
            Some(H::Yolov5 | H::Yolov8 | H::EndToEnd) => (1.0 / 255.0, Some(Letterbox::Center), false),
            Some(H::Centerface) => (1.0, None, false),
            Some(H::Detr) | None => (1.0 / 255.0, None, false),
        };
        Habits { edge: 640, rescale, normalize: None, letterbox, bgr }
    }

    /// The head that the manifest names, or the only one whose outputs have these names and shapes:
    ///
    /// 1. `logits` and `pred_boxes`: `detr`.
    /// 2. Four maps of one size with 1, 2, 2 and 10 planes: `centerface`.
    /// 3. One output `[4 + labels, n]`: `yolov8`.
    /// 4. One output `[n, 5 + labels]` with a row for each square of three grids of 8, 16 and 32 pixels: `yolox`; with three
    ///    rows for each: `yolov5`.
    /// 5. One output `[n, 6]` that is none of those: `end_to_end`.
    pub(in crate::pipeline) fn of(
        named: Option<DetectionHead>,
        outputs: &[Tensor],
        canvas: (u32, u32),
        labels: usize,
    ) -> Result<Self, Failure> {
        let head = named.or_else(|| recognised(outputs, canvas, labels));
        head.map(Self).ok_or_else(|| {
            let shapes: Vec<String> =
                outputs.iter().map(|output| format!("{} {:?}", output.name, output.shape)).collect();
            let message = format!(
                "the outputs {} could be those of several heads or of none; write `head = \"…\"` under [detection] \
                 into forebay.toml",
                shapes.join(", ")
            );
            Failure::permanent(FailureCode::InferenceFailed, message)
        })
    }

    /// The things above the threshold, best first, each told once, at most `most`.
    pub(in crate::pipeline) fn read(
        self,
        outputs: &[Tensor],
        (canvas, labels): ((u32, u32), usize),
        (threshold, suppression): (f32, Suppression),
        most: usize,
    ) -> Result<Vec<Found>, Failure> {
        use DetectionHead as H;
        let mut found = match self.0 {
            H::Detr => detr::read(outputs, edges(canvas), labels, threshold)?,
            H::Yolox => yolox::read(outputs, canvas, threshold)?,
            H::Yolov5 => yolo::rows(outputs, threshold)?,
            H::Yolov8 => yolo::columns(outputs, threshold)?,
            H::EndToEnd => end_to_end::read(outputs, threshold)?,
            H::Centerface => centerface::read(outputs, edges(canvas), threshold)?,
        };
        if self.repeats() {
            return Ok(suppression.keep(found, most));
        }
        overlap::best_first(&mut found);
        found.truncate(most);
        Ok(found)
    }

    /// Whether one thing can be found several times.
    fn repeats(self) -> bool {
        !matches!(self.0, DetectionHead::Detr | DetectionHead::EndToEnd)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a canvas has far fewer than 2²⁴ pixels along an edge")]
fn edges((width, height): (u32, u32)) -> (f32, f32) {
    (width as f32, height as f32)
}

fn recognised(outputs: &[Tensor], canvas: (u32, u32), labels: usize) -> Option<DetectionHead> {
    if detr::NAMES.iter().all(|name| outputs.iter().any(|output| output.name == *name)) {
        return Some(DetectionHead::Detr);
    }
    if centerface::fits(outputs) {
        return Some(DetectionHead::Centerface);
    }
    let [output] = outputs else { return None };
    let &[rows, columns] = &output.shape[..] else { return None };
    let squares = yolox::squares(canvas);
    match (rows, columns) {
        _ if labels > 0 && rows == 4 + labels && columns != 6 => Some(DetectionHead::Yolov8),
        _ if labels > 0 && columns == 5 + labels && rows == squares => Some(DetectionHead::Yolox),
        _ if labels > 0 && columns == 5 + labels && rows == ANCHORS * squares => Some(DetectionHead::Yolov5),
        (_, 6) if rows != squares && rows != ANCHORS * squares => Some(DetectionHead::EndToEnd),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: (u32, u32) = (640, 640);

    fn output(name: &str, shape: &[usize]) -> Tensor {
        Tensor { name: name.to_owned(), shape: shape.to_vec(), values: Vec::new() }
    }

    fn told(outputs: &[Tensor], labels: usize) -> Option<DetectionHead> {
        Head::of(None, outputs, CANVAS, labels).ok().map(|head| head.0)
    }

    #[test]
    fn a_head_is_told_from_its_outputs() {
        let one = |shape: &[usize], labels| told(&[output("output0", shape)], labels);
        assert_eq!(one(&[84, 8400], 80), Some(DetectionHead::Yolov8));
        assert_eq!(one(&[8400, 85], 80), Some(DetectionHead::Yolox));
        assert_eq!(one(&[25_200, 85], 80), Some(DetectionHead::Yolov5));
        assert_eq!(one(&[25_200, 6], 1), Some(DetectionHead::Yolov5));
        assert_eq!(one(&[300, 6], 80), Some(DetectionHead::EndToEnd));
        assert_eq!(one(&[300, 6], 1), Some(DetectionHead::EndToEnd));
        let detr = [output("logits", &[100, 92]), output("pred_boxes", &[100, 4])];
        assert_eq!(told(&detr, 91), Some(DetectionHead::Detr));
        let maps = [1, 2, 2, 10].map(|planes| output("map", &[planes, 160, 160]));
        assert_eq!(told(&maps, 1), Some(DetectionHead::Centerface));
    }

    #[test]
    fn what_could_be_several_heads_is_asked_for() {
        for shape in [&[8400, 6][..], &[25_200, 6], &[100, 7], &[8400]] {
            assert_eq!(told(&[output("output0", shape)], 80), None, "{shape:?}");
        }
        let failure = Head::of(None, &[output("a", &[9, 9])], CANVAS, 80).unwrap_err();
        assert!(failure.message.contains("the outputs a [9, 9] could be"), "{failure}");
    }

    #[test]
    fn the_manifest_stands_over_what_is_told_from_the_outputs() {
        let head = Head::of(Some(DetectionHead::EndToEnd), &[output("o", &[84, 8400])], CANVAS, 80);
        assert_eq!(head.unwrap(), Head(DetectionHead::EndToEnd));
    }

    #[test]
    fn heads_that_find_a_thing_once_are_not_thinned_out() {
        let values = [[0.0, 0.0, 9.0, 9.0, 0.8, 0.0], [0.0, 0.0, 9.0, 9.0, 0.9, 0.0]].concat();
        let outputs = [Tensor { name: "o".to_owned(), shape: vec![2, 6], values }];
        let suppression = Suppression { overlap: 0.5, across_classes: false };
        let found =
            Head(DetectionHead::EndToEnd).read(&outputs, (CANVAS, 80), (0.5, suppression), 10).unwrap();
        assert_eq!(found.iter().map(|thing| thing.score).collect::<Vec<_>>(), [0.9, 0.8]);
    }
}
