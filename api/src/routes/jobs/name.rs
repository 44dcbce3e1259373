//! What a client calls a job: by our id, or by its own.

use std::fmt;
use std::str::FromStr;

use forebay_shared::id::JobId;
use serde::Deserialize;

use super::job_not_found;
use crate::problem::{Code, Problem};
use crate::state::State;

/// The longest id that a client may choose.
pub(super) const LONGEST_ID: usize = 128;

/// A job, as its client calls it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Name {
    /// By our id.
    Ours(JobId),
    /// By the client's own.
    Own(String),
}

/// A word that no job can be called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAName;

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a job's id, which is a UUID, or your own of 1 to {LONGEST_ID} characters of A-Z, a-z, 0-9, `.`, `_`, `:` \
             and `-`"
        )
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        match text.parse() {
            Ok(id) => Ok(Self::Ours(id)),
            Err(_) if is_name(text) => Ok(Self::Own(text.to_owned())),
            Err(_) => Err(NotAName),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|why| format!("it must be {why}"))
    }
}

/// An id that a client chose for a job there may not be yet.
pub fn own_id(id: String, field: &'static str) -> Result<String, Problem> {
    if id.parse::<JobId>().is_ok() {
        let detail = "an id of your own must not be a UUID, as ours are";
        return Err(Problem::new(Code::InvalidId, detail).at(field));
    }
    if !is_name(&id) {
        let detail = format_args!(
            "an id of your own has 1 to {LONGEST_ID} characters of A-Z, a-z, 0-9, `.`, `_`, `:` and `-`"
        );
        return Err(Problem::new(Code::InvalidId, detail).at(field).limit(LONGEST_ID as u64));
    }
    Ok(id)
}

/// Whether a client may call a job so.
fn is_name(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(plain)
}

/// The id of the owner's job that is called so. Of ours it is not asked here whether there is such a job.
pub async fn find(app: &State, owner: &str, name: Name) -> Result<JobId, Problem> {
    resolve(app, owner, vec![name], "").await?.pop().ok_or_else(job_not_found)
}

/// The ids of the owner's jobs that are called so, in one question. A name of the client's own that no job has is refused
/// at `field`: a filter that named nothing would let everything through.
pub async fn resolve(
    app: &State,
    owner: &str,
    names: Vec<Name>,
    field: &'static str,
) -> Result<Vec<JobId>, Problem> {
    let (mut ids, mut own) = (Vec::with_capacity(names.len()), Vec::new());
    for name in names {
        match name {
            Name::Ours(id) => ids.push(id),
            Name::Own(name) => own.push(name),
        }
    }
    if own.is_empty() {
        return Ok(ids);
    }
    own.sort();
    own.dedup();
    let found = app.parts.store.named(owner, &own).await?;
    if found.len() < own.len() {
        let problem = job_not_found();
        return Err(if field.is_empty() { problem } else { problem.at(field) });
    }
    ids.extend(found.into_iter().map(|(_, id)| id));
    Ok(ids)
}
