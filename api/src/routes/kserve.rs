//! KServe's Open Inference Protocol v2, as Triton speaks it: what its endpoints share.

pub mod index;
pub mod infer;
pub mod model;
pub mod repository;
pub mod server;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use forebay_dialects::kserve::VERSION;
use forebay_shared::model::Model;
use utoipa::ToSchema;

use super::segment::segment;
use crate::auth;
use crate::problem::{Code, Problem};
use crate::state::App;

/// A refusal in KServe's words.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
pub struct KserveError {
    /// Why.
    error: String,
}

/// The model that the path names, by its name or an alias, and by its version if it names one.
#[derive(Clone, Debug)]
pub struct Named(pub Model);

impl FromRequestParts<App> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let not_utf8 = || Problem::new(Code::InvalidId, "the name is not UTF-8").at("name");
        let name = segment(parts, app, "name").await.ok_or_else(not_utf8)?;
        let owner = auth::whose(app, &parts.headers).await?;
        let model =
            app.parts.catalog.find(&owner, &name).await?.ok_or_else(|| Problem::unknown_model(&name))?;
        match segment(parts, app, "version").await {
            Some(version) if version != VERSION => {
                let detail = format_args!("the model `{name}` has the version {VERSION} only");
                Err(Problem::new(Code::UnknownModel, detail).at("version").model(&name))
            }
            _ => Ok(Self(model)),
        }
    }
}
