//! A call in another API's words, from the body that is read to the answer that is written.

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::Fault;
use forebay_dialects::call::{Call, Reply, unfit};
use forebay_shared::model::Model;
use tokio::sync::OwnedSemaphorePermit;

use super::{Manner, Work, answer};
use crate::auth::Submitter;
use crate::limits;
use crate::problem::{Code, Problem};
use crate::state::App;
use crate::submission::draft::check_params;

/// Answers a call with what its job gave; `read` makes a call of its body.
pub async fn serve<R: Reply>(
    app: App,
    submitter: Submitter,
    request: Request,
    read: impl FnOnce(&HeaderMap, &Bytes) -> Result<Call<R>, Fault> + Send + 'static,
) -> Result<Response, Problem> {
    let path = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    served(app, submitter, request, read).await.inspect_err(|problem| {
        let code = problem.code().as_str();
        metrics::counter!("forebay_calls_refused_total", "path" => path, "code" => code).increment(1);
    })
}

async fn served<R: Reply>(
    app: App,
    submitter: Submitter,
    request: Request,
    read: impl FnOnce(&HeaderMap, &Bytes) -> Result<Call<R>, Fault> + Send + 'static,
) -> Result<Response, Problem> {
    let manner = Manner::read(request.headers())?;
    let reading = taken(&app, request, read);
    let (call, room) = limits::in_time(app.config.api.upload_timeout, reading).await?;
    let model = model(&app, &call).await?;
    let Call { items, params, reply, .. } = call;
    answer(app, Work { submitter, model, items, params, room }, manner, reply).await
}

async fn taken<R: Reply>(
    app: &App,
    request: Request,
    read: impl FnOnce(&HeaderMap, &Bytes) -> Result<Call<R>, Fault> + Send + 'static,
) -> Result<(Call<R>, OwnedSemaphorePermit), Problem> {
    let headers = request.headers().clone();
    let (body, room) = app.memory.read(request, app.config.limits.max_body).await?;
    let (size, read) = (body.len(), move || Ok(read(&headers, &body)?));
    Ok((limits::work(&app.parts.tasks, size, read).await?, room))
}

/// The model that is asked for, if it can do this.
async fn model<R>(app: &App, call: &Call<R>) -> Result<Model, Problem> {
    let found = app.parts.catalog.find(&call.model).await?;
    let model = found.ok_or_else(|| match call.named_by {
        None => Problem::unknown_model(&call.model),
        Some(key) => {
            let detail =
                format_args!("there is no model `{}`, which `{key}` of the configuration names", call.model);
            Problem::new(Code::UnknownModel, detail).at("model").model(&call.model)
        }
    })?;
    if let Some(detail) = unfit(call.kinds, &model.card) {
        return Err(Problem::new(Code::WrongInput, detail).at("model"));
    }
    check_params(&call.params, &model)
        .map_err(|(name, detail)| Problem::new(Code::InvalidParams, detail).at(name.unwrap_or_default()))?;
    Ok(model)
}
