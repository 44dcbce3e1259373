//! What a delivery says.

use forebay_shared::blobs::{BlobError, BlobResult};
use forebay_shared::job::Job;
use forebay_shared::store::{Outgoing, StoreResult};
use forebay_shared::webhook::body;
use serde_json::value::RawValue;

use super::Sender;

impl Sender {
    /// What the delivery says. `None`: it cannot be said at the moment.
    pub(super) async fn message(&self, outgoing: &Outgoing) -> StoreResult<Option<String>> {
        if let Some(body) = &outgoing.body {
            return Ok(Some(body.clone()));
        }
        let (store, what, root) = (&self.parts.store, &outgoing.event, &self.config.public_url);
        let job = match what.job {
            Some(id) => store.job(&outgoing.owner, id).await?,
            None => None,
        };
        let result = match job.as_ref().filter(|job| job.version == what.version) {
            Some(job) => match self.result(job).await {
                Ok(result) => result,
                Err(error) => {
                    tracing::warn!(%error, "a result cannot be told at the moment");
                    return Ok(None);
                }
            },
            None => None,
        };
        let text = body(outgoing.id, what, job.as_ref(), result.as_deref(), root);
        if let Some(kept) = store.keep_body(outgoing.id, &text, job.map(|job| job.id)).await? {
            return Ok(Some(kept));
        }
        // The job has just been deleted, and what it held with it.
        let thin = body(outgoing.id, what, None, None, root);
        store.keep_body(outgoing.id, &thin, None).await
    }

    /// The job's result, if it is small enough to stand in a message.
    async fn result(&self, job: &Job) -> BlobResult<Option<Box<RawValue>>> {
        let limit = self.config.inline_result.bytes();
        let Some(at) = job.result.as_ref().filter(|at| at.length <= limit) else { return Ok(None) };
        match self.parts.blobs.range(&at.segment, at.offset..at.offset + at.length).await {
            // What a deleted job leaves in its segment is blank, and blanks are no document.
            Ok(bytes) => {
                let text = String::from_utf8(bytes.into()).ok();
                Ok(text.and_then(|text| RawValue::from_string(text).ok()))
            }
            Err(BlobError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
