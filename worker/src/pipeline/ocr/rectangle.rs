//! The least rectangle around a shape, however it is turned.

use crate::picture::Field;

/// A place or a direction: to the right, and downwards.
pub type Point = [f64; 2];

/// A turned rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rectangle {
    /// Its middle.
    pub centre: Point,
    /// How long its sides are.
    pub sides: [f64; 2],
    /// Where its first side leads, of length one.
    along: Point,
}

impl Rectangle {
    /// The one of the least area around the corners of a convex shape; none around less than a triangle. One of its sides lies
    /// on one of the shape's, so that no others are tried.
    pub fn around(hull: &[Point]) -> Option<Self> {
        if hull.len() < 3 {
            return None;
        }
        let of_side = |(from, to): (&Point, &Point)| {
            let along = [to[0] - from[0], to[1] - from[1]];
            let length = along[0].hypot(along[1]);
            Self::along(along.map(|part| part / length), hull)
        };
        let sides = hull.iter().zip(hull.iter().cycle().skip(1));
        sides.map(of_side).min_by(|one, other| one.area().total_cmp(&other.area()))
    }

    fn along(along: Point, hull: &[Point]) -> Self {
        let (mut least, mut most) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for point in hull {
            let place =
                [point[0] * along[0] + point[1] * along[1], point[1] * along[0] - point[0] * along[1]];
            for axis in 0..2 {
                least[axis] = place[axis].min(least[axis]);
                most[axis] = place[axis].max(most[axis]);
            }
        }
        let middle = [0, 1].map(|axis| f64::midpoint(least[axis], most[axis]));
        let centre =
            [middle[0] * along[0] - middle[1] * along[1], middle[0] * along[1] + middle[1] * along[0]];
        Self { centre, sides: [0, 1].map(|axis| most[axis] - least[axis]), along }
    }

    /// Its area.
    pub fn area(&self) -> f64 {
        self.sides[0] * self.sides[1]
    }

    /// The shorter of its sides.
    pub fn shorter(&self) -> f64 {
        self.sides[0].min(self.sides[1])
    }

    /// The same with every side so much further out.
    #[must_use]
    pub fn grown(&self, by: f64) -> Self {
        Self { sides: self.sides.map(|side| side + 2.0 * by), ..*self }
    }

    /// Its corners, in turn.
    pub fn corners(&self) -> [Point; 4] {
        let [first, second] = self.sides.map(|side| side / 2.0);
        [(-first, -second), (first, -second), (first, second), (-first, second)].map(|(along, across)| {
            [
                self.centre[0] + along * self.along[0] - across * self.along[1],
                self.centre[1] + along * self.along[1] + across * self.along[0],
            ]
        })
    }

    /// The mean of a map over it, its edge included; 0 if it lies beside the map.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        reason = "places on a map, and what lies beside it is left out first"
    )]
    pub fn mean(&self, map: &Field) -> f32 {
        // Whole places, as a polygon is drawn: of each row the first and the last pixel.
        let corners = self.corners().map(|corner| corner.map(f64::trunc));
        let top = corners.iter().map(|corner| corner[1] as i64).min().unwrap_or_default();
        let bottom = corners.iter().map(|corner| corner[1] as i64).max().unwrap_or_default();
        let mut rows = vec![(i64::MAX, i64::MIN); (bottom - top + 1) as usize];
        for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
            let (right, down) = (to[0] - from[0], to[1] - from[1]);
            let steps = right.abs().max(down.abs()).max(1.0);
            for step in 0..=steps as u32 {
                let part = f64::from(step) / steps;
                let (x, y) =
                    ((from[0] + right * part).round() as i64, (from[1] + down * part).round() as i64);
                let row = &mut rows[(y - top) as usize];
                *row = (x.min(row.0), x.max(row.1));
            }
        }
        let (mut sum, mut count) = (0.0, 0_u32);
        for (y, (left, right)) in (top..).zip(rows) {
            if !(0..map.height as i64).contains(&y) {
                continue;
            }
            for x in left.max(0)..=right.min(map.width as i64 - 1) {
                sum += f64::from(map.values[y as usize * map.width + x as usize]);
                count += 1;
            }
        }
        if count == 0 { 0.0 } else { (sum / f64::from(count)) as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(rectangle: &Rectangle) -> Vec<[i64; 2]> {
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        let mut corners =
            rectangle.corners().map(|corner| corner.map(|place| (place * 1000.0).round() as i64)).to_vec();
        corners.sort_unstable();
        corners
    }

    #[test]
    fn a_turned_square_has_a_turned_rectangle() {
        let hull = [[2.0, 0.0], [4.0, 2.0], [2.0, 4.0], [0.0, 2.0]];
        let rectangle = Rectangle::around(&hull).unwrap();
        assert_eq!(sorted(&rectangle), [[0, 2000], [2000, 0], [2000, 4000], [4000, 2000]]);
        assert!((rectangle.area() - 8.0).abs() < 1e-9 && (rectangle.shorter() - 8.0_f64.sqrt()).abs() < 1e-9);
        let grown = rectangle.grown(2.0_f64.sqrt() / 2.0);
        assert_eq!(sorted(&grown), [[-1000, 2000], [2000, -1000], [2000, 5000], [5000, 2000]]);
    }

    #[test]
    fn the_least_rectangle_is_taken() {
        // By OpenCV 5.0.0: the middle, and the sides in order.
        let hull = [[1.0, 0.0], [21.0, 3.0], [22.0, 6.0], [20.0, 9.0], [0.0, 6.0]];
        let rectangle = Rectangle::around(&hull).unwrap();
        let mut sides = rectangle.sides;
        sides.sort_by(f64::total_cmp);
        let expected = [([11.209_05, 4.606_36], rectangle.centre), ([6.081_96, 21.756_6], sides)];
        assert!(
            expected
                .iter()
                .flat_map(|(wanted, got)| wanted.iter().zip(got))
                .all(|(wanted, got)| (wanted - got).abs() < 1e-4)
        );
        assert_eq!(Rectangle::around(&hull[..2]), None);
    }

    #[test]
    fn the_mean_counts_the_edge_and_nothing_beside_the_map() {
        let map = Field { width: 4, height: 3, values: (0_u8..12).map(f32::from).collect() };
        let square = Rectangle::around(&[[1.0, 0.0], [2.0, 0.0], [2.0, 1.0], [1.0, 1.0]]).unwrap();
        // 1, 2, 5, 6
        assert!((square.mean(&map) - 3.5).abs() < 1e-6);
        assert!((square.grown(10.0).mean(&map) - 5.5).abs() < 1e-6);
        let beside = Rectangle::around(&[[10.0, 10.0], [12.0, 10.0], [12.0, 12.0]]).unwrap();
        assert!(beside.mean(&map).abs() < f32::EPSILON);
    }
}
