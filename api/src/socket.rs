//! One WebSocket: what its client asks for is answered as HTTP would answer it, and what it follows is told as it happens.
//!
//! One task per socket. Everything it holds is counted: submissions on their way, streams that are followed; when the
//! client sends more than that, or does not read, the socket is not read until there is room, and in the end is closed.

mod message;

use std::collections::HashMap;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use forebay_shared::store::Cursor;
use futures::future::BoxFuture;
use futures::stream::{AbortHandle, BoxStream, FuturesUnordered, SelectAll, SplitSink, SplitStream};
use futures::{FutureExt, SinkExt, StreamExt};
use serde_json::value::RawValue;
use tokio::time::{Instant, MissedTickBehavior};

use message::Question;
pub use message::{ClientMessage, ServerMessage};

use crate::auth::{Reader, Submitter, Writer};
use crate::problem::{Code, Problem};
use crate::routes::jobs::{Id, Name, NotAName, cancel, find, own_id, submit};
use crate::seats::Seat;
use crate::state::App;
use crate::stream::{JobStream, OwnerStream, Permitted, Tells, Told, not_ours};

/// Streams that one socket follows at once.
const SUBSCRIPTIONS: usize = 100;
/// Questions of one socket that are being answered at once; further ones wait in the network.
const OUTSTANDING: usize = 32;
/// How long a client may take to read what it is sent.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pings that may go unanswered.
const SILENT: u32 = 3;

/// Whoever opened the socket.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The headers that a key stands in. It is looked at again for every message, so that a revocation takes effect.
    pub credentials: HeaderMap,
}

/// What a subscription tells, with its number.
type Telling = BoxStream<'static, (u64, Option<Told>)>;

/// An answer, and the stream that begins with it.
struct Reply {
    message: ServerMessage,
    stream: Option<(u64, Telling)>,
}

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

/// The same handler as `POST /v1/jobs` has, asked as a request would ask it.
async fn submitted(app: App, visitor: Visitor, asked: ClientMessage) -> Result<ServerMessage, Problem> {
    let job = asked.job.ok_or_else(|| missing("job"))?;
    let mut request = Request::new(axum::body::Body::from(job.get().to_owned()));
    *request.headers_mut() = visitor.credentials;
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_LENGTH, job.get().len().into());
    if let Some(key) = &asked.idempotency_key {
        let value = HeaderValue::try_from(key.as_str()).map_err(|_| {
            Problem::new(Code::InvalidField, "`idempotency_key` must be visible ASCII").at("idempotency_key")
        })?;
        headers.insert("idempotency-key", value);
    }
    let (mut parts, body) = request.into_parts();
    let submitter = Submitter::from_request_parts(&mut parts, &app).await?;
    let request = Request::from_parts(parts, body);
    let answer = match asked.client_id {
        Some(id) => submit::named(&app, submitter, own_id(id, "client_id")?, request).await?,
        None => submit::submit(State(app), submitter, request).await?,
    };
    let replayed = answer.headers().contains_key("idempotency-replayed");
    Ok(ServerMessage::Accepted { reference: asked.reference, replayed, job: document_of(answer).await? })
}

async fn cancelled(app: App, visitor: Visitor, asked: ClientMessage) -> Result<ServerMessage, Problem> {
    let name = name(asked.job.as_deref())?.ok_or_else(|| missing("job"))?;
    let mut parts = parts(visitor);
    let writer = Writer::from_request_parts(&mut parts, &app).await?;
    let id = find(&app, &writer.0, name).await?;
    let answer = cancel::cancel(State(app), writer, Id(id)).await?;
    let answer = axum::response::IntoResponse::into_response(answer);
    Ok(ServerMessage::Cancelled { reference: asked.reference, job: document_of(answer).await? })
}

async fn subscribed(app: App, visitor: Visitor, number: u64, asked: ClientMessage) -> Reply {
    let reference = asked.reference.clone();
    match follow(app, visitor, asked, number).await {
        Ok(stream) => Reply {
            message: ServerMessage::Subscribed { reference, subscription: number },
            stream: Some((number, stream)),
        },
        Err(problem) => Reply {
            message: ServerMessage::Error {
                reference,
                subscription: Some(number),
                problem: document(&problem),
            },
            stream: None,
        },
    }
}

async fn follow(
    app: App,
    visitor: Visitor,
    asked: ClientMessage,
    number: u64,
) -> Result<BoxStream<'static, (u64, Option<Told>)>, Problem> {
    let Reader(owner) = Reader::from_request_parts(&mut parts(visitor.clone()), &app).await?;
    if let Some(name) = name(asked.job.as_deref())? {
        let id = find(&app, &owner, name).await?;
        let after = asked.after.map(|after| after.parse::<u32>().map_err(|_| version())).transpose()?;
        let stream = JobStream::open(&app, (&owner, id), after.map(i64::from), None).await?;
        return Ok(match stream {
            Some(stream) => telling(number, Permitted::new(stream, &app, &visitor.credentials)),
            None => futures::stream::once(async move { (number, None) }).boxed(),
        });
    }
    let after = asked.after.map(|after| after.parse::<Cursor>().map_err(|_| not_ours())).transpose()?;
    let filter = asked.filter.unwrap_or_default().read(&app, &owner).await?;
    let stream = OwnerStream::open(&app, &owner, filter, after, None).await?;
    Ok(telling(number, Permitted::new(stream, &app, &visitor.credentials)))
}

/// A stream's words under its number, and none at its end.
fn telling(number: u64, stream: impl Tells) -> BoxStream<'static, (u64, Option<Told>)> {
    futures::stream::unfold(Some(stream), move |stream| async move {
        let mut stream = stream?;
        let told = stream.next().await;
        let rest = told.is_some().then_some(stream);
        Some(((number, told), rest))
    })
    .boxed()
}

fn answered(
    reference: Option<String>,
    answer: impl Future<Output = Result<ServerMessage, Problem>> + Send + 'static,
) -> BoxFuture<'static, Reply> {
    async move {
        match answer.await {
            Ok(message) => Reply { message, stream: None },
            Err(problem) => failed(reference, &problem).await,
        }
    }
    .boxed()
}

fn failed(reference: Option<String>, problem: &Problem) -> BoxFuture<'static, Reply> {
    let message = ServerMessage::Error { reference, subscription: None, problem: document(problem) };
    std::future::ready(Reply { message, stream: None }).boxed()
}

/// The headers of a request as far as they say who asks.
fn parts(visitor: Visitor) -> axum::http::request::Parts {
    let mut request = Request::new(axum::body::Body::empty());
    *request.headers_mut() = visitor.credentials;
    request.into_parts().0
}

fn name(job: Option<&RawValue>) -> Result<Option<Name>, Problem> {
    let text = job.map(|job| serde_json::from_str::<String>(job.get()).unwrap_or_default());
    text.map(|text| text.parse())
        .transpose()
        .map_err(|why: NotAName| Problem::new(Code::InvalidId, format_args!("`job` must be {why}")).at("job"))
}

fn missing(field: &str) -> Problem {
    Problem::new(Code::MissingField, format_args!("missing field `{field}`")).at(field)
}

fn version() -> Problem {
    let detail = "`after` must be the id of an event of this job, which is its version: a number from 0";
    Problem::new(Code::InvalidCursor, detail).at("after")
}

fn document(problem: &Problem) -> Box<RawValue> {
    RawValue::from_string(problem.document("")).expect("a problem is written as JSON")
}

/// The JSON of an answer that we wrote ourselves.
async fn document_of(answer: Response) -> Result<Box<RawValue>, Problem> {
    let body = to_bytes(answer.into_body(), usize::MAX).await;
    let text = body.ok().and_then(|body| String::from_utf8(body.into()).ok());
    text.and_then(|text| RawValue::from_string(text).ok())
        .ok_or_else(|| Problem::defect("an answer of ours is no JSON"))
}
