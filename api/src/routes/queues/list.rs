//! `GET /v1/queues`

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use forebay_shared::clock::Timestamp;
use forebay_shared::job::Class;
use forebay_shared::registry::PULL;
use forebay_shared::store::{Depth, QueueState, Route, RouteState};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Admin;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// List the queues of models
///
/// What stands in each, by class, and what was ordered.
#[utoipa::path(
    get,
    path = "/v1/queues",
    tag = "queues",
    operation_id = "list_queues",
    responses(
        (status = 200, description = "One queue for each model, by name", body = QueueList),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn list(State(app): State<App>, _: Admin) -> Result<Json<QueueList>, Problem> {
    let store = &app.parts.store;
    let depths: HashMap<Route, Depth> =
        store.depths().await?.into_iter().map(|depth| (depth.route.clone(), depth)).collect();
    let routes: HashMap<Route, RouteState> =
        store.routes(Duration::ZERO).await?.into_iter().map(|state| (state.route.clone(), state)).collect();
    let orders: HashMap<String, QueueState> =
        store.queues().await?.into_iter().map(|order| (order.model.clone(), order)).collect();
    let view = |model: &str| {
        let class = |class| {
            let route = Route { model: model.to_owned(), class };
            let depth = depths.get(&route);
            QueueClass {
                queued: depth.map_or(0, |depth| depth.queued),
                published: routes.get(&route).map_or(0, |state| state.overdue),
                running: depth.map_or(0, |depth| depth.running),
                oldest: depth.and_then(|depth| depth.oldest),
            }
        };
        let order = orders.get(model);
        QueueView {
            model: model.to_owned(),
            paused_at: order.and_then(|order| order.paused_at),
            draining_at: order.and_then(|order| order.draining_at),
            interactive: class(Class::Interactive),
            bulk: class(Class::Bulk),
        }
    };
    let models = app.parts.catalog.all().await?;
    // Bringing models in is no model's work; it has a queue while there is some.
    let route = Route { model: PULL.to_owned(), class: Class::Interactive };
    let pulls = (depths.contains_key(&route) || orders.contains_key(PULL)).then_some(PULL);
    let names = models.iter().map(|model| model.card.name.as_str()).chain(pulls);
    Ok(Json(QueueList { object: "list", data: names.map(view).collect() }))
}

/// All queues.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueList {
    /// `list`
    object: &'static str,
    /// The queues, by model.
    data: Vec<QueueView>,
}

/// A model's queue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queue)]
struct QueueView {
    /// The model's own name.
    model: String,
    /// Since when nothing is begun.
    #[schema(value_type = Option<String>, format = DateTime)]
    paused_at: Option<Timestamp>,
    /// Since when nothing is accepted.
    #[schema(value_type = Option<String>, format = DateTime)]
    draining_at: Option<Timestamp>,
    /// Work that somebody waits for.
    interactive: QueueClass,
    /// Work that fills what is idle.
    bulk: QueueClass,
}

/// What stands in one class.
#[derive(Debug, Serialize, ToSchema)]
struct QueueClass {
    /// Jobs that wait.
    queued: u64,
    /// Those of them that have been handed over to workers.
    published: u64,
    /// Jobs that run.
    running: u64,
    /// Since when the oldest of those that wait could have run.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<Timestamp>,
}
