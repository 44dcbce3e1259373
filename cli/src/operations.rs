//! `/livez`, `/readyz` and `/metrics` of the roles that serve no api.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

/// How long the database may take before the process counts as not ready.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers on `listen` until a hard stop; on an empty address nowhere.
pub async fn serve(
    listen: &str,
    store: Arc<dyn Store>,
    metrics: Option<PrometheusHandle>,
    tasks: &Tasks,
) -> anyhow::Result<()> {
    if listen.is_empty() {
        return Ok(());
    }
    let address: SocketAddr = listen.parse().with_context(|| format!("telemetry.listen `{listen}`"))?;
    let listener = TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
    let stopping = tasks.clone();
    let ready = move || {
        let (store, tasks) = (store.clone(), stopping.clone());
        async move { readiness(store.as_ref(), &tasks).await }
    };
    let router =
        Router::new().route("/livez", get(|| async { "alive\n" })).route("/readyz", get(ready)).route(
            "/metrics",
            get(move || async move { metrics.map(|metrics| metrics.render()).unwrap_or_default() }),
        );
    let stopped = tasks.stopped();
    tasks.spawn("operations", async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "the operations listener broke");
        }
    });
    Ok(())
}

async fn readiness(store: &dyn Store, tasks: &Tasks) -> (StatusCode, &'static str) {
    if tasks.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match tokio::time::timeout(PATIENCE, store.workers()).await {
        Ok(Ok(_)) => (StatusCode::OK, "ready\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached\n"),
    }
}
