//! The emotion API's endpoints.

pub mod batch;
pub mod health;
pub mod models;
pub mod predict;
pub mod stats;
pub mod ws;

use utoipa::openapi::path::{Operation, PathItem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::App;

/// All of them, at the root.
pub fn unversioned() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(models::list))
        .routes(routes!(models::get))
        .routes(routes!(predict::predict))
        .routes(routes!(batch::batch))
        .routes(routes!(stats::stats))
        .routes(routes!(ws::ws))
}

/// The same for a path with a version: operations of a document have a name each.
pub fn versioned() -> OpenApiRouter<App> {
    let mut routes = unversioned();
    for item in routes.get_openapi_mut().paths.paths.values_mut() {
        for operation in operations(item) {
            operation.operation_id = operation.operation_id.take().map(|id| format!("{id}_v1"));
        }
    }
    routes
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post].into_iter().flatten()
}
