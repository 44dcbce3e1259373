//! `POST /v1/images/generations`

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::OpenAiError;
use crate::auth::Submitter;
use crate::body;
use crate::problem::{Code, Problem};
use crate::state::App;

/// Make pictures of words, as OpenAI does
///
/// No kind of model that is served does it, so every call is refused: an unknown model is `model_not_found`, a known one
/// does something else.
#[utoipa::path(
    post,
    path = "/v1/images/generations",
    tag = "openai",
    operation_id = "create_image",
    request_body = ImageRequest,
    responses(
        (status = 400, description = "The body cannot be read, or the model does something else", body = OpenAiError),
        (status = 404, description = "There is no such model", body = OpenAiError),
        (status = 413, description = "The body is too large", body = OpenAiError),
        (status = 415, description = "The body is not JSON", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn generations(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    let limit = app.config.limits.max_body;
    let ImageRequest { model, .. } = body::read(&app, request, "request", limit).await?;
    let Some(name) = model else {
        let detail = "no model makes pictures of words here, so none is chosen where `model` is missing";
        return Err(Problem::new(Code::UnknownModel, detail).at("model"));
    };
    let model = app
        .parts
        .catalog
        .find(&submitter.owner, &name)
        .await?
        .ok_or_else(|| Problem::unknown_model(&name))?;
    let (name, kind) = (&model.card.name, model.card.kind);
    let detail = format_args!("the model `{name}` does {kind}, and this asks for pictures made of words");
    Err(Problem::new(Code::WrongInput, detail).at("model"))
}

/// What is to be drawn, by which model. OpenAI's other fields are taken and left alone.
#[derive(Debug, Deserialize, ToSchema)]
struct ImageRequest {
    /// The model's name or an alias.
    model: Option<String>,
    /// What the picture shows.
    #[serde(rename = "prompt")]
    #[schema(rename = "prompt")]
    _prompt: String,
}
