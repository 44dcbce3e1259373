//! Pictures as answers: what all kinds that draw end with.

use forebay_shared::job::{Failure, Output};

use super::{Answer, Medium};
use crate::picture::{Drawing, Encoding};

/// A picture that is the whole answer.
pub(super) fn drawn(drawing: &Drawing, encoding: Encoding) -> Result<Answer, Failure> {
    let medium = medium(drawing, encoding)?;
    let (width, height) = drawing.size();
    let (content_type, bytes) = (medium.content_type.clone(), medium.bytes.len() as u64);
    Ok(Answer { output: Output::Picture { width, height, content_type, bytes }, media: vec![medium] })
}

/// A picture that goes with an answer.
pub(super) fn medium(drawing: &Drawing, encoding: Encoding) -> Result<Medium, Failure> {
    Ok(Medium { content_type: encoding.content_type().to_owned(), bytes: encoding.write(drawing)?.into() })
}
