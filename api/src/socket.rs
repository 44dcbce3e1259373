//! One WebSocket: what its client asks for is answered as HTTP would answer it, and what it follows is told as it happens.
//!
//! One task per socket. Everything it holds is counted: submissions on their way, streams that are followed; when the
//! client sends more than that, or does not read, the socket is not read until there is room, and in the end is closed.

mod message;
mod reply;

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures::future::BoxFuture;
use futures::stream::{AbortHandle, FuturesUnordered, SelectAll, SplitSink, SplitStream};
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::time::{Instant, MissedTickBehavior};

use message::Question;
pub use message::{ClientMessage, ServerMessage};
pub use reply::Visitor;
use reply::{Reply, Telling, answered, cancelled, document, failed, submitted, subscribed};

use crate::problem::{Code, Problem};
use crate::seats::Seat;
use crate::state::App;
use crate::stream::Told;

/// Streams that one socket follows at once.
const SUBSCRIPTIONS: usize = 100;
/// Questions of one socket that are being answered at once; further ones wait in the network.
const OUTSTANDING: usize = 32;
/// How long a client may take to read what it is sent.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pings that may go unanswered.
const SILENT: u32 = 3;

struct Session {
    app: App,
    visitor: Visitor,
    replies: FuturesUnordered<BoxFuture<'static, Reply>>,
    streams: SelectAll<Telling>,
    /// Streams that are followed, or about to be.
    followed: HashMap<u64, Option<AbortHandle>>,
    last: u64,
}

/// Serves a socket until either side has enough.
pub async fn serve(app: App, visitor: Visitor, socket: WebSocket, seat: Seat) {
    let session = Session {
        app,
        visitor,
        replies: FuturesUnordered::new(),
        streams: SelectAll::new(),
        followed: HashMap::new(),
        last: 0,
    };
    let (mut sender, receiver) = socket.split();
    let (code, reason) = session.run(&mut sender, receiver).await;
    metrics::counter!("forebay_sockets_closed_total", "reason" => reason).increment(1);
    tracing::debug!(reason, "a socket is closed");
    let farewell = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    // Whoever has left does not wait for it.
    let _ = tokio::time::timeout(PATIENCE, sender.send(farewell)).await;
    drop(seat);
}

/// Why a socket is closed: the protocol's code, and our word.
type Closed = (u16, &'static str);

impl Session {
    async fn run(
        mut self,
        sender: &mut SplitSink<WebSocket, Message>,
        mut incoming: SplitStream<WebSocket>,
    ) -> Closed {
        let stopping = self.app.parts.tasks.stopping();
        tokio::pin!(stopping);
        let mut pings = tokio::time::interval(self.app.config.api.keep_alive.get());
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.tick().await;
        let patience = pings.period() * SILENT;
        let mut heard = Instant::now();
        loop {
            let message = tokio::select! {
                () = &mut stopping => return (1012, "stopping"),
                frame = incoming.next(), if self.replies.len() < OUTSTANDING => match frame {
                    Some(Ok(message)) => {
                        heard = Instant::now();
                        if matches!(message, Message::Close(_)) {
                            return (1000, "client_left");
                        }
                        self.hear(&message);
                        continue;
                    }
                    // The protocol was broken, the message was too large, or the connection is gone.
                    Some(Err(_)) => return (1009, "unreadable"),
                    None => return (1000, "client_left"),
                },
                Some(reply) = self.replies.next(), if !self.replies.is_empty() => self.begin(reply),
                Some((number, told)) = self.streams.next(), if !self.streams.is_empty() => {
                    match self.tell(number, told) {
                        Some(message) => message,
                        None => continue,
                    }
                }
                _ = pings.tick() => {
                    if heard.elapsed() > patience {
                        return (1001, "silent");
                    }
                    Message::Ping(axum::body::Bytes::new())
                }
            };
            match tokio::time::timeout(PATIENCE, sender.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return (1000, "client_left"),
                Err(_) => return (1008, "slow_reader"),
            }
        }
    }

    /// Begins to answer a message.
    fn hear(&mut self, message: &Message) {
        let text = match message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return,
        };
        let asked = crate::body::parse::<ClientMessage>(text, "message");
        let reply = match asked {
            Ok(asked) => self.answer(asked),
            Err(problem) => failed(None, &problem),
        };
        self.replies.push(reply);
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

    /// Takes up the stream that an answer brings, and writes the answer.
    fn begin(&mut self, reply: Reply) -> Message {
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

    fn tell(&mut self, number: u64, told: Option<Told>) -> Option<Message> {
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
