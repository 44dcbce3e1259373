//! Webhooks: what is told, how it is signed, and when it is told again.
//!
//! The wire is Standard Webhooks 1.0. Everything but [`Postman`] is plain data and pure policy.

mod body;
mod keys;
#[cfg(feature = "seams")]
mod postman;
mod schedule;
mod signature;

pub use body::{Happening, TEST, body, test_body};
pub use keys::{SignError, SigningKey, new_secret};
#[cfg(feature = "seams")]
pub use postman::{Postman, Reply, check_webhook_url};
pub use schedule::{Heard, Next, Schedule};
pub use signature::{Keys, Signature, sign};

use crate::id::BulkId;

/// A bulk's id as OpenAI's clients know it.
fn batch(id: BulkId) -> String {
    format!("batch_{}", id.0.simple())
}

#[cfg(test)]
mod tests;
