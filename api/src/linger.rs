//! Who is refused while still sending is heard out, so that the refusal arrives.
//!
//! Closing a connection that has bytes nobody read resets it, and a reset takes along what was answered: a client that sends
//! a large body would hear of a broken connection where it should hear which limit it broke.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{Version, header};
use forebay_shared::shutdown::Tasks;
use futures::StreamExt;
use http_body::{Frame, SizeHint};

use crate::state::App;

/// How long a client may go on sending what nobody reads; then its connection is closed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The request with a body that is read to its end, by whomever it was given to or by nobody.
pub async fn hear_out(State(app): State<App>, request: Request) -> Request {
    // HTTP/2 stops one stream without the others; who asks first has not begun to send.
    let asks_first = request.headers().contains_key(header::EXPECT);
    if request.version() > Version::HTTP_11 || asks_first || request.body().is_end_stream() {
        return request;
    }
    let tasks = app.parts.tasks.clone();
    request.map(|body| Body::new(Heard { left: Some(body), tasks }))
}

/// A body of which the rest is taken and forgotten when it is dropped.
struct Heard {
    left: Option<Body>,
    tasks: Tasks,
}

impl HttpBody for Heard {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(left) = &mut self.left else { return Poll::Ready(None) };
        let polled = Pin::new(left).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.left = None;
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(BoxError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.left.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let Some(left) = self.left.take().filter(|left| !left.is_end_stream()) else { return };
        self.tasks.spawn("hearing a refused request out", async move {
            let mut rest = left.into_data_stream();
            let _ =
                tokio::time::timeout(PATIENCE, async { while let Some(Ok(_)) = rest.next().await {} }).await;
        });
    }
}
