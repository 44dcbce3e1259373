//! One WebSocket: what its client asks for is answered as HTTP would answer it, and what it follows is told as it happens.
//!
//! The line itself is in `line`; another conversation on it is in `predictions`. Streams that are followed are counted.

mod line;
mod message;
mod predictions;
mod reply;
mod visitor;

use std::collections::HashMap;

use axum::extract::ws::Message;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{AbortHandle, SelectAll};
use futures::{FutureExt, StreamExt};

use line::Conversation;
pub use line::{Upgrade, open};
use message::Question;
pub use message::{ClientMessage, ServerMessage};
pub use predictions::Predictions;
use reply::{Reply, Telling, answered, cancelled, document, failed, submitted, subscribed};
pub use visitor::Visitor;

use crate::problem::{Code, Problem};
use crate::state::App;
use crate::stream::Told;

/// Streams that one socket follows at once.
const SUBSCRIPTIONS: usize = 100;

/// A conversation about jobs.
pub struct Session {
    app: App,
    visitor: Visitor,
    streams: SelectAll<Telling>,
    /// Streams that are followed, or about to be.
    followed: HashMap<u64, Option<AbortHandle>>,
    last: u64,
}

impl Conversation for Session {
    type Reply = Reply;

    fn longest(&self) -> usize {
        self.app.config.limits.max_body.as_usize()
    }

    fn hear(&mut self, message: Bytes) -> BoxFuture<'static, Reply> {
        match crate::body::parse::<ClientMessage>(&message, "message") {
            Ok(asked) => self.answer(asked),
            Err(problem) => failed(None, &problem),
        }
    }

    /// Takes up the stream that an answer brings, and writes the answer.
    fn say(&mut self, reply: Reply) -> Message {
        if let Some((number, stream)) = reply.stream
            && let Some(place) = self.followed.get_mut(&number)
        {
            let (stream, handle) = futures::stream::abortable(stream);
            *place = Some(handle);
            self.streams.push(stream.boxed());
        } else if let ServerMessage::Error { subscription: Some(number), .. } = &reply.message {
            self.followed.remove(number);
        }
        reply.message.written()
    }

    async fn tell(&mut self) -> Message {
        while let Some((number, told)) = self.streams.next().await {
            if let Some(message) = self.told(number, told) {
                return message;
            }
        }
        // Nothing is followed.
        std::future::pending().await
    }
}

impl Session {
    /// A conversation with whoever opened the socket.
    pub fn new(app: App, visitor: Visitor) -> Self {
        Self { app, visitor, streams: SelectAll::new(), followed: HashMap::new(), last: 0 }
    }

    fn answer(&mut self, asked: ClientMessage) -> BoxFuture<'static, Reply> {
        let reference = asked.reference.clone();
        let (app, visitor) = (self.app.clone(), self.visitor.clone());
        match asked.kind {
            Question::Submit => answered(reference, submitted(app, visitor, asked)),
            Question::Cancel => answered(reference, cancelled(app, visitor, asked)),
            Question::Unsubscribe => {
                let answer =
                    match asked.subscription.and_then(|number| self.followed.remove(&number)) {
                        Some(stream) => {
                            if let Some(stream) = stream {
                                stream.abort();
                            }
                            Ok(ServerMessage::Unsubscribed {
                                reference: reference.clone(),
                                subscription: asked.subscription.unwrap_or_default(),
                            })
                        }
                        None => Err(Problem::new(Code::InvalidField, "there is no such subscription")
                            .at("subscription")),
                    };
                answered(reference, async move { answer })
            }
            Question::Subscribe if self.followed.len() >= SUBSCRIPTIONS => {
                let detail = format!("a socket follows {SUBSCRIPTIONS} things at most; give one up first");
                let problem = Problem::new(Code::TooManyStreams, detail).limit(SUBSCRIPTIONS as u64);
                failed(reference, &problem)
            }
            Question::Subscribe => {
                self.last += 1;
                let number = self.last;
                self.followed.insert(number, None);
                subscribed(app, visitor, number, asked).boxed()
            }
        }
    }

    fn told(&mut self, number: u64, told: Option<Told>) -> Option<Message> {
        let message = match told {
            Some(Told::Event { id, kind, data }) => {
                ServerMessage::Event { subscription: number, id, event: kind, data }
            }
            // The socket has pings of its own; only a place in the log is worth a message.
            Some(Told::Quiet { id }) => ServerMessage::Position { subscription: number, id: id? },
            Some(Told::Broken(problem)) => ServerMessage::Error {
                reference: None,
                subscription: Some(number),
                problem: document(&problem),
            },
            None => {
                self.followed.remove(&number);
                ServerMessage::Ended { subscription: number }
            }
        };
        Some(message.written())
    }
}
