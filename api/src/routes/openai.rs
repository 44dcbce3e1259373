//! OpenAI's endpoints: what they share.

pub mod batches;
pub mod embeddings;
pub mod files;
pub mod moderations;
pub mod uploads;

use axum::extract::Request;
use axum::response::Response;
use forebay_dialects::openai::{Answered, Call, Endpoint};
use forebay_shared::job::Kind;
use forebay_shared::model::Model;
use utoipa::ToSchema;

use crate::auth::Submitter;
use crate::body::must_be_json;
use crate::call::{self, Manner, Work};
use crate::limits;
use crate::problem::{Code, Problem};
use crate::state::App;
use crate::submission::draft::check_params;

/// Answers a call with what its job gave.
pub(super) async fn serve(
    app: App,
    submitter: Submitter,
    endpoint: Endpoint,
    request: Request,
) -> Result<Response, Problem> {
    taken(app, submitter, endpoint, request).await.inspect_err(|problem| {
        let code = problem.code().as_str();
        metrics::counter!("forebay_calls_refused_total", "path" => endpoint.path(), "code" => code)
            .increment(1);
    })
}

async fn taken(
    app: App,
    submitter: Submitter,
    endpoint: Endpoint,
    request: Request,
) -> Result<Response, Problem> {
    let manner = Manner::read(request.headers())?;
    must_be_json(request.headers())?;
    let (call, room) = limits::in_time(app.config.api.upload_timeout, read(&app, endpoint, request)).await?;
    let model = model(&app, endpoint, &call).await?;
    let Call { items, params, reply, .. } = call;
    let work = Work { submitter, model, items, params, room };
    let reply = move |job: &forebay_shared::job::Job, outcomes| {
        let id = job.id.to_string().replace('-', "");
        Ok(reply.write(Answered { id: &id, model: &job.model }, outcomes)?)
    };
    call::answer(app, work, manner, reply).await
}

async fn read(
    app: &App,
    endpoint: Endpoint,
    request: Request,
) -> Result<(Call, tokio::sync::OwnedSemaphorePermit), Problem> {
    let (body, room) = app.memory.read(request, app.config.limits.max_body).await?;
    let (size, moderation) = (body.len(), app.config.moderation.clone());
    let read = move || Ok(endpoint.read(&body, &moderation)?);
    Ok((limits::work(&app.parts.tasks, size, read).await?, room))
}

/// The model that is asked for, if it can do this.
async fn model(app: &App, endpoint: Endpoint, call: &Call) -> Result<Model, Problem> {
    let found = app.parts.catalog.find(&call.model).await?;
    let model = found.ok_or_else(|| match endpoint {
        Endpoint::Embeddings => Problem::unknown_model(&call.model),
        Endpoint::Moderations => {
            let detail = format_args!(
                "there is no model `{}`, which `moderation.model` of the configuration names",
                call.model
            );
            Problem::new(Code::UnknownModel, detail).at("model").model(&call.model)
        }
    })?;
    can(&model, call.kind)?;
    check_params(&call.params, &model)
        .map_err(|(name, detail)| Problem::new(Code::InvalidParams, detail).at(name.unwrap_or_default()))?;
    Ok(model)
}

fn can(model: &Model, kind: Kind) -> Result<(), Problem> {
    let card = &model.card;
    if card.kind == kind {
        return Ok(());
    }
    let detail = format_args!("the model `{}` does {}, and this asks for {kind}", card.name, card.kind);
    Err(Problem::new(Code::WrongInput, detail).at("model"))
}

/// A refusal in OpenAI's words.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
pub struct OpenAiError {
    /// Why.
    error: OpenAiErrorBody,
}

/// Why a request was refused, in OpenAI's words.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
pub struct OpenAiErrorBody {
    /// One sentence.
    message: String,
    /// `invalid_request_error`, `server_error`, …
    #[schema(rename = "type")]
    kind: String,
    /// Where in the request the reason stands.
    param: Option<String>,
    /// The stable code: compare with this one.
    code: Option<String>,
}
