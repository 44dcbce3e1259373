//! API keys: how they are made and what of them is kept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::config::Secret;
use crate::entropy::Entropy;

/// What every key begins with, so that people and secret scanners know one when they see it.
const PREFIX: &str = "fb_";

/// Makes a key of 256 random bits.
pub fn generate(entropy: &dyn Entropy) -> Secret {
    let mut bits = [0; 32];
    entropy.fill(&mut bits);
    Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bits)))
}

/// What is stored of a key. It has 256 random bits, so a plain hash cannot be guessed back.
pub fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{OsEntropy, SeededEntropy};

    #[test]
    fn keys_differ_and_hash_alike() {
        let (one, other) = (generate(&OsEntropy), generate(&OsEntropy));
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), 46);
        assert_eq!(hash(one.expose()), hash(one.expose()));
        assert_ne!(hash(one.expose()), hash(other.expose()));
    }

    #[test]
    fn a_key_does_not_show() {
        let key = generate(&SeededEntropy::new(1));
        assert_eq!(format!("{key:?}"), "(hidden)");
    }
}
