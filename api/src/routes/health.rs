//! Whether the process lives, and whether it can serve.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_shared::blobs::BlobError;
use forebay_shared::clock::Timestamp;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::state::{App, State as AppState};

/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How old the object store's answer may be: probes come every few seconds from several sides, and each costs a request.
const FRESH: Duration = Duration::from_secs(5);
/// An object that nobody writes: its absence is all the answer that is needed.
const ABSENT: &str = "health/absent";

/// Does the process live?
#[utoipa::path(
    get,
    path = "/livez",
    tag = "service",
    operation_id = "livez",
    security(()),
    responses((status = 200, description = "It does", body = String, content_type = "text/plain", example = "ok")),
)]
pub async fn livez() -> &'static str {
    "ok"
}

/// Can the process serve?
///
/// It can if the database answers within a second, and so does the object store.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "service",
    operation_id = "readyz",
    security(()),
    responses(
        (status = 200, description = "It can", body = Readiness),
        (status = 503, description = "It cannot; the checks say why", body = Readiness),
    ),
)]
pub async fn readyz(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let readiness = readiness(&app).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

/// Looks whether the process can serve.
pub async fn readiness(app: &AppState) -> Readiness {
    let (catalogue, blobs) = tokio::join!(catalogue(app), app.probe.blobs(app));
    let stopping = app.parts.tasks.is_stopping();
    let checks = Checks { catalogue, blobs, intake: Check::unless(stopping, "the service is stopping") };
    let ready = [checks.catalogue, checks.blobs, checks.intake].iter().all(|check| check.is_ok());
    Readiness { ready, checks }
}

/// Whether the process can serve, and what was looked at.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// Whether it can.
    pub ready: bool,
    /// What was looked at.
    checks: Checks,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct Checks {
    /// The database answers, and its catalogue of models can be read.
    catalogue: Check,
    /// The object store answers.
    blobs: Check,
    /// New work is taken in.
    intake: Check,
}

/// `ok`, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
struct Check(&'static str);

impl Check {
    const OK: Self = Self("ok");

    fn unless(bad: bool, why: &'static str) -> Self {
        if bad { Self(why) } else { Self::OK }
    }

    fn is_ok(self) -> bool {
        self == Self::OK
    }
}

/// The catalogue is at most a second old, so a good answer means that the database answered within the last.
async fn catalogue(app: &AppState) -> Check {
    match tokio::time::timeout(PATIENCE, app.parts.catalog.all()).await {
        Ok(Ok(_)) => Check::OK,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the catalogue cannot be read");
            Check("the catalogue cannot be read from the database")
        }
        Err(_) => Check("the database does not answer within a second"),
    }
}

/// What the object store said when it was last probed.
#[derive(Debug, Default)]
pub struct Probe(Mutex<Option<(Timestamp, Check)>>);

impl Probe {
    async fn blobs(&self, app: &AppState) -> Check {
        let mut said = self.0.lock().await;
        let now = app.parts.clock.now();
        match *said {
            Some((at, check)) if at <= now && now < at.plus(FRESH) => check,
            _ => {
                let check = probe(app).await;
                *said = Some((now, check));
                check
            }
        }
    }
}

async fn probe(app: &AppState) -> Check {
    match tokio::time::timeout(PATIENCE, app.parts.blobs.get(ABSENT)).await {
        Ok(Ok(_) | Err(BlobError::Missing(_))) => Check::OK,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the object store cannot be reached");
            Check("the object store cannot be reached")
        }
        Err(_) => Check("the object store does not answer within a second"),
    }
}
