//! `GET /v1/ws`

use axum::extract::State;
use axum::response::Response;

use crate::auth::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::socket::{Session, Upgrade, Visitor, open};
use crate::state::App;

/// Talk over a WebSocket
///
/// JSON messages, one object each. A client sends `{"type": "submit", "ref": …, "job": {…}}` with what `POST /v1/jobs` takes,
/// with `client_id` for an id of its own, `{"type": "subscribe", "ref": …, "job": "<id>"}` or `{"type": "subscribe", "filter":
/// {…}}`, with `after` to resume, `{"type": "unsubscribe", "subscription": n}` and `{"type": "cancel", "job": "<id>"}`. A job
/// is named by our id or by your own. Answers carry `ref`; what is refused
/// is an `error` with the problem that HTTP would answer. Events are those of `GET /v1/jobs/{id}/events` and
/// `GET /v1/events`. A socket follows 100 things at most and has 32 questions answered at once; a message is at most as
/// large as a body (`limits.max_body`). It counts as one stream of its owner.
///
/// A key stands in the handshake's headers, as in any request. Browsers cannot set these: they name the key among the
/// subprotocols, `new WebSocket(url, ["forebay.v1", "forebay.key.<key>"])`; it never stands in a URL. A service without keys
/// answers to pages of its own origin only.
#[utoipa::path(
    get,
    path = "/v1/ws",
    tag = "events",
    operation_id = "open_socket",
    params(
        ("Sec-WebSocket-Protocol" = Option<String>, Header, description = "`forebay.v1`, and from browsers `forebay.key.<key>`"),
    ),
    responses(
        (status = 101, description = "The socket is open: the client sends `ClientMessage`s, the service `ServerMessage`s"),
        (status = 400, description = "The request does not ask for a WebSocket", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams are open", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn ws(State(app): State<App>, caller: Caller, upgrade: Upgrade) -> Result<Response, Problem> {
    let visitor = Visitor::of(&caller);
    open(app.clone(), &caller, upgrade, Session::new(app, visitor))
}
