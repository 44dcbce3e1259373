//! Where a picture lies on the canvas that a model sees, and the way back.

use crate::model::Letterbox;

/// A picture on a model's canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// The picture's width and height, the right way up.
    pub picture: (u32, u32),
    /// What it is resized to.
    pub resized: (u32, u32),
    /// Pixels of the canvas to one of the picture, across and down.
    pub scale: (f64, f64),
    /// Where its upper left corner lies on the canvas; below zero where the picture is cut.
    pub offset: (i64, i64),
    /// The canvas: what the model takes.
    pub canvas: (u32, u32),
}

impl Frame {
    /// The picture as it is.
    pub fn whole(picture: (u32, u32)) -> Self {
        Self::resized(picture, picture)
    }

    /// The picture resized, and all of it on a canvas of that size.
    pub fn resized(picture: (u32, u32), resized: (u32, u32)) -> Self {
        let scale = |old: u32, new: u32| f64::from(new) / f64::from(old.max(1));
        let scale = (scale(picture.0, resized.0), scale(picture.1, resized.1));
        Self { picture, resized, scale, offset: (0, 0), canvas: resized }
    }

    /// The picture in its shape, as large as a canvas allows. In the middle its edges are rounded and the larger half of an
    /// odd rest lies behind, as YOLOv5 and its kin have it; in the corner they are cut to whole pixels, as YOLOX has it. The
    /// way back is by the scale that was meant.
    pub fn letterbox(picture: (u32, u32), canvas: (u32, u32), place: Letterbox) -> Self {
        let whole: fn(f64) -> f64 = match place {
            Letterbox::Center => f64::round_ties_even,
            Letterbox::TopLeft => f64::floor,
        };
        let (resized, scale) = within(picture, canvas, whole);
        let rest = |has: u32, wanted: u32| i64::from(wanted.saturating_sub(has) / 2);
        let offset = match place {
            Letterbox::Center => (rest(resized.0, canvas.0), rest(resized.1, canvas.1)),
            Letterbox::TopLeft => (0, 0),
        };
        Self { picture, resized, scale: (scale, scale), offset, canvas }
    }

    /// The middle of the picture, and a border where it is too small. Of an odd rest the larger half is cut behind, or is
    /// the border before, as the Hugging Face processors have it.
    #[must_use]
    pub fn cut_to(self, canvas: (u32, u32)) -> Self {
        let offset = |has: u32, wanted: u32| -(i64::from(has) - i64::from(wanted)).div_euclid(2);
        let offset = (offset(self.resized.0, canvas.0), offset(self.resized.1, canvas.1));
        Self { offset, canvas, ..self }
    }

    /// The place on the picture that lies at this place of the canvas, or the nearest that is on the picture.
    pub fn back(&self, x: f32, y: f32) -> (f32, f32) {
        (
            back(x, self.offset.0, self.scale.0, self.picture.0),
            back(y, self.offset.1, self.scale.1, self.picture.1),
        )
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a picture's edge is far below 2²⁴ pixels"
)]
fn back(place: f32, offset: i64, scale: f64, edge: u32) -> f32 {
    ((f64::from(place) - offset as f64) / scale).clamp(0.0, f64::from(edge)) as f32
}

/// The largest size of the same shape that fits, and its scale.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an edge is not negative and no larger than the one it must fit into"
)]
pub(super) fn within(
    (width, height): (u32, u32),
    (most_wide, most_high): (u32, u32),
    whole: fn(f64) -> f64,
) -> ((u32, u32), f64) {
    let scale = f64::min(
        f64::from(most_wide) / f64::from(width.max(1)),
        f64::from(most_high) / f64::from(height.max(1)),
    );
    let edge = |edge: u32| (whole(f64::from(edge) * scale) as u32).max(1);
    ((edge(width), edge(height)), scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_again_behind_a_border() {
        let frame = Frame::letterbox((100, 50), (640, 640), Letterbox::Center);
        assert_eq!((frame.resized, frame.offset), ((640, 320), (0, 160)));
        assert_eq!(frame.back(320.0, 320.0), (50.0, 25.0));
        assert_eq!(frame.back(0.0, 0.0), (0.0, 0.0));
        assert_eq!(frame.back(640.0, 640.0), (100.0, 50.0));
    }

    #[test]
    fn a_place_is_found_again_after_a_cut() {
        let frame = Frame::whole((400, 200)).cut_to((100, 101));
        assert_eq!(frame.offset, (-150, -49));
        assert_eq!(frame.back(0.0, 0.0), (150.0, 49.0));
    }

    #[test]
    fn an_odd_rest_lies_where_each_family_has_it() {
        assert_eq!(Frame::whole((3, 3)).cut_to((4, 2)).offset, (1, 0));
        assert_eq!(Frame::letterbox((4, 3), (4, 6), Letterbox::Center).offset, (0, 1));
    }

    #[test]
    fn the_corner_has_no_border_before_it() {
        let frame = Frame::letterbox((100, 50), (416, 416), Letterbox::TopLeft);
        assert_eq!(frame.back(208.0, 104.0), (50.0, 25.0));
    }

    #[test]
    fn edges_are_rounded_in_the_middle_and_cut_in_the_corner() {
        let resized = |place| Frame::letterbox((100, 57), (64, 64), place).resized;
        assert_eq!((resized(Letterbox::Center), resized(Letterbox::TopLeft)), ((64, 36), (64, 36)));
        let resized = |place| Frame::letterbox((100, 59), (64, 64), place).resized;
        assert_eq!((resized(Letterbox::Center), resized(Letterbox::TopLeft)), ((64, 38), (64, 37)));
    }
}
