//! A conversation in the emotion API's words: a text for each message, and its emotion for each answer.

use axum::body::to_bytes;
use axum::extract::FromRequestParts;
use axum::extract::ws::Message;
use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::emotion;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::line::Conversation;
use super::visitor::Visitor;
use crate::auth::Submitter;
use crate::call::dialect::serve;
use crate::problem::Problem;
use crate::state::App;

/// A message at most: a thousand characters that are all written as escapes have 12,000 bytes.
const LONGEST: usize = 32 * 1024;

/// A conversation about texts.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// Where the jobs go.
    pub app: App,
    /// Who asks.
    pub visitor: Visitor,
    /// Where the line was opened: refusals are counted there.
    pub path: MatchedPath,
}

impl Conversation for Predictions {
    type Reply = Message;

    fn longest(&self) -> usize {
        LONGEST
    }

    fn hear(&mut self, message: Bytes) -> BoxFuture<'static, Message> {
        self.clone().answer(message).boxed()
    }

    fn say(&mut self, reply: Message) -> Message {
        reply
    }

    /// Nothing is said unasked.
    async fn tell(&mut self) -> Message {
        std::future::pending().await
    }
}

impl Predictions {
    /// The answer to a message. Dropped, it takes its job along, as any call does.
    async fn answer(self, message: Bytes) -> Message {
        let app = self.app.clone();
        let told = match self.predicted(message.clone()).await {
            Ok(told) => told,
            Err(problem) => {
                if problem.code().status().is_server_error() {
                    let cause = problem.cause().unwrap_or_default();
                    tracing::warn!(cause, "a message over a socket was not answered: {problem}");
                }
                emotion::refused(&message, &problem.refusal(app.parts.clock.now())).to_string()
            }
        };
        Message::text(told)
    }

    async fn predicted(self, message: Bytes) -> Result<String, Problem> {
        let Self { app, visitor, path } = self;
        visitor.enter(&app).await?;
        let (mut parts, body) = visitor.request(message).into_parts();
        parts.extensions.insert(path);
        let submitter = Submitter::from_request_parts(&mut parts, &app).await?;
        let ids = app.config.emotion.models.clone();
        let read = move |_: &HeaderMap, body: &Bytes| emotion::message(body, &ids);
        written(serve(app, submitter, Request::from_parts(parts, body), read).await?).await
    }
}

/// The text of an answer that we wrote ourselves.
async fn written(answer: Response) -> Result<String, Problem> {
    let body = to_bytes(answer.into_body(), usize::MAX).await.ok();
    body.and_then(|body| String::from_utf8(body.into()).ok())
        .ok_or_else(|| Problem::defect("an answer of ours is no text"))
}
