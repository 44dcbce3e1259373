//! A call in another API's words, from the body that is read to the answer that is written.

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::Fault;
use forebay_dialects::call::{Answered, Call, Reply, fit};
use forebay_shared::job::{ImageSource, Input, Item, Kind};
use forebay_shared::model::Model;
use tokio::sync::OwnedSemaphorePermit;

use super::{Manner, Work, answer, result};
use crate::auth::Submitter;
use crate::config::LimitConfig;
use crate::problem::{Code, Problem, Surface};
use crate::state::App;
use crate::submission::draft::{check_input, check_needs, check_params};
use crate::submission::picture;
use crate::submission::place::Inputs;
use crate::{limits, residency, unpack};

/// What refusals call the inputs that a dialect has read.
const INPUTS: &str = "inputs";

/// Answers a call with what its job gave; `read` makes a call of its body.
pub async fn serve<R: Reply>(
    app: App,
    submitter: Submitter,
    request: Request,
    read: impl FnOnce(&HeaderMap, &Bytes) -> Result<Call<R>, Fault> + Send + 'static,
) -> Result<Response, Problem> {
    let path = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let surface = Surface::of(&path);
    served(app, (submitter, surface), request, read).await.inspect_err(|problem| refused(path, problem))
}

/// Counts a refusal of a call to this path.
pub fn refused(path: String, problem: &Problem) {
    let code = problem.code().as_str();
    metrics::counter!("forebay_calls_refused_total", "path" => path, "code" => code).increment(1);
}

async fn served<R: Reply>(
    app: App,
    (submitter, surface): (Submitter, Surface),
    request: Request,
    read: impl FnOnce(&HeaderMap, &Bytes) -> Result<Call<R>, Fault> + Send + 'static,
) -> Result<Response, Problem> {
    let manner = Manner::read(request.headers())?;
    let reading = taken(&app, request, read);
    let (call, room) = limits::in_time(app.config.api.upload_timeout, reading).await?;
    let model = find(&app, &submitter.owner, &call.model, call.named_by).await?;
    let Call { kinds, items, params, mut reply, .. } = call;
    reply.meet(kinds, &model.card)?;
    check_params(&params, &model)
        .map_err(|(name, detail)| Problem::new(Code::InvalidParams, detail).at(name.unwrap_or_default()))?;
    let wish = reply.wish();
    if items.is_empty() {
        // There is nothing to do, and so no job.
        let model = match wish {
            Some(wish) => residency::come_about(&app, model, wish).await?,
            None => model,
        };
        let answered = Answered { id: "", model: &model.card.name, job: None };
        return result::respond(reply.write(answered, Vec::new())?);
    }
    for item in &items {
        check_input(&model, &item.input, INPUTS)?;
        check_needs(&model, &item.input, [&item.params, &params], INPUTS)?;
    }
    let (id, urgency) = (app.parts.ids.job(), reply.urgency());
    let inputs = Inputs::new(&app, id);
    let wished = wish.map(|wish| (app.clone(), model.card.name.clone(), wish));
    let work = Work { id, submitter, surface, model, items, inputs, params, urgency, room };
    let response = answer(app, work, manner, reply).await?;
    if let Some((app, model, wish)) = wished {
        app.wishes.say(&model, wish);
    }
    Ok(response)
}

async fn taken<R: Reply>(
    app: &App,
    request: Request,
    read: impl FnOnce(&HeaderMap, &Bytes) -> Result<Call<R>, Fault> + Send + 'static,
) -> Result<(Call<R>, OwnedSemaphorePermit), Problem> {
    let headers = request.headers().clone();
    let (body, room) = unpack::read(app, request, app.config.limits.max_body).await?;
    let (size, bounds) = (body.len(), app.config.limits.clone());
    let read = move || {
        let call = read(&headers, &body)?;
        check_pictures(&call.items, &bounds)?;
        Ok(call)
    };
    Ok((limits::work(&app.parts.tasks, size, read).await?, room))
}

/// Pictures that came along are held against the limits here: a dialect does not know them.
fn check_pictures(items: &[Item], limits: &LimitConfig) -> Result<(), Problem> {
    items.iter().enumerate().try_for_each(|(index, item)| match &item.input {
        Input::Image(ImageSource::Inline(bytes)) => picture::check(bytes, &format!("input {index}"), limits),
        _ => Ok(()),
    })
}

/// The model of this name, which a key of the configuration may have given, if it does one of these kinds.
pub async fn model(
    app: &App,
    owner: &str,
    (name, named_by): (&str, Option<&'static str>),
    kinds: &[Kind],
) -> Result<Model, Problem> {
    let model = find(app, owner, name, named_by).await?;
    fit(kinds, &model.card)?;
    Ok(model)
}

async fn find(app: &App, owner: &str, name: &str, named_by: Option<&'static str>) -> Result<Model, Problem> {
    app.parts.catalog.find(owner, name).await?.ok_or_else(|| match named_by {
        None => Problem::unknown_model(name),
        Some(key) => {
            let detail = format_args!("there is no model `{name}`, which `{key}` of the configuration names");
            Problem::new(Code::UnknownModel, detail).at("model")
        }
    })
}
