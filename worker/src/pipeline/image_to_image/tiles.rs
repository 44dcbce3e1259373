//! A picture in overlapping tiles, and one picture of what they became.

use std::ops::Range;

/// Planes of numbers: channel after channel, row after row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Planes {
    /// How many in a row.
    pub width: usize,
    /// How many rows.
    pub height: usize,
    /// Three channels.
    pub values: Vec<f32>,
}

/// Where tiles begin along one edge, counted from before the picture: it is reflected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cuts {
    /// The tile's edge.
    pub tile: usize,
    /// What two tiles share at least, and what is reflected around the picture.
    pub overlap: usize,
    /// Where the tiles begin.
    pub starts: Vec<usize>,
}

impl Cuts {
    /// Tiles for an edge of `length`.
    pub fn of(length: usize, tile: usize, overlap: usize) -> Self {
        let overlap = overlap.min(tile / 3);
        let around = length + 2 * overlap;
        let last = around.saturating_sub(tile);
        let step = tile - overlap;
        let mut starts: Vec<usize> = (0..last).step_by(step).collect();
        starts.push(last);
        Self { tile, overlap, starts }
    }

    /// How much each place of a tile counts, `scale` times as many as the tile has: nothing near its edge, where a model sees
    /// less than the whole, then more and more, evenly. What lies in two tiles counts once in sum.
    pub fn weights(&self, scale: usize) -> Vec<f32> {
        let (edge, overlap) = (self.tile * scale, (self.overlap * scale) as f32);
        let weight = |place: usize| {
            let inside = place.min(edge - 1 - place) as f32 + 0.5;
            if overlap == 0.0 { 1.0 } else { ((inside - overlap / 4.0) / (overlap / 2.0)).clamp(0.0, 1.0) }
        };
        (0..edge).map(weight).collect()
    }
}

impl Planes {
    /// The part of the picture that begins so far before its upper left corner, reflected at its edges.
    pub fn cut(&self, (left, top): (isize, isize), (width, height): (usize, usize)) -> Self {
        let columns: Vec<usize> =
            (0..width).map(|place| reflected(left + place.cast_signed(), self.width)).collect();
        let mut values = Vec::with_capacity(3 * width * height);
        for plane in self.values.chunks_exact(self.width * self.height) {
            for row in 0..height {
                let begin = reflected(top + row.cast_signed(), self.height) * self.width;
                let line = &plane[begin..begin + self.width];
                values.extend(columns.iter().map(|column| line[*column]));
            }
        }
        Self { width, height, values }
    }

    /// The upper left part.
    pub fn corner(&self, width: usize, height: usize) -> Self {
        self.cut((0, 0), (width, height))
    }
}

/// The place that is seen at `place` if an edge of `length` is a mirror, as often as it takes.
fn reflected(place: isize, length: usize) -> usize {
    if length < 2 {
        return 0;
    }
    let period = 2 * (length - 1);
    let place = place.rem_euclid(period.cast_signed()).unsigned_abs();
    place.min(period - place)
}

/// A picture that is put together of tiles.
#[derive(Debug)]
pub struct Blend {
    sum: Planes,
    /// What counts so far, along each edge.
    counted: (Vec<f32>, Vec<f32>),
}

impl Blend {
    /// Nothing yet, for a picture of this size whose tiles lie so, `scale` times as large.
    pub fn new((width, height): (usize, usize), (across, down): (&Cuts, &Cuts), scale: usize) -> Self {
        let counted = |length: usize, cuts: &Cuts| {
            let mut counted = vec![0.0; length * scale];
            let weights = cuts.weights(scale);
            for start in &cuts.starts {
                let (inside, own) = overlap(*start, cuts, scale, length);
                for (sum, weight) in counted[inside].iter_mut().zip(&weights[own]) {
                    *sum += weight;
                }
            }
            counted
        };
        let (width_of, height_of) = (width * scale, height * scale);
        let values = vec![0.0; 3 * width_of * height_of];
        Self {
            sum: Planes { width: width_of, height: height_of, values },
            counted: (counted(width, across), counted(height, down)),
        }
    }

    /// Adds what became of the tile that begins at these places.
    pub fn add(&mut self, tile: &Planes, (left, across): (usize, &Cuts), (top, down): (usize, &Cuts)) {
        let scale = tile.width / across.tile;
        let Planes { width, height, .. } = self.sum;
        let (columns, own_columns) = overlap(left, across, scale, width / scale);
        let (rows, own_rows) = overlap(top, down, scale, height / scale);
        let (wide, high) = (across.weights(scale), down.weights(scale));
        let planes = self.sum.values.chunks_exact_mut(width * height);
        for (sum, plane) in planes.zip(tile.values.chunks_exact(tile.width * tile.height)) {
            for (row, own) in rows.clone().zip(own_rows.clone()) {
                let line = &mut sum[row * width..][columns.clone()];
                let tile = &plane[own * tile.width..][own_columns.clone()];
                for ((sum, value), weight) in line.iter_mut().zip(tile).zip(&wide[own_columns.clone()]) {
                    *sum += value * weight * high[own];
                }
            }
        }
    }

    /// The whole.
    pub fn finish(mut self) -> Planes {
        let Planes { width, height, .. } = self.sum;
        let (wide, high) = &self.counted;
        for plane in self.sum.values.chunks_exact_mut(width * height) {
            for (line, high) in plane.chunks_exact_mut(width).zip(high) {
                for (value, wide) in line.iter_mut().zip(wide) {
                    *value /= wide * high;
                }
            }
        }
        self.sum
    }
}

/// Which places of the picture a tile covers, and which of its own these are.
fn overlap(start: usize, cuts: &Cuts, scale: usize, length: usize) -> (Range<usize>, Range<usize>) {
    let (from, to) = (start.max(cuts.overlap), (start + cuts.tile).min(cuts.overlap + length));
    let inside = (from - cuts.overlap) * scale..(to - cuts.overlap) * scale;
    (inside, (from - start) * scale..(to - start) * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize) -> Planes {
        let values = (0..3 * width * height).map(|place| ((place * 37) % 101) as f32).collect();
        Planes { width, height, values }
    }

    /// Cuts a picture up and puts it together again.
    fn there_and_back(picture: &Planes, tile: usize, overlap: usize) -> Planes {
        let (across, down) =
            (Cuts::of(picture.width, tile, overlap), Cuts::of(picture.height, tile, overlap));
        let mut blend = Blend::new((picture.width, picture.height), (&across, &down), 1);
        for top in &down.starts {
            for left in &across.starts {
                let from = |start: usize, cuts: &Cuts| start.cast_signed() - cuts.overlap.cast_signed();
                let mut cut = picture.cut((from(*left, &across), from(*top, &down)), (tile, tile));
                // What a model makes of the edge of a tile is not to be trusted.
                for (place, value) in cut.values.iter_mut().enumerate() {
                    let (x, y) = (place % tile, place / tile % tile);
                    if across.overlap >= 4 && [x, y].iter().any(|at| *at == 0 || *at == tile - 1) {
                        *value = 1e6;
                    }
                }
                blend.add(&cut, (*left, &across), (*top, &down));
            }
        }
        blend.finish()
    }

    #[test]
    fn tiles_make_the_picture_again_and_hide_their_edges() {
        for (width, height, tile, overlap) in
            [(50, 31, 16, 4), (16, 16, 16, 4), (5, 3, 16, 4), (1, 1, 16, 5), (40, 1, 8, 0), (33, 64, 24, 8)]
        {
            let picture = picture(width, height);
            let again = there_and_back(&picture, tile, overlap);
            assert_eq!((again.width, again.height), (width, height));
            let furthest = again.values.iter().zip(&picture.values).map(|(a, b)| (a - b).abs());
            assert!(furthest.fold(0.0, f32::max) < 1e-3, "{width} × {height} in {tile}, {overlap}");
        }
    }

    #[test]
    fn an_edge_is_a_mirror() {
        let seen: Vec<usize> = (-4..7).map(|place| reflected(place, 3)).collect();
        assert_eq!(seen, [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]);
        assert_eq!(reflected(-5, 1), 0);
    }
}
