//! What streams tell, whoever carries it: server-sent events or a WebSocket.
//!
//! A stream is asked for the next thing to tell when its reader has taken the last, so what one stream holds is bounded by
//! one page of the log, however slow its reader is.

mod bulk;
mod job;
mod owner;
mod permit;
mod view;

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use forebay_shared::job::EventType;
use futures::Stream;
use serde::Serialize;
use serde_json::value::RawValue;

pub use bulk::BulkStream;
pub use job::JobStream;
pub use owner::{OwnerStream, not_ours, read};
pub use permit::Permitted;
pub use view::{EventView, ProgressView};

use crate::problem::Problem;
use crate::state::App;

/// After how long a client that lost its connection should come again.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// What a stream tells next.
#[derive(Debug)]
pub enum Told {
    /// Something happened. Without an id it is told to who listens now, and never again.
    Event {
        /// Where to resume.
        id: Option<String>,
        /// What happened.
        kind: EventType,
        /// The job, or the event, as JSON.
        data: Box<RawValue>,
    },
    /// Nothing happened for a while; where to resume has moved on, perhaps.
    Quiet {
        /// Where to resume.
        id: Option<String>,
    },
    /// The stream ends before its time, for this reason.
    Broken(Problem),
}

impl Told {
    /// Something happened; `data` says what.
    pub fn event<T: Serialize>(id: Option<String>, kind: EventType, data: &T) -> Self {
        let data = serde_json::value::to_raw_value(data).expect("strings and numbers can be written as JSON");
        Self::Event { id, kind, data }
    }
}

/// Something that tells one thing after the other.
pub trait Tells: Send + 'static {
    /// The next thing; none when there is nothing more to tell.
    fn next(&mut self) -> impl Future<Output = Option<Told>> + Send;
}

/// Why a stream is over, counted when it is dropped.
#[derive(Debug)]
struct Closed {
    stream: &'static str,
    why: Option<&'static str>,
}

impl Closed {
    fn not_yet(stream: &'static str) -> Self {
        Self { stream, why: None }
    }

    fn set(&mut self, why: &'static str) {
        self.why.get_or_insert(why);
    }

    fn is_set(&self) -> bool {
        self.why.is_some()
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let why = self.why.unwrap_or("client_left");
        metrics::counter!("forebay_streams_closed_total", "stream" => self.stream, "reason" => why)
            .increment(1);
        tracing::debug!(stream = self.stream, reason = why, "a stream is over");
    }
}

/// Carries a stream as server-sent events, for as long as the key in the request's headers is good.
pub fn sse(stream: impl Tells, app: &App, headers: &HeaderMap) -> Response {
    let mut response = Sse::new(events(Permitted::new(stream, app, headers))).into_response();
    // nginx would hold small events back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn events(stream: impl Tells) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    futures::stream::unfold((stream, true), |(mut stream, first)| async move {
        let event = event(stream.next().await?);
        let event = if first { event.retry(COME_AGAIN) } else { event };
        Some((Ok(event), (stream, false)))
    })
}

fn event(told: Told) -> Event {
    let with_id = |id: Option<String>| match id {
        Some(id) => Event::default().id(id),
        None => Event::default(),
    };
    match told {
        Told::Event { id, kind, data } => with_id(id).event(kind.as_str()).data(data.get()),
        // Without data nothing is dispatched; the client remembers the id all the same.
        Told::Quiet { id } => with_id(id).comment("quiet"),
        Told::Broken(problem) => Event::default().event("problem").data(problem.document("")),
    }
}
