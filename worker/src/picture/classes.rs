//! Which class has the largest number at each pixel of a picture.

/// What lies between two places of the smaller map, along one edge: both, and the share of the second.
struct Between {
    low: usize,
    high: usize,
    share: f32,
}

/// Resizes numbers of [classes, height, width] bilinearly to a picture's size, as PyTorch does with corners that are not
/// aligned, and takes the class of the largest at each pixel, the first of equal ones. Row by row, so that the numbers of
/// all classes at the picture's size are never held at once. There are at most 256 classes.
pub fn argmax(shape: &[usize], values: &[f32], (width, height): (u32, u32)) -> Vec<u8> {
    let [_, old_height, old_width] = *shape else { return Vec::new() };
    let (across, down) = (between(old_width, width), between(old_height, height));
    let mut classes = Vec::with_capacity(across.len() * down.len());
    let (mut line, mut largest) = (vec![0.0_f32; old_width], vec![0.0_f32; across.len()]);
    for row in &down {
        let begin = classes.len();
        classes.resize(begin + across.len(), 0);
        largest.fill(f32::NEG_INFINITY);
        for (class, plane) in (0..=u8::MAX).zip(values.chunks_exact(old_width * old_height)) {
            let (upper, lower) = (&plane[row.low * old_width..], &plane[row.high * old_width..]);
            for (value, (upper, lower)) in line.iter_mut().zip(upper.iter().zip(lower)) {
                *value = upper * (1.0 - row.share) + lower * row.share;
            }
            let best = largest.iter_mut().zip(&mut classes[begin..]);
            for ((largest, best), place) in best.zip(&across) {
                let value = line[place.low] * (1.0 - place.share) + line[place.high] * place.share;
                if value > *largest {
                    (*largest, *best) = (value, class);
                }
            }
        }
    }
    classes
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places lie within the map")]
fn between(old: usize, new: u32) -> Vec<Between> {
    let scale = old as f64 / f64::from(new);
    let place = |place: u32| {
        let at = ((f64::from(place) + 0.5) * scale - 0.5).clamp(0.0, (old - 1) as f64);
        let low = at as usize;
        Between { low, high: (low + 1).min(old - 1), share: (at - low as f64) as f32 }
    };
    (0..new).map(place).collect()
}
