//! One picture in many kinds of file, against what Pillow reads.

use forebay_worker::picture::decode;
use image::RgbImage;
use serde_json::Value;

use super::{expected, picture};

/// Rows and columns of the grid of means.
fn means(decoded: &RgbImage, grid: &[Value]) -> Vec<f64> {
    let (rows, columns) =
        (u32::try_from(grid.len()).unwrap(), u32::try_from(grid[0].as_array().unwrap().len()).unwrap());
    let (high, wide) = (decoded.height() / rows, decoded.width() / columns);
    let mean = |row: u32, column: u32, channel: usize| {
        let places = (0..high).flat_map(|y| (0..wide).map(move |x| (column * wide + x, row * high + y)));
        let sum: f64 = places.map(|(x, y)| f64::from(decoded.get_pixel(x, y).0[channel])).sum();
        sum / f64::from(high * wide)
    };
    let mut all = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            all.extend([0, 1, 2].map(|channel| mean(row, column, channel)));
        }
    }
    all
}

#[test]
fn every_kind_of_file_reads_as_pillow_reads_it() {
    for case in &expected("formats") {
        let decoded = decode(&picture(case.name()), 1_000_000)
            .unwrap_or_else(|failure| panic!("{}: {failure}", case.name()));
        let size = (case.get("width").as_u64(), case.get("height").as_u64());
        assert_eq!((Some(decoded.width().into()), Some(decoded.height().into())), size, "{}", case.name());
        let grid = case.get("picture")["grid"].as_array().unwrap();
        let wanted: Vec<Vec<[f64; 3]>> = serde_json::from_value(Value::from(grid.clone())).unwrap();
        let tolerance = if case.get("exact") == true { 0.001 } else { 3.0 };
        for (got, wanted) in means(&decoded, grid).iter().zip(wanted.iter().flatten().flatten()) {
            assert!((got - wanted).abs() <= tolerance, "{}: {got} is not {wanted}", case.name());
        }
    }
}
