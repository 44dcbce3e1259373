//! Names that have been seen: exact enough over millions, in bounded memory.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

/// Names by the first 128 bits of their SHA-256. Two different names are taken for one with a chance of 2⁻⁸⁹ among a
/// million, and a name costs about 35 bytes: a million cost 36 MB, 52 MB for a moment while the table grows.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<u128>);

impl Names {
    /// Adds a name. `false`: it was there.
    pub(super) fn add(&mut self, name: &str) -> bool {
        let digest = Sha256::digest(name.as_bytes());
        let (first, _) = digest.split_at(16);
        self.0.insert(u128::from_le_bytes(first.try_into().expect("sixteen bytes were split off")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_new_once() {
        let mut names = Names::default();
        assert!((0..10_000).all(|number| names.add(&format!("request-{number}"))));
        assert!((0..10_000).all(|number| !names.add(&format!("request-{number}"))));
    }
}
