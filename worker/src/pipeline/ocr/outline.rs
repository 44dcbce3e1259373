//! Where lines are on a picture: outlines, from a map of pixels that belong to lines.

use super::rectangle::{Point, Rectangle};
use super::regions::regions;
use crate::picture::Field;

/// How likely a pixel must be of a line, as PaddleOCR has it.
const PIXEL: f32 = 0.3;
/// How much larger a line is than what is found of it, as PaddleOCR has it: its area times this by its circumference further
/// out on every side, since the model marks the middle of a line.
const GROWTH: f64 = 1.5;
/// Pixels of the map: what is narrower is no line.
const NARROWEST: f64 = 3.0;
/// How many times all lines together may cover a picture, at most: those of print do not lie on each other.
const COVER: f64 = 2.0;
/// Pixels of the picture: lines whose tops are nearer to each other stand side by side.
const SAME_HEIGHT: f64 = 10.0;

/// A line's place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outline {
    /// Corners in pixels of the picture, clockwise from the upper left one.
    pub corners: [Point; 4],
    /// How sure the model is that there is a line.
    pub score: f32,
}

/// The lines of which the model is sure enough, in reading order: no more than `most`, and none beyond those that cover the
/// picture twice; the surest stay.
pub fn outlines(map: &Field, picture: (u32, u32), threshold: f32, most: usize) -> Vec<Outline> {
    let found = regions(map, PIXEL);
    let mut found: Vec<Outline> = found
        .iter()
        .filter_map(|region| Rectangle::around(&region.hull()))
        .filter_map(|rectangle| outline(&rectangle, map, picture, threshold))
        .collect();
    found.sort_by(|one, other| other.score.total_cmp(&one.score));
    let mut room = COVER * f64::from(picture.0) * f64::from(picture.1);
    found.truncate(most);
    found.retain(|outline| {
        let [width, height] = outline.size();
        room -= f64::from(width) * f64::from(height);
        room >= 0.0
    });
    in_order(found)
}

/// The line of which this was found, if it is one.
fn outline(found: &Rectangle, map: &Field, (width, height): (u32, u32), threshold: f32) -> Option<Outline> {
    if found.shorter() < NARROWEST {
        return None;
    }
    let score = found.mean(map);
    let grown = found.grown(found.area() * GROWTH / (2.0 * (found.sides[0] + found.sides[1])));
    if score < threshold || grown.shorter() < NARROWEST + 2.0 {
        return None;
    }
    let place = |place: f64, of: usize, edge: u32| {
        (place / of as f64 * f64::from(edge)).round_ties_even().clamp(0.0, f64::from(edge) - 1.0)
    };
    let corners = grown.corners().map(|[x, y]| [place(x, map.width, width), place(y, map.height, height)]);
    let outline = Outline { corners: clockwise(corners), score };
    let [across, down] = [(0, 1), (0, 3)].map(|(from, to)| outline.side(from, to));
    (across.floor() > NARROWEST && down.floor() > NARROWEST).then_some(outline)
}

impl Outline {
    /// Width and height of the picture that it is cut out as: the longer ones of its sides.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no longer than a picture's diagonal"
    )]
    pub fn size(&self) -> [u32; 2] {
        let longer = |one: f64, other: f64| one.max(other) as u32;
        [longer(self.side(0, 1), self.side(2, 3)), longer(self.side(1, 2), self.side(3, 0))]
    }

    fn side(&self, from: usize, to: usize) -> f64 {
        let (from, to) = (self.corners[from], self.corners[to]);
        (to[0] - from[0]).hypot(to[1] - from[1])
    }
}

/// From the upper left: the two leftmost corners from above, and the two others from below.
fn clockwise(mut corners: [Point; 4]) -> [Point; 4] {
    corners.sort_by(|one, other| one[0].total_cmp(&other[0]));
    for pair in corners.chunks_exact_mut(2) {
        pair.sort_by(|one, other| one[1].total_cmp(&other[1]));
    }
    let [upper_left, lower_left, upper_right, lower_right] = corners;
    [upper_left, upper_right, lower_right, lower_left]
}

/// From above; what stands at nearly the same height, from the left.
fn in_order(mut found: Vec<Outline>) -> Vec<Outline> {
    let corner = |outline: &Outline| outline.corners[0];
    found.sort_by(|one, other| {
        let ([left, top], [other_left, other_top]) = (corner(one), corner(other));
        top.total_cmp(&other_top).then(left.total_cmp(&other_left))
    });
    for last in 1..found.len() {
        for place in (1..=last).rev() {
            let ([above_left, above_top], [left, top]) = (corner(&found[place - 1]), corner(&found[place]));
            if (top - above_top).abs() >= SAME_HEIGHT || left >= above_left {
                break;
            }
            found.swap(place - 1, place);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map with rectangles that are surely lines, each of left, top, width, height and how sure.
    fn map(lines: &[(usize, usize, usize, usize, f32)]) -> Field {
        let (width, height) = (64, 48);
        let mut values = vec![0.0; width * height];
        for (left, top, across, down, score) in lines {
            for y in *top..top + down {
                values[y * width + left..][..*across].fill(*score);
            }
        }
        Field { width, height, values }
    }

    fn lines_of(map: &Field) -> Vec<Outline> {
        outlines(map, (128, 96), 0.6, 1000)
    }

    #[test]
    fn a_line_is_larger_than_what_is_found_of_it_and_in_pixels_of_the_picture() {
        let found = lines_of(&map(&[(10, 10, 31, 9, 0.9)]));
        // Its sides are 30 and 8, its growth 240 × 1.5 / 76 = 4.737.
        let corners = [[11.0, 11.0], [89.0, 11.0], [89.0, 45.0], [11.0, 45.0]];
        assert_eq!(found, [Outline { corners, score: 0.9 }]);
        assert_eq!(found[0].size(), [78, 34]);
    }

    #[test]
    fn what_is_small_faint_or_narrow_is_no_line() {
        assert_eq!(lines_of(&map(&[(10, 10, 20, 3, 0.9), (10, 20, 20, 8, 0.5), (40, 20, 2, 20, 0.9)])), []);
        let faint = map(&[(10, 20, 20, 8, 0.5)]);
        assert_eq!(outlines(&faint, (128, 96), 0.4, 1000).len(), 1);
    }

    #[test]
    fn a_line_does_not_reach_over_the_picture() {
        let found = lines_of(&map(&[(0, 0, 64, 10, 0.9)]));
        let corners = [[0.0, 0.0], [127.0, 0.0], [127.0, 30.0], [0.0, 30.0]];
        assert_eq!(found, [Outline { corners, score: 0.9 }]);
    }

    #[test]
    fn lines_are_read_from_above_and_side_by_side_from_the_left() {
        let found = lines_of(&map(&[(40, 8, 20, 5, 0.9), (4, 10, 20, 5, 0.8), (4, 30, 20, 5, 0.7)]));
        let scores: Vec<f32> = found.iter().map(|line| line.score).collect();
        assert_eq!(scores, [0.8, 0.9, 0.7]);
    }

    #[test]
    fn the_surest_lines_stay_where_there_are_too_many() {
        let map = map(&[(4, 4, 20, 5, 0.7), (4, 20, 20, 5, 0.9), (4, 36, 20, 5, 0.8)]);
        let found = outlines(&map, (128, 96), 0.6, 2);
        assert_eq!(found.iter().map(|line| line.score).collect::<Vec<_>>(), [0.9, 0.8]);
    }

    #[test]
    fn corners_go_clockwise_however_a_line_is_turned() {
        let corners = [[10.0, 30.0], [30.0, 40.0], [32.0, 36.0], [12.0, 26.0]];
        assert_eq!(clockwise(corners), [[12.0, 26.0], [32.0, 36.0], [30.0, 40.0], [10.0, 30.0]].map(|c| c));
    }
}
