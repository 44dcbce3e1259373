//! Which class has the largest number at each pixel of a picture.

use super::blocks::blocks;

/// What lies between two places of the smaller map, along one edge: both, and the share of the second.
struct Between {
    low: usize,
    high: usize,
    share: f32,
}

impl Between {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places lie within the map")]
    fn of(old: usize, new: u32, place: u32) -> Self {
        let scale = old as f64 / f64::from(new);
        let at = ((f64::from(place) + 0.5) * scale - 0.5).clamp(0.0, (old - 1) as f64);
        let low = at as usize;
        Self { low, high: (low + 1).min(old - 1), share: (at - low as f64) as f32 }
    }
}

/// Resizes numbers of [classes, height, width] bilinearly to a picture's size, as PyTorch does with corners that are not
/// aligned, and takes the class of the largest at each pixel, the first of equal ones. Row by row, so that the numbers of
/// all classes at the picture's size are never held at once. There are at most 256 classes.
pub fn argmax(shape: &[usize], values: &[f32], (width, height): (u32, u32)) -> Vec<u8> {
    let [_, old_height, old_width] = *shape else { return Vec::new() };
    let mut classes = vec![0; width as usize * height as usize];
    let (mut line, mut largest) = (vec![0.0_f32; old_width], Vec::new());
    for columns in blocks(width) {
        let across: Vec<Between> =
            columns.clone().map(|column| Between::of(old_width, width, column)).collect();
        for place in 0..height {
            let row = Between::of(old_height, height, place);
            let best = &mut classes[place as usize * width as usize + columns.start as usize..];
            largest.clear();
            largest.resize(across.len(), f32::NEG_INFINITY);
            for (class, plane) in (0..=u8::MAX).zip(values.chunks_exact(old_width * old_height)) {
                let (upper, lower) = (&plane[row.low * old_width..], &plane[row.high * old_width..]);
                for (value, (upper, lower)) in line.iter_mut().zip(upper.iter().zip(lower)) {
                    *value = upper * (1.0 - row.share) + lower * row.share;
                }
                for ((largest, best), place) in largest.iter_mut().zip(&mut *best).zip(&across) {
                    let value = line[place.low] * (1.0 - place.share) + line[place.high] * place.share;
                    if value > *largest {
                        (*largest, *best) = (value, class);
                    }
                }
            }
        }
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_wider_than_a_block_gets_every_class() {
        // The left half is of the first class, the right half of the second; below it is the other way round.
        let values = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0];
        let classes = argmax(&[2, 2, 2], &values, (200_000, 2));
        let row = |left, right| [vec![left; 100_000], vec![right; 100_000]].concat();
        assert_eq!(classes, [row(0, 1), row(1, 0)].concat());
    }
}
