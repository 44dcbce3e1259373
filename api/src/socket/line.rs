//! The line of a WebSocket: who may open one, how its sides wait for each other, and why it is closed.
//!
//! One task for each. Questions that are being answered are counted; when the client sends more than that, or does not
//! read, the line is not read until there is room, and in the end is closed.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::time::{Instant, MissedTickBehavior};

use crate::auth::Caller;
use crate::problem::{Code, Problem};
use crate::seats::Seat;
use crate::state::App;
use crate::{auth, host};

/// Questions of one line that are being answered at once; further ones wait in the network.
const OUTSTANDING: usize = 32;
/// How long a client may take to read what it is sent.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pings that may go unanswered.
const SILENT: u32 = 3;

/// What is said on a line.
pub trait Conversation: Send + 'static {
    /// What becomes of a question.
    type Reply: Send + 'static;

    /// Bytes of one message of the client's at most.
    fn longest(&self) -> usize;

    /// Begins to answer a message.
    fn hear(&mut self, message: Bytes) -> BoxFuture<'static, Self::Reply>;

    /// The answer as it is sent.
    fn say(&mut self, reply: Self::Reply) -> Message;

    /// What there is to say unasked. It is dropped and called again at any time, and is never ready if there is nothing.
    fn tell(&mut self) -> impl Future<Output = Message> + Send;
}

/// What asks for a WebSocket, or does not.
pub type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// Opens a line to a caller, unless a page of somebody else's asks for it, or too many are open.
pub fn open(
    app: App,
    caller: &Caller,
    upgrade: Upgrade,
    conversation: impl Conversation,
) -> Result<Response, Problem> {
    if !host::is_own_origin(&app, &caller.headers) {
        let detail = "without keys the service opens sockets for pages of its own only";
        return Err(Problem::new(Code::ForbiddenHost, detail).at("Origin"));
    }
    let upgrade = upgrade.map_err(|why| {
        Problem::new(Code::InvalidHeader, format_args!("this path is for WebSockets: {why}")).at("Upgrade")
    })?;
    let seat = app.seats.take(&caller.owner)?;
    let longest = conversation.longest();
    Ok(upgrade
        .protocols([auth::SUBPROTOCOL])
        .max_message_size(longest)
        .max_frame_size(longest)
        .on_upgrade(move |socket| serve(app, conversation, socket, seat)))
}

/// Serves a socket until either side has enough.
async fn serve(app: App, conversation: impl Conversation, socket: WebSocket, seat: Seat) {
    let (mut sender, receiver) = socket.split();
    let (code, reason) = talk(&app, conversation, &mut sender, receiver).await;
    metrics::counter!("forebay_sockets_closed_total", "reason" => reason).increment(1);
    tracing::debug!(reason, "a socket is closed");
    let farewell = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    // Whoever has left does not wait for it.
    let _ = tokio::time::timeout(PATIENCE, sender.send(farewell)).await;
    drop(seat);
}

/// Why a socket is closed: the protocol's code, and our word.
type Closed = (u16, &'static str);

async fn talk<C: Conversation>(
    app: &App,
    mut conversation: C,
    sender: &mut SplitSink<WebSocket, Message>,
    mut incoming: SplitStream<WebSocket>,
) -> Closed {
    let mut replies: FuturesUnordered<BoxFuture<'static, C::Reply>> = FuturesUnordered::new();
    let stopping = app.parts.tasks.stopping();
    tokio::pin!(stopping);
    let mut pings = tokio::time::interval(app.config.api.keep_alive.get());
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.tick().await;
    let patience = pings.period() * SILENT;
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            () = &mut stopping => return (1012, "stopping"),
            frame = incoming.next(), if replies.len() < OUTSTANDING => match frame {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    match message {
                        Message::Close(_) => return (1000, "client_left"),
                        Message::Text(text) => replies.push(conversation.hear(text.into())),
                        Message::Binary(bytes) => replies.push(conversation.hear(bytes)),
                        Message::Ping(_) | Message::Pong(_) => {}
                    }
                    continue;
                }
                // The protocol was broken, the message was too large, or the connection is gone.
                Some(Err(_)) => return (1009, "unreadable"),
                None => return (1000, "client_left"),
            },
            Some(reply) = replies.next(), if !replies.is_empty() => conversation.say(reply),
            told = conversation.tell() => told,
            _ = pings.tick() => {
                if heard.elapsed() > patience {
                    return (1001, "silent");
                }
                Message::Ping(Bytes::new())
            }
        };
        match tokio::time::timeout(PATIENCE, sender.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return (1000, "client_left"),
            Err(_) => return (1008, "slow_reader"),
        }
    }
}
