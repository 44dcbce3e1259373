//! Large arrays, told in few numbers: `models/reference/digest.py`.

use serde_json::Value;

/// Cells along each side.
const GRID: usize = 16;

/// Compares an array of rows, or of rows of pixels, with its digest.
pub fn assert_digest(digest: &Value, (shape, values): (&[usize], &[f32]), tolerance: f64, what: &str) {
    let wanted: Vec<usize> = serde_json::from_value(digest["shape"].clone()).unwrap();
    assert_eq!(wanted, shape, "{what}");
    let channels = shape.get(2).copied().unwrap_or(1);
    let (rows, columns) = (edges(shape[0]), edges(shape[1]));
    for (row, cells) in rows.iter().zip(digest["grid"].as_array().unwrap()) {
        for (column, cell) in columns.iter().zip(cells.as_array().unwrap()) {
            for channel in 0..channels {
                let wanted = if channels == 1 && !cell.is_array() { cell } else { &cell[channel] };
                let mut sum = 0.0;
                for y in row.clone() {
                    for x in column.clone() {
                        sum += f64::from(values[(y * shape[1] + x) * channels + channel]);
                    }
                }
                let mean = sum / (row.len() * column.len()) as f64;
                let difference = (mean - wanted.as_f64().unwrap()).abs();
                assert!(difference <= tolerance, "{what}: {difference} at {row:?}, {column:?}, {channel}");
            }
        }
    }
}

fn edges(length: usize) -> Vec<std::ops::Range<usize>> {
    let count = length.min(GRID);
    (0..count).map(|cell| cell * length / count..(cell + 1) * length / count).collect()
}
