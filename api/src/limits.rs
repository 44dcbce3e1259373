//! Bounds on bodies: of one, and of all that are read at the same time.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use forebay_shared::config::{Size, Span};
use forebay_shared::shutdown::Tasks;
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
/// What a body needs that goes to the object store as it comes: two parts of 5 MiB that are being sent, and what has arrived
/// meanwhile.
pub const STREAM: u64 = 12 * 1024 * 1024;
/// What a JSON body needs, as a multiple of its size: the text, the strings read from it, the pictures decoded from those.
pub const JSON_COPIES: u64 = 3;
/// A JSON body needs no room for this much of it, so that large ones never keep small ones out: a thousand connections
/// hold 200 MB in this way at most, and what connections hold is bounded by their number.
const FREE: u64 = 64 * 1024;
/// A JSON body that does not say how large it is asks for room for so much of it at a time: what it has not sent yet
/// keeps nobody out, and 32 MiB take 128 steps.
const STEP: u64 = 256 * 1024;
/// Up to this much is worked on where it was read, about a millisecond's work; more on a thread of its own.
const QUICK: usize = 256 * 1024;

/// Room for bodies.
#[derive(Debug)]
pub struct Memory {
    room: Arc<Semaphore>,
    size: u32,
    patience: Duration,
}

impl Memory {
    /// So much for all bodies together.
    pub fn new(size: Size) -> Self {
        let size = u32::try_from(size.bytes() / UNIT).unwrap_or(u32::MAX).max(1);
        Self { room: Arc::new(Semaphore::new(size as usize)), size, patience: PATIENCE }
    }

    /// No room yet.
    pub fn none(&self) -> OwnedSemaphorePermit {
        self.room
            .clone()
            .try_acquire_many_owned(0)
            .expect("nothing is always there, and the room is never closed")
    }

    /// Waits for room for `bytes`, which is held until the permit is dropped.
    pub async fn reserve(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Problem> {
        let mut room = self.none();
        self.grow(&mut room, bytes).await?;
        Ok(room)
    }

    /// Waits until `room` is room for `bytes`. Who waits in vain gives up and with that makes room, so that bodies which
    /// hold a part each do not wait for each other for ever.
    pub async fn grow(&self, room: &mut OwnedSemaphorePermit, bytes: u64) -> Result<(), Problem> {
        let wanted = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.size);
        let held = u32::try_from(room.num_permits()).unwrap_or(u32::MAX);
        let Some(missing) = wanted.checked_sub(held).filter(|missing| *missing > 0) else { return Ok(()) };
        let granted =
            tokio::time::timeout(self.patience, self.room.clone().acquire_many_owned(missing)).await;
        let Ok(Ok(more)) = granted else {
            let detail = "too many large bodies are being read at the same time";
            return Err(Problem::new(Code::Overloaded, detail));
        };
        room.merge(more);
        Ok(())
    }

    /// Reads a JSON body as a whole, and answers with the room that it takes.
    ///
    /// One that says how large it is has its room before it is read: it would be a pity to give up in the middle.
    pub async fn read(
        &self,
        request: Request,
        limit: Size,
    ) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
        let declared = declared_length(request.headers(), limit)?;
        let mut room = self.none();
        if let Some(length) = declared.filter(|length| *length > FREE) {
            self.grow(&mut room, length.saturating_mul(JSON_COPIES)).await?;
        }
        let mut pieces = request.into_body().into_data_stream();
        let mut whole = BytesMut::new();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| broken(&error))?;
            let size = (whole.len() + piece.len()) as u64;
            if size > limit.bytes() {
                return Err(too_large(limit));
            }
            if declared.is_none() && size > FREE {
                self.grow(&mut room, size.next_multiple_of(STEP) * JSON_COPIES).await?;
            }
            whole.extend_from_slice(&piece);
        }
        Ok((whole.freeze(), room))
    }
}

/// Gives back what of `room` is more than `bytes` need.
pub fn shrink(room: &mut OwnedSemaphorePermit, bytes: u64) {
    let needed = usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(usize::MAX);
    drop(room.split(room.num_permits().saturating_sub(needed)));
}

/// How large the body says it is, if it does; one that says too much is refused before it is read.
pub fn declared_length(headers: &HeaderMap, limit: Size) -> Result<Option<u64>, Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length > limit.bytes() => Err(too_large(limit)),
        length => Ok(length),
    }
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

/// What becomes of a body that does not stand still, in bounded time: an object that no row names for longer is swept.
pub async fn in_time<T>(
    patience: Span,
    taken: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let too_slow = |_| Problem::new(Code::BodyTimeout, format_args!("the body took longer than {patience}"));
    tokio::time::timeout(patience.get(), taken).await.map_err(too_slow)?
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
    tasks: &Tasks,
    bytes: usize,
    does: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    if bytes <= QUICK {
        return does();
    }
    match tasks.spawn_blocking(does).await {
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

    const LIMIT: Size = Size::new(4 << 20);

    /// A request whose body is what is sent, and then what `rest` brings.
    fn sending(
        bytes: usize,
        rest: impl Stream<Item = Result<Bytes, axum::Error>> + Send + 'static,
    ) -> Request {
        let first = futures::stream::once(async move { Ok(Bytes::from(vec![b' '; bytes])) });
        Request::new(Body::from_stream(first.chain(rest)))
    }

    #[tokio::test]
    async fn a_small_body_needs_no_room() {
        let memory = Memory::new(Size::new(8 * UNIT));
        let _all = memory.reserve(8 * UNIT).await.unwrap();
        let undeclared = sending(64 * 1024, futures::stream::empty());
        let mut declared = sending(64 * 1024, futures::stream::empty());
        declared.headers_mut().insert(header::CONTENT_LENGTH, 65_536.into());
        for request in [undeclared, declared] {
            let (body, room) = memory.read(request, LIMIT).await.unwrap();
            assert_eq!((body.len(), room.num_permits()), (65_536, 0));
        }
    }

    #[tokio::test]
    async fn a_body_of_unknown_size_takes_room_for_what_it_has_sent() {
        let memory = Memory::new(Size::new(16 << 20));
        let mut dripping =
            std::pin::pin!(memory.read(sending(300 * 1024, futures::stream::pending()), LIMIT));
        assert!(poll!(dripping.as_mut()).is_pending());
        let taken = 16 * 1024 - memory.room.available_permits();
        assert_eq!(taken, 2 * 256 * 3, "two steps, three copies");
    }

    #[tokio::test]
    async fn bodies_that_wait_for_each_other_give_up_and_leave_their_room() {
        let patience = Duration::from_millis(20);
        let memory = Memory { patience, ..Memory::new(Size::new(2 * STEP * JSON_COPIES)) };
        let later = || {
            futures::stream::once(async {
                tokio::task::yield_now().await;
                Ok(Bytes::from(vec![b' '; 300 * 1024]))
            })
        };
        let read = || memory.read(sending(200 * 1024, later()), LIMIT);
        let (one, other) = tokio::join!(read(), read());
        let codes = [one, other].map(|read| read.err().map(|problem| problem.code()));
        assert!(codes.contains(&Some(Code::Overloaded)), "{codes:?}");
        assert_eq!(memory.room.available_permits(), 2 * 256 * 3);
    }
}
