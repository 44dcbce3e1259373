//! A stream lasts as long as the key that opened it.

use std::time::Duration;

use axum::http::HeaderMap;
use tokio::time::Instant;

use super::{Tells, Told};
use crate::auth::{credentials, whose};
use crate::problem::{Code, Problem};
use crate::state::App;

/// Keys are looked at again no more often than this, however short they are remembered.
const OFTEN: Duration = Duration::from_millis(100);

/// A stream, and the key that opened it.
///
/// The key is looked at again as often as it is remembered for, so a revocation ends a stream about as late as it refuses a
/// request. A database that is away ends nothing.
#[derive(Debug)]
pub struct Permitted<T> {
    stream: T,
    app: App,
    credentials: HeaderMap,
    look_at: Instant,
    over: bool,
}

impl<T: Tells> Permitted<T> {
    /// Ends `stream` once the key in these headers is good no longer.
    pub fn new(stream: T, app: &App, headers: &HeaderMap) -> Self {
        let look_at = Instant::now() + every(app);
        Self { stream, app: app.clone(), credentials: credentials(headers), look_at, over: false }
    }
}

fn every(app: &App) -> Duration {
    app.config.auth.key_cache.get().max(OFTEN)
}

impl<T: Tells> Tells for Permitted<T> {
    async fn next(&mut self) -> Option<Told> {
        if self.over {
            return None;
        }
        // What the stream was about to tell must not be lost while its key is looked at.
        let told = self.stream.next();
        tokio::pin!(told);
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(self.look_at) => {
                    self.look_at = Instant::now() + every(&self.app);
                    if let Some(problem) = refused(&self.app, &self.credentials).await {
                        self.over = true;
                        return Some(Told::Broken(problem));
                    }
                }
                told = &mut told => return told,
            }
        }
    }
}

/// Why the key is good no longer, if it is not.
async fn refused(app: &App, credentials: &HeaderMap) -> Option<Problem> {
    whose(app, credentials).await.err().filter(|problem| problem.code() == Code::Unauthorized)
}
