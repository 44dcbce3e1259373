//! Queues of models: what stands in them, and orders to them. They are everybody's, so this needs the scope `admin`.

pub mod drain;
pub mod list;
pub mod pause;
pub mod purge;
pub mod resume;

use axum::extract::FromRequestParts;
use axum::extract::Path;
use axum::http::request::Parts;
use forebay_shared::registry::PULL;

use crate::problem::{Code, Problem};
use crate::state::App;

/// The model in the path, by its own name.
#[derive(Clone, Debug)]
pub struct Named(pub String);

impl FromRequestParts<App> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(name): Path<String> = Path::from_request_parts(parts, app)
            .await
            .map_err(|_| Problem::new(Code::InvalidId, "the name is not UTF-8").at("model"))?;
        if name == PULL {
            return Ok(Self(name));
        }
        let model = app.parts.catalog.find_any(&name).await?.ok_or_else(|| Problem::unknown_model(&name))?;
        Ok(Self(model.card.name))
    }
}
