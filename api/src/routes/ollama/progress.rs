//! Answers that tell how far something is, while it goes on.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use forebay_dialects::ollama::{self, Manner, Progress};
use futures::{StreamExt, stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::problem::Problem;
use crate::state::App;

/// Where steps are told. Who tells a few for each file of a model cannot fill a memory.
#[derive(Clone, Debug)]
pub struct Teller(UnboundedSender<Result<Progress, Problem>>);

impl Teller {
    /// A step is being done. Nobody may be listening any more.
    pub fn tell(&self, step: Progress) {
        let _ = self.0.send(Ok(step));
    }

    /// Waits until nobody listens any more.
    pub async fn left(&self) {
        self.0.closed().await;
    }
}

/// Answers with the steps that `work` tells and with what it comes to. It goes on when nobody listens any more. What is refused
/// before the first step has the status of its refusal; later it is a piece of the stream.
pub async fn answer<F>(app: &App, manner: Manner, work: impl FnOnce(Teller) -> F) -> Result<Response, Problem>
where
    F: Future<Output = Result<(), Problem>> + Send + 'static,
{
    let (sender, mut steps) = unbounded_channel();
    let working = work(Teller(sender.clone()));
    app.parts.tasks.spawn("make a model", async move {
        let done = working.await.map(|()| Progress::success());
        let _ = sender.send(done);
    });
    let first = match manner {
        Manner::Whole => last(&mut steps).await?,
        Manner::Lines | Manner::Events => next(&mut steps).await?,
    };
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(manner.content_type()))];
    if manner == Manner::Whole {
        return Ok((content_type, manner.piece(&first)).into_response());
    }
    let app = app.clone();
    let rest = stream::poll_fn(move |context| steps.poll_recv(context)).map(move |step| {
        step.map_or_else(|problem| broken(&app, manner, &problem), |step| manner.piece(&step))
    });
    let pieces = stream::iter([manner.piece(&first)]).chain(rest).chain(stream::iter([manner.end().into()]));
    let pieces = pieces.map(|piece: Vec<u8>| Ok::<_, Infallible>(Bytes::from(piece)));
    Ok((content_type, Body::from_stream(pieces)).into_response())
}

async fn next(steps: &mut UnboundedReceiver<Result<Progress, Problem>>) -> Result<Progress, Problem> {
    let ended = || Err(Problem::defect("work that was to be told of ended without a word"));
    steps.recv().await.unwrap_or_else(ended)
}

async fn last(steps: &mut UnboundedReceiver<Result<Progress, Problem>>) -> Result<Progress, Problem> {
    let mut last = next(steps).await?;
    while let Some(step) = steps.recv().await {
        last = step?;
    }
    Ok(last)
}

/// The piece that says why there are no more. No status tells of it, so it is logged here.
fn broken(app: &App, manner: Manner, problem: &Problem) -> Vec<u8> {
    let cause = problem.cause().unwrap_or_default();
    tracing::warn!(code = problem.code().as_str(), cause, "a model was not made: {problem}");
    manner.piece(&ollama::error(&problem.refusal(app.parts.clock.now())).1)
}
