//! How long is waited for a hub that is asked too often.

use std::time::Duration;

use reqwest::{Response, StatusCode};

use super::{HubError, Watch};
use crate::fetch;

/// The longest that a server is waited for at once: hubs count requests in windows of five minutes.
const LONGEST: Duration = Duration::from_mins(5);
/// Waits of one request, before it is given up.
const WAITS: u32 = 4;
/// What some hubs say in `Retry-After`'s stead: `"api";r=0;t=55`, of which `t` is when the window ends, in seconds.
const WINDOW: &str = "ratelimit";

/// The waits of one request.
#[derive(Debug, Default)]
pub(super) struct Patience(u32);

impl Patience {
    /// Hands the answer back, unless it is one to wait for: then waits, and the request may be sent again. `None`: it may. An
    /// answer that wants too much patience is an error, which says how much.
    pub(super) async fn with(
        &mut self,
        answer: Response,
        watch: &dyn Watch,
    ) -> Result<Option<Response>, HubError> {
        let is_busy =
            matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let Some(wish) = wish(&answer).filter(|_| is_busy) else { return Ok(Some(answer)) };
        let host = fetch::host(answer.url());
        if wish > LONGEST || self.0 == WAITS {
            return Err(HubError::Busy { host, wait: wish });
        }
        self.0 += 1;
        tracing::info!(host, wait = ?wish, "a hub wants to be left alone for a while");
        watch.waiting(&host, wish);
        drop(answer);
        tokio::time::sleep(wish).await;
        Ok(None)
    }
}

/// How long the server asks to be left alone.
fn wish(answer: &Response) -> Option<Duration> {
    let window = || {
        let told = answer.headers().get(WINDOW)?.to_str().ok()?;
        let seconds = told.split(';').find_map(|part| part.trim().strip_prefix("t="))?;
        seconds.parse().ok().map(Duration::from_secs)
    };
    fetch::refused(answer.url(), answer).retry_after().or_else(window)
}
