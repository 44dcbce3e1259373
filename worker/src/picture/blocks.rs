//! Columns of a picture that are worked on together.
//!
//! A picture may be as wide as it has pixels. What is known of each column is then larger than the picture itself, so no
//! more columns than these are looked at in one turn.

use std::ops::Range;

/// Columns of one turn: ordinary pictures have fewer.
const COLUMNS: u32 = 65_536;

/// The columns of a picture, from left to right.
pub fn blocks(width: u32) -> impl Iterator<Item = Range<u32>> {
    (0..width.div_ceil(COLUMNS)).map(move |block| {
        let start = block * COLUMNS;
        start..start.saturating_add(COLUMNS).min(width)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_column_once() {
        for width in [0, 1, COLUMNS, COLUMNS + 1, 200_000] {
            assert!(blocks(width).flatten().eq(0..width), "{width}");
        }
        assert_eq!(blocks(u32::MAX).last(), Some(u32::MAX - (COLUMNS - 1)..u32::MAX));
    }
}
