//! Regions of a map: pixels that touch, if only by a corner, and lie in no hole of another region.

use crate::picture::Field;

/// What a cell of the map is known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// Of no line, and not looked at.
    Empty,
    /// Of no line, with a way to the map's edge that crosses none.
    Outside,
    /// Of a line, and not looked at.
    Line,
    /// Of a region.
    Taken,
}

/// A region: of each of its rows the leftmost and the rightmost pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    top: usize,
    rows: Vec<(usize, usize)>,
}

/// The map while regions are looked for.
struct Search {
    width: usize,
    height: usize,
    cells: Vec<Cell>,
}

/// The regions of pixels that are larger than `threshold`, in the order of their first pixels.
pub fn regions(map: &Field, threshold: f32) -> Vec<Region> {
    let cell = |value: &f32| if *value > threshold { Cell::Line } else { Cell::Empty };
    let cells = map.values.iter().map(cell).collect();
    let mut search = Search { width: map.width, height: map.height, cells };
    search.mark_outside();
    let starts = 0..search.cells.len();
    starts
        .filter_map(|start| if search.cells[start] == Cell::Line { search.region(start) } else { None })
        .collect()
}

impl Region {
    /// The corners of the least convex shape around its pixels' middles, in turn.
    pub fn hull(&self) -> Vec<[f64; 2]> {
        let ends = |(row, (left, right)): (usize, &(usize, usize))| {
            [[*left, row + self.top], [*right, row + self.top]]
        };
        let ends: Vec<[f64; 2]> = self
            .rows
            .iter()
            .enumerate()
            .flat_map(ends)
            .map(|point| point.map(|place| place as f64))
            .collect();
        // From above along one side, and back along the other: each drops what lies within.
        let mut hull: Vec<[f64; 2]> = Vec::new();
        for one_way in [ends.clone(), ends.into_iter().rev().collect()] {
            let floor = hull.len();
            for point in one_way {
                while hull.len() > floor + 1 && !turns(hull[hull.len() - 2], hull[hull.len() - 1], point) {
                    hull.pop();
                }
                hull.push(point);
            }
            // It is the first of the other way.
            hull.pop();
        }
        hull
    }
}

/// Whether the way from `a` over `b` to `c` turns to the side on which the shape lies. Places are whole, so that this is exact.
fn turns(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> bool {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) > 0.0
}

impl Search {
    fn mark_outside(&mut self) {
        let mut waiting: Vec<usize> = (0..self.cells.len()).filter(|place| self.is_at_edge(*place)).collect();
        while let Some(place) = waiting.pop() {
            if self.cells[place] == Cell::Empty {
                self.cells[place] = Cell::Outside;
                self.beside(place, |is_straight, other| {
                    if is_straight {
                        waiting.push(other);
                    }
                });
            }
        }
    }

    /// Takes the region of a pixel; none if it lies in another's hole.
    fn region(&mut self, start: usize) -> Option<Region> {
        let mut region = Region { top: start / self.width, rows: Vec::new() };
        let mut is_outer = false;
        let (mut waiting, mut touched) = (vec![start], Vec::new());
        self.cells[start] = Cell::Taken;
        while let Some(place) = waiting.pop() {
            let (x, row) = (place % self.width, place / self.width - region.top);
            // Rows are reached one after the other, since the first pixel is of the uppermost.
            match region.rows.get_mut(row) {
                Some((left, right)) => (*left, *right) = (x.min(*left), x.max(*right)),
                None => region.rows.push((x, x)),
            }
            is_outer |= self.is_at_edge(place);
            self.beside(place, |is_straight, other| match self.cells[other] {
                Cell::Outside => is_outer |= is_straight,
                Cell::Line => touched.push(other),
                Cell::Empty | Cell::Taken => {}
            });
            for other in touched.drain(..) {
                self.cells[other] = Cell::Taken;
                waiting.push(other);
            }
        }
        is_outer.then_some(region)
    }

    fn is_at_edge(&self, place: usize) -> bool {
        let (x, y) = (place % self.width, place / self.width);
        x == 0 || y == 0 || x + 1 == self.width || y + 1 == self.height
    }

    /// Tells the neighbours of a place, and which share a side with it.
    fn beside(&self, place: usize, mut tell: impl FnMut(bool, usize)) {
        let (x, y) = (place % self.width, place / self.width);
        for row in y.saturating_sub(1)..(y + 2).min(self.height) {
            for column in x.saturating_sub(1)..(x + 2).min(self.width) {
                let is_straight = row == y || column == x;
                if (row, column) != (y, x) {
                    tell(is_straight, row * self.width + column);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(rows: &[&str]) -> Field {
        let values =
            rows.iter().flat_map(|row| row.chars().map(|cell| if cell == '#' { 0.9 } else { 0.1 })).collect();
        Field { width: rows[0].len(), height: rows.len(), values }
    }

    #[test]
    fn pixels_that_touch_by_a_corner_are_one_region() {
        let found = regions(&map(&["#..#", ".#..", "...#"]), 0.3);
        let expected = [
            Region { top: 0, rows: vec![(0, 0), (1, 1)] },
            Region { top: 0, rows: vec![(3, 3)] },
            Region { top: 2, rows: vec![(3, 3)] },
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_lies_in_a_hole_is_no_region_of_its_own() {
        let ring = [".......", ".#####.", ".#...#.", ".#.#.#.", ".#...#.", ".#####.", "......."];
        assert_eq!(regions(&map(&ring), 0.3).len(), 1);
        let open = [".......", ".#####.", ".#...#.", ".#.#.#.", ".#...#.", ".##.##.", "......."];
        assert_eq!(regions(&map(&open), 0.3).len(), 2);
        let at_the_edge = ["###", "#.#", "###"];
        assert_eq!(regions(&map(&at_the_edge), 0.3)[0].rows, [(0, 2); 3]);
        assert_eq!(regions(&map(&["..", ".."]), 0.3), []);
    }

    #[test]
    fn a_hull_has_the_outermost_points_only() {
        let found = regions(&map(&[".#...", "####.", ".####", "..#.."]), 0.3);
        let hull = found[0].hull();
        assert_eq!(hull, [[1.0, 0.0], [3.0, 1.0], [4.0, 2.0], [2.0, 3.0], [0.0, 1.0]]);
        let line = regions(&map(&["#..", ".#.", "..#"]), 0.3);
        assert_eq!(line[0].hull(), [[0.0, 0.0], [2.0, 2.0]]);
        assert!(regions(&map(&["#"]), 0.3)[0].hull().len() < 3);
    }
}
