//! `GET /predict/ws`

use axum::extract::{MatchedPath, State};
use axum::response::Response;
use forebay_dialects::emotion::ErrorResponse;

use crate::auth::Caller;
use crate::problem::Problem;
use crate::socket::{Predictions, Upgrade, Visitor, open};
use crate::state::App;

/// Find emotions over a WebSocket
///
/// JSON messages, one object each: `{"id": …, "model_id": "A001", "input_data": "…"}`, and what `POST /predict` would answer,
/// with the message's `id`, if it had one, and the `job` that did it. What is refused is answered with the error that HTTP
/// would answer, and the `id`. Answers come as they are ready, not in the order of the messages. 32 messages are
/// answered at once, further ones wait in the network; one has at most 32 KiB. It counts as one stream of its owner. A key is
/// named as for `GET /v1/ws`, and looked at again for every message.
#[utoipa::path(
    get,
    path = "/predict/ws",
    tag = "emotion",
    operation_id = "emotion_socket",
    params(
        ("Sec-WebSocket-Protocol" = Option<String>, Header, description = "`forebay.v1`, and from browsers `forebay.key.<key>`"),
    ),
    responses(
        (status = 101, description = "The socket is open: the client sends `EmotionMessage`s, the service `EmotionMessageAnswer`s and `EmotionError`s"),
        (status = 400, description = "The request does not ask for a WebSocket", body = ErrorResponse),
        (status = 429, description = "Too many streams are open", body = ErrorResponse),
    ),
)]
pub async fn ws(
    State(app): State<App>,
    caller: Caller,
    path: MatchedPath,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&caller);
    open(app.clone(), &caller, upgrade, Predictions { app, visitor, path })
}
