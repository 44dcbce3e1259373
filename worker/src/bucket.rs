//! Padded lengths: few of them, so that a device and its memory arena do not see a new shape with every batch.

/// Eight steps between one power of two and the next, in binary digits: padding to a step costs at most an eighth, and a
/// model of 512 tokens sees 56 lengths at most.
const STEPS: u32 = 3;

/// The padded length for items of this length at most: the next multiple of a step that grows with the length.
pub fn padded(length: u32) -> u32 {
    // The power of two that the length does not exceed.
    let power = u32::BITS - length.saturating_sub(1).leading_zeros();
    let step = 1 << power.saturating_sub(STEPS + 1);
    length.checked_next_multiple_of(step).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn short_lengths_are_kept_and_long_ones_fall_into_steps() {
        assert_eq!([1, 2, 7, 16].map(padded), [1, 2, 7, 16]);
        assert_eq!(
            [17, 31, 33, 64, 65, 100, 129, 257, 300].map(padded),
            [18, 32, 36, 64, 72, 104, 144, 288, 320]
        );
        assert_eq!(padded(0), 0);
        assert_eq!(padded(u32::MAX), u32::MAX);
    }

    #[test]
    fn there_are_few_and_none_costs_more_than_an_eighth() {
        let lengths: BTreeSet<u32> = (1..=512).map(padded).collect();
        assert_eq!(lengths.len(), 56);
        for length in 1..100_000 {
            let padded = padded(length);
            assert!(padded >= length && padded - length <= length / 8, "{length} → {padded}");
            assert_eq!(super::padded(padded), padded, "a padded length stays");
        }
    }
}
