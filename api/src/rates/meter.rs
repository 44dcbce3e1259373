//! Which limits a request is under, and what it is told when one of them is used up.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use forebay_shared::job::Cost;
use forebay_shared::rate::{Rate, Spent};
use forebay_shared::store::ApiKey;

use crate::address;
use crate::problem::{Code, Problem, Surface};
use crate::state::App;

/// A limit that a request is under.
#[derive(Clone, Debug)]
pub struct Limit {
    /// Whose it is and of what, as the store knows it.
    pub name: Arc<str>,
    /// How much.
    pub rate: Rate,
    by: By,
}

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Key,
    Address,
}

/// Who asks.
enum Subject {
    Key(Box<ApiKey>),
    Address(IpAddr),
}

/// The limits that a request is under.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    /// On requests.
    pub requests: Option<Limit>,
    /// On what submissions cost.
    pub cost: Option<Limit>,
}

impl Meter {
    /// The limits that a request is under that comes from this address, with this key if it bears a valid one.
    pub fn of(app: &App, surface: Surface, address: IpAddr, key: Option<ApiKey>) -> Self {
        let config = &app.config.rate_limits;
        let subject = key.map_or(Subject::Address(address), |key| Subject::Key(Box::new(key)));
        let (requests, cost) = match &subject {
            Subject::Key(key) => {
                (key.limits.requests.or(config.key_requests), key.limits.cost.or(config.key_cost))
            }
            Subject::Address(_) => (config.address_requests, config.address_cost),
        };
        let tasks = config.image_task_requests.filter(|_| surface == Surface::Images);
        let requests = match tasks {
            Some(rate) => Some(Subject::Address(address).limit("tasks", rate)),
            None => requests.map(|rate| subject.limit("requests", rate)),
        };
        Self { requests, cost: cost.map(|rate| subject.limit("cost", rate)) }
    }

    /// Whether a request counts for the same under both.
    pub fn counts_as(&self, other: &Self) -> bool {
        let names = [self, other].map(|meter| meter.requests.as_ref().map(|limit| &limit.name));
        names[0] == names[1]
    }

    /// Counts a request, or says when to come back.
    pub async fn enter(&self, app: &App) -> Result<(), Problem> {
        let Some(limit) = &self.requests else { return Ok(()) };
        match app.purses.spend(limit, 1).await? {
            Spent::Refused(after) => {
                let detail = format!("{} has made the requests that it may, {}", limit.by, limit.rate);
                Err(limit.refuse(Code::TooManyRequests, "requests", &detail, after))
            }
            Spent::Paid | Spent::Short => Ok(()),
        }
    }

    /// Counts what a submission costs, or says when to come back. To be called before anything is stored.
    pub async fn charge(&self, app: &App, cost: Cost) -> Result<(), Problem> {
        let (Some(limit), 1..) = (&self.cost, cost.units()) else { return Ok(()) };
        let most = limit.rate.burst();
        if cost.units() > most {
            let detail = format!(
                "this costs about {}, and {} may have no more than {most} at once of {}",
                cost.units(),
                limit.by,
                limit.rate
            );
            return Err(Problem::new(Code::CostTooLarge, detail).limit(most));
        }
        match app.purses.spend(limit, cost.units()).await? {
            Spent::Refused(after) => {
                let detail = format!(
                    "{} has used up what its submissions may cost, {} tokens, pictures or items; this costs about {}",
                    limit.by,
                    limit.rate,
                    cost.units()
                );
                Err(limit.refuse(Code::TooMuchCost, "cost", &detail, after))
            }
            Spent::Paid | Spent::Short => Ok(()),
        }
    }
}

impl Limit {
    fn refuse(&self, code: Code, of: &'static str, detail: &str, after: Duration) -> Problem {
        metrics::counter!("forebay_rate_limited_total", "by" => self.by.as_str(), "of" => of).increment(1);
        let seconds = after.as_millis().div_ceil(1000).max(1);
        let detail = format_args!("{detail}; ask again in {seconds} s");
        Problem::new(code, detail).limit(self.rate.burst()).retry_after(after)
    }
}

impl By {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Address => "address",
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "the API key",
            Self::Address => "your address",
        })
    }
}

impl Subject {
    /// The subject's limit of this kind.
    fn limit(&self, of: &str, rate: Rate) -> Limit {
        let (by, name) = match self {
            Self::Key(key) => (By::Key, format!("key/{}/{of}", key.id)),
            Self::Address(address) => (By::Address, format!("address/{}/{of}", address::household(*address))),
        };
        Limit { name: name.into(), rate, by }
    }
}

/// As the layer found it; none where it was not asked.
impl FromRequestParts<App> for Meter {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}
