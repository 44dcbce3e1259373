//! What messages are signed with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SecretKey;

use crate::config::Secret;
use crate::entropy::Entropy;

const SECRET: &str = "whsec_";
const PRIVATE: &str = "whsk_";
const PUBLIC: &str = "whpk_";
/// Random bytes of a secret; the specification asks for 24 to 64.
const SECRET_BYTES: usize = 32;

/// A stored key cannot be read: nothing can be signed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored signing key cannot be read")]
pub struct SignError;

/// Makes a secret that sender and receiver share: `whsec_…`.
pub fn new_secret(entropy: &dyn Entropy) -> Secret {
    let mut bits = [0; SECRET_BYTES];
    entropy.fill(&mut bits);
    Secret::new(format!("{SECRET}{}", STANDARD.encode(bits)))
}

/// The bytes of a `whsec_…`.
pub(super) fn secret_bytes(secret: &Secret) -> Result<Vec<u8>, SignError> {
    let encoded = secret.expose().strip_prefix(SECRET).ok_or(SignError)?;
    STANDARD.decode(encoded).map_err(|_| SignError)
}

/// A key that only the sender has; receivers have its public half.
#[derive(Clone, Debug)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Makes a key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut seed = SecretKey::default();
        entropy.fill(&mut seed);
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// Reads what [`Self::secret`] wrote.
    pub fn read(secret: &Secret) -> Result<Self, SignError> {
        let encoded = secret.expose().strip_prefix(PRIVATE).ok_or(SignError)?;
        let pair = STANDARD.decode(encoded).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(SignError)?;
        ed25519_dalek::SigningKey::from_keypair_bytes(&pair).map(Self).map_err(|_| SignError)
    }

    /// The whole key, `whsk_…`: for the database alone.
    pub fn secret(&self) -> Secret {
        Secret::new(format!("{PRIVATE}{}", STANDARD.encode(self.0.to_keypair_bytes())))
    }

    /// The public half, `whpk_…`.
    pub fn public(&self) -> String {
        format!("{PUBLIC}{}", STANDARD.encode(self.0.verifying_key().to_bytes()))
    }

    pub(super) fn sign(&self, content: &[u8]) -> [u8; 64] {
        use ed25519_dalek::Signer;
        self.0.sign(content).to_bytes()
    }
}
