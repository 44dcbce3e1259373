//! Bounds on bodies: of one, and of all that are read at the same time.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use forebay_shared::config::Size;
use futures::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::timeout::TimeoutError;

use crate::problem::{Code, Problem};

/// Room is counted in kibibytes, so that a semaphore's 32 bits reach for four terabytes.
const UNIT: u64 = 1024;
/// How long a request waits for room: shorter than clients' patience, longer than a large body takes to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a multipart body needs, however large it is: two parts of 5 MiB that are being sent to the object store, the head
/// of 1 MiB that is looked at, and up to 1024 small pictures of 16 KiB each.
pub const UPLOAD: u64 = 28 * 1024 * 1024;
/// What a JSON body needs, as a multiple of its size: the text, the strings read from it, the pictures decoded from those.
pub const JSON_COPIES: u64 = 3;
/// Up to this much is worked on where it was read, about a millisecond's work; more on a thread of its own.
const QUICK: usize = 256 * 1024;

/// Room for bodies.
#[derive(Debug)]
pub struct Memory {
    room: Arc<Semaphore>,
    size: u32,
}

impl Memory {
    /// So much for all bodies together.
    pub fn new(size: Size) -> Self {
        let size = u32::try_from(size.bytes() / UNIT).unwrap_or(u32::MAX).max(1);
        Self { room: Arc::new(Semaphore::new(size as usize)), size }
    }

    /// Waits for room for `bytes`, which is held until the permit is dropped.
    pub async fn reserve(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Problem> {
        let wanted = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.size);
        match tokio::time::timeout(PATIENCE, self.room.clone().acquire_many_owned(wanted)).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Problem::new(Code::Overloaded, "too many large bodies are being read at the same time")),
        }
    }
}

/// How large the body says it is; one that says too much is refused before it is read.
pub fn declared_length(headers: &HeaderMap, limit: Size) -> Result<u64, Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length > limit.bytes() => Err(too_large(limit)),
        Some(length) => Ok(length),
        None => Ok(limit.bytes()),
    }
}

/// Reads a body as a whole.
pub async fn read(body: Body, limit: Size) -> Result<Bytes, Problem> {
    let mut pieces = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| broken(&error))?;
        if whole.len() + piece.len() > limit.as_usize() {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// A body that hands out one piece each time it is asked.
///
/// The multipart reader takes whatever it can get into its memory before it hands anything on; a fast sender would fill it.
pub fn sparing(body: Body) -> Body {
    Body::from_stream(Sparing { body: body.into_data_stream(), given: false })
}

struct Sparing {
    body: BodyDataStream,
    given: bool,
}

impl Stream for Sparing {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.given) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = ready!(self.body.poll_next_unpin(context));
        self.given = true;
        Poll::Ready(piece)
    }
}

/// The body is larger than allowed.
pub fn too_large(limit: Size) -> Problem {
    Problem::new(Code::BodyTooLarge, format_args!("the body is larger than {limit}")).limit(limit.bytes())
}

/// The body ended early or stood still.
pub fn broken(error: &(dyn Error + 'static)) -> Problem {
    let detail = if is_timeout(error) { "the body stood still for too long" } else { "the body ended early" };
    Problem::new(Code::BodyTimeout, detail)
}

/// Whether the body stood still for too long.
pub fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.is::<TimeoutError>() {
            return true;
        }
        next = cause.source();
    }
    false
}

/// Does what takes time in proportion to `bytes`; much of it on a thread where it delays nobody.
pub async fn work<T: Send + 'static>(
    bytes: usize,
    does: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    if bytes <= QUICK {
        return does();
    }
    match tokio::task::spawn_blocking(does).await {
        Ok(done) => done,
        Err(error) => Err(Problem::internal(Arc::new(error))),
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn a_body_waits_for_room() {
        let memory = Memory::new(Size::new(8 * UNIT));
        let first = memory.reserve(5 * UNIT).await.unwrap();
        let mut second = std::pin::pin!(memory.reserve(4 * UNIT));
        assert!(poll!(second.as_mut()).is_pending());
        drop(first);
        assert!(poll!(second.as_mut()).is_ready());
    }

    #[tokio::test]
    async fn a_body_larger_than_the_room_has_it_alone() {
        let memory = Memory::new(Size::new(8 * UNIT));
        let all = memory.reserve(u64::MAX).await.unwrap();
        assert_eq!(all.num_permits(), 8);
    }
}
