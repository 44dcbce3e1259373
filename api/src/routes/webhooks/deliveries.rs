//! `GET /v1/webhooks/{id}/deliveries`
#![expect(unused_qualifications, reason = "utoipa's attribute writes types with their paths")]

use std::collections::HashMap;

use axum::Json;
use axum::extract::{RawQuery, State};
use forebay_shared::clock::Timestamp;
use forebay_shared::id::{DeliveryId, JobId};
use forebay_shared::job::EventType;
use forebay_shared::store::{Delivery, Try};
use forebay_shared::webhook::TEST;
use serde::Serialize;
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use super::{DeliveryState, Id, webhook_not_found};
use crate::auth::Reader;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::App;

/// Deliveries of a page, unless the client says otherwise.
const USUAL: u32 = 20;
/// Deliveries of a page at most.
const MOST: u32 = 100;

/// List deliveries
///
/// The newest come first, each with every try: when, how long, what the receiver answered.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}/deliveries",
    tag = "webhooks",
    operation_id = "list_webhook_deliveries",
    params(("id" = String, Path, description = "The webhook"), DeliveryQuery),
    responses(
        (status = 200, description = "A page of deliveries", body = DeliveryList),
        (status = 400, description = "The id or a query parameter is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn deliveries(
    State(app): State<App>,
    Reader(owner): Reader,
    Id(id): Id,
    RawQuery(query): RawQuery,
) -> Result<Json<DeliveryList>, Problem> {
    let query = DeliveryQuery::read(query.as_deref().unwrap_or_default())?;
    let (store, limit) = (&app.parts.store, query.limit.unwrap_or(USUAL));
    store.webhook(&owner, id).await?.ok_or_else(webhook_not_found)?;
    let state = query.state.map(Into::into);
    let mut found = store.deliveries(&owner, id, state, query.cursor, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next_cursor = found.last().filter(|_| more).map(|last| last.id.to_string());
    let ids: Vec<DeliveryId> = found.iter().map(|delivery| delivery.id).collect();
    let mut tries: HashMap<DeliveryId, Vec<TryView>> = HashMap::new();
    for (of, tried) in store.tries(&owner, &ids).await? {
        tries.entry(of).or_default().push(tried.into());
    }
    let view = |delivery: Delivery| {
        let tries = tries.remove(&delivery.id).unwrap_or_default();
        DeliveryView::new(&delivery, tries)
    };
    Ok(Json(DeliveryList { object: "list", data: found.into_iter().map(view).collect(), next_cursor }))
}

/// Which deliveries, and how many.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeliveryQuery {
    /// Only deliveries that stand so.
    state: Option<DeliveryState>,
    /// How many at most; 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Where to go on: the `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<DeliveryId>,
}

impl DeliveryQuery {
    /// Reads a query string; what is unknown is refused, since a misspelt filter would show everything.
    fn read(query: &str) -> Result<Self, Problem> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "state" => read.state = Some(state(&value)?),
                "limit" => read.limit = Some(limit(&value)?),
                "cursor" => {
                    let detail = "the cursor is none that a listing has answered with";
                    let wrong = |_| Problem::new(Code::InvalidCursor, detail).at("cursor");
                    read.cursor = Some(value.parse().map_err(wrong)?);
                }
                name => return Err(invalid(name, "it is not known")),
            }
        }
        Ok(read)
    }
}

fn state(value: &str) -> Result<DeliveryState, Problem> {
    let state: Result<forebay_shared::store::DeliveryState, _> = value.parse();
    state.map(Into::into).map_err(|error| invalid("state", &error.to_string()))
}

fn limit(value: &str) -> Result<u32, Problem> {
    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| {
        invalid("limit", &format!("it must be a number from 1 to {MOST}")).limit(u64::from(MOST))
    })
}

fn invalid(name: &str, why: &str) -> Problem {
    Problem::new(Code::InvalidQuery, format_args!("the query parameter `{name}` is not valid: {why}"))
        .at(name)
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDeliveryList)]
pub struct DeliveryList {
    /// `list`
    object: &'static str,
    /// The newest first.
    data: Vec<DeliveryView>,
    /// What to ask for the next page with; null on the last.
    next_cursor: Option<String>,
}

/// A message to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
struct DeliveryView {
    /// Its id: the `webhook-id` of every try.
    #[schema(value_type = String)]
    id: DeliveryId,
    /// `webhook_delivery`
    object: &'static str,
    /// What it tells of: a type of event, or `webhook.test`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The job that it tells of.
    #[schema(value_type = Option<String>, format = Uuid)]
    job: Option<JobId>,
    /// How it stands.
    state: DeliveryState,
    /// When it is tried next.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it got through, or was given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// The tries, first to last.
    attempts: Vec<TryView>,
}

impl DeliveryView {
    fn new(delivery: &Delivery, attempts: Vec<TryView>) -> Self {
        Self {
            id: delivery.id,
            object: "webhook_delivery",
            kind: delivery.kind.map_or(TEST, EventType::as_str),
            job: delivery.job,
            state: delivery.state.into(),
            next_at: delivery.next_at,
            created_at: delivery.created_at,
            ended_at: delivery.ended_at,
            attempts,
        }
    }
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
struct TryView {
    /// Its number, from 1.
    number: u32,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// How long it took, in milliseconds.
    took_ms: f64,
    /// The HTTP status.
    status: Option<u16>,
    /// The first bytes of the answer.
    answer: String,
    /// Why there was none.
    error: Option<String>,
}

impl From<Try> for TryView {
    fn from(tried: Try) -> Self {
        Self {
            number: tried.number,
            at: tried.at,
            took_ms: tried.took_ms,
            status: tried.status,
            answer: tried.answer,
            error: tried.error,
        }
    }
}
