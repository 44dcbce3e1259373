//! Where a picture lies on the canvas that a model sees, and the way back.

/// A picture on a model's canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The picture's width and height, the right way up.
    pub picture: (u32, u32),
    /// What it is resized to.
    pub resized: (u32, u32),
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
        Self { picture, resized, offset: (0, 0), canvas: resized }
    }

    /// The middle of the picture, and a border where it is too small. Of an odd rest the larger half is cut behind, or is
    /// the border before, as the Hugging Face processors have it.
    #[must_use]
    pub fn cut_to(self, canvas: (u32, u32)) -> Self {
        let offset = |has: u32, wanted: u32| -(i64::from(has) - i64::from(wanted)).div_euclid(2);
        let offset = (offset(self.resized.0, canvas.0), offset(self.resized.1, canvas.1));
        Self { offset, canvas, ..self }
    }

    /// The same picture in the middle of a canvas that is as large. Of an odd rest the larger half is the border behind, as
    /// the YOLO family has it.
    #[must_use]
    pub fn in_the_middle_of(self, canvas: (u32, u32)) -> Self {
        let offset = |has: u32, wanted: u32| (i64::from(wanted) - i64::from(has)).div_euclid(2);
        let offset = (offset(self.resized.0, canvas.0), offset(self.resized.1, canvas.1));
        Self { offset, canvas, ..self }
    }

    /// The same picture in the upper left corner of a canvas.
    #[must_use]
    pub fn in_the_corner_of(self, canvas: (u32, u32)) -> Self {
        Self { offset: (0, 0), canvas, ..self }
    }

    /// The place on the picture that lies at this place of the canvas, or the nearest that is on the picture.
    pub fn back(&self, x: f32, y: f32) -> (f32, f32) {
        (
            back(x, self.offset.0, self.resized.0, self.picture.0),
            back(y, self.offset.1, self.resized.1, self.picture.1),
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "a picture's edge is far below 2²⁴ pixels")]
fn back(place: f32, offset: i64, resized: u32, edge: u32) -> f32 {
    let edge = edge as f32;
    ((place - offset as f32) * (edge / resized.max(1) as f32)).clamp(0.0, edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_again_behind_a_border() {
        let frame = Frame::resized((100, 50), (640, 320)).in_the_middle_of((640, 640));
        assert_eq!(frame.offset, (0, 160));
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
        let frame = Frame::whole((3, 3));
        assert_eq!((frame.cut_to((4, 2)).offset, frame.in_the_middle_of((4, 6)).offset), ((1, 0), (0, 1)));
    }

    #[test]
    fn the_corner_has_no_border_before_it() {
        let frame = Frame::resized((100, 50), (416, 208)).in_the_corner_of((416, 416));
        assert_eq!(frame.back(208.0, 104.0), (50.0, 25.0));
    }
}
