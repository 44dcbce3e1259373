//! A hub that models are brought in from, as Hugging Face's is one.
//!
//! What a hub answers is not believed: paths, sizes and digests are checked, and bytes count when their digest is right: the
//! SHA-256 of large files, Git's own of small ones. A file of which it tells neither is refused. The token goes to the hub's
//! own address and to no other, whatever redirects say.

mod choice;
#[cfg(feature = "seams")]
mod client;
#[cfg(feature = "seams")]
mod download;
#[cfg(feature = "seams")]
mod error;
#[cfg(feature = "seams")]
mod patience;
mod reference;
#[cfg(feature = "seams")]
mod refusal;
mod stated;

pub use choice::{Choice, ChoiceError, Expected, Listed, Wanted, choose};
#[cfg(feature = "seams")]
pub use client::{Hub, Snapshot};
#[cfg(feature = "seams")]
pub use download::{Download, Watch};
#[cfg(feature = "seams")]
pub use error::HubError;
pub use reference::{Reference, ReferenceError};
pub use stated::Stated;
