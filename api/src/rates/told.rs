//! The headers that say how somebody stands with its limits.
//!
//! OpenAI's paths speak as OpenAI does: `x-ratelimit-limit-requests`, `-remaining-` and `-reset-`, and the same of `tokens`
//! for what submissions cost, with times like `6m0s`. All others have `x-ratelimit-limit`, `-remaining` and `-reset` for
//! requests and the same with `-cost` behind them, with times in whole seconds. The limit is what may come at once.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use forebay_shared::rate::Standing;

use super::Meter;
use crate::problem::Surface;
use crate::state::App;

/// Headers for the answer, however it is dressed.
#[derive(Clone, Debug)]
pub struct Told(pub HeaderMap);

/// `limit`, `remaining` and `reset`, as static names.
type Names = [&'static str; 3];

const REQUESTS: Names = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
const COST: Names = ["x-ratelimit-limit-cost", "x-ratelimit-remaining-cost", "x-ratelimit-reset-cost"];
const OPENAI_REQUESTS: Names =
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
const OPENAI_COST: Names =
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];

impl Told {
    /// How a request that was under these limits leaves its sender.
    pub fn of(meter: &Meter, app: &App, surface: Surface) -> Self {
        let (requests, cost, time): (_, _, fn(Duration) -> String) = match surface {
            Surface::OpenAi => (OPENAI_REQUESTS, OPENAI_COST, openai_time),
            _ => (REQUESTS, COST, whole_seconds),
        };
        let mut headers = HeaderMap::new();
        for (limit, names) in [(&meter.requests, requests), (&meter.cost, cost)] {
            if let Some(limit) = limit {
                headers.extend(told(names, app.purses.standing(limit), time));
            }
        }
        Self(headers)
    }
}

fn told(names: Names, standing: Standing, time: fn(Duration) -> String) -> [(HeaderName, HeaderValue); 3] {
    let [limit, remaining, reset] = names.map(HeaderName::from_static);
    let reset_in =
        HeaderValue::try_from(time(standing.reset)).expect("digits and letters can stand in a header");
    [(limit, standing.limit.into()), (remaining, standing.remaining.into()), (reset, reset_in)]
}

fn whole_seconds(span: Duration) -> String {
    span.as_millis().div_ceil(1000).to_string()
}

/// `20ms`, `8.64s`, `6m0s`, `1h0m0s`; milliseconds are rounded up.
fn openai_time(span: Duration) -> String {
    let millis = span.as_micros().div_ceil(1000);
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let seconds = format!("{}.{:03}", rest / 1000, rest % 1000);
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    match (minutes / 60, minutes % 60) {
        (0, 0) if (1..1000).contains(&millis) => format!("{millis}ms"),
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_openai_writes_them() {
        let table = [
            (0, "0s"),
            (20, "20ms"),
            (1000, "1s"),
            (8640, "8.64s"),
            (10_000, "10s"),
            (60_000, "1m0s"),
            (360_000, "6m0s"),
            (90_500, "1m30.5s"),
            (3_600_000, "1h0m0s"),
            (86_399_001, "23h59m59.001s"),
        ];
        for (millis, written) in table {
            assert_eq!(openai_time(Duration::from_millis(millis)), written);
        }
        assert_eq!(openai_time(Duration::from_micros(1)), "1ms");
        assert_eq!(whole_seconds(Duration::from_millis(1001)), "2");
    }
}
