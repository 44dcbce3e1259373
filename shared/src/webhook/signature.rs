//! The three headers by which a receiver knows that a message is ours.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::keys::{SignError, SigningKey, secret_bytes};
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::id::DeliveryId;

/// What one message is signed with.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The present secret, then those that still count: each makes a signature, and the receiver needs to know one.
    pub secrets: Vec<Secret>,
    /// The key whose public half is shown at `/v1/webhooks/keys`.
    pub signing: SigningKey,
}

/// The headers' values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// `webhook-id`: the same on every try.
    pub id: String,
    /// `webhook-timestamp`: seconds, of this try.
    pub timestamp: String,
    /// `webhook-signature`: `v1,…` for each secret, then `v1a,…`.
    pub signature: String,
}

/// Signs `body` as it is sent at `now`.
pub fn sign(id: DeliveryId, now: Timestamp, body: &[u8], keys: &Keys) -> Result<Signature, SignError> {
    let (id, timestamp) = (id.to_string(), now.seconds().to_string());
    let content = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let mut signatures = Vec::with_capacity(keys.secrets.len() + 1);
    for secret in &keys.secrets {
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret_bytes(secret)?).map_err(|_| SignError)?;
        mac.update(&content);
        signatures.push(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
    }
    signatures.push(format!("v1a,{}", STANDARD.encode(keys.signing.sign(&content))));
    Ok(Signature { id, timestamp, signature: signatures.join(" ") })
}
