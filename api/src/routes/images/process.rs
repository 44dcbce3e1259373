//! `POST /process`

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use forebay_dialects::call::Urgency;
use forebay_dialects::images;
use forebay_shared::model::Model;
use utoipa::ToSchema;

use super::{ImageBody, ImageError, ImageForm, picture};
use crate::accept;
use crate::auth::Submitter;
use crate::call::{self, Manner, Work, dialect};
use crate::problem::{Code, Problem, Surface};
use crate::routes::jobs::ready::Brought;
use crate::state::App;

/// Process a picture
///
/// The answer is waited for, up to 60 seconds. Who hangs up before cancels the job, unless `x-forebay-detach` is `true`. With
/// `Accept: image/png` a model that makes pictures answers with the picture itself.
#[utoipa::path(
    post,
    path = "/process",
    tag = "images",
    operation_id = "process_image",
    request_body(content(
        (ImageForm = "multipart/form-data"),
        (ImageBody = "application/json"),
    )),
    params(
        ("url" = Option<String>, Query, description = "Where the picture can be fetched, instead of a body"),
        ("model" = Option<String>, Query, description = "The model's name or an alias, unless the body says it"),
        ("Accept" = Option<String>, Header, description = "`image/png`: the picture that the model makes", example = "image/png"),
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: no answer that was kept from earlier will do"),
    ),
    responses(
        (status = 200, description = "What the model made of the picture", content(
            (Processed = "application/json"),
            (Vec<u8> = "image/png"),
        ), headers(
            ("x-forebay-job" = String, description = "The job that did it"),
        )),
        (status = 400, description = "The body is neither multipart nor JSON, or there is no picture, it is none, it is too large, or it cannot be fetched", body = ImageError),
        (status = 404, description = "There is no such model", body = ImageError),
        (status = 406, description = "A picture is asked for, and the model makes none", body = ImageError),
        (status = 408, description = "The body did not arrive in time", body = ImageError),
        (status = 409, description = "Somebody cancelled the job", body = ImageError),
        (status = 413, description = "The body is too large", body = ImageError),
        (status = 429, description = "Too much is waiting already", body = ImageError),
        (status = 500, description = "The job failed", body = ImageError),
        (status = 503, description = "Ask again in a moment", body = ImageError),
        (status = 504, description = "The job did not end in time, and is cancelled unless it was to go on", body = ImageError),
    ),
)]
pub async fn process(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    let processed = processed(app, submitter, request).await;
    processed.inspect_err(|problem| dialect::refused("/process".to_owned(), problem))
}

async fn processed(app: App, submitter: Submitter, request: Request) -> Result<Response, Problem> {
    let (headers, manner) = (request.headers().clone(), Manner::read(request.headers())?);
    let Brought { id, draft, inputs, room } = picture::bring(&app, &submitter.owner, request, false).await?;
    let drawn = wants_picture(&headers, &draft.model)?;
    let (model, items, params) = (draft.model, draft.items, draft.params);
    let urgency = Urgency::default();
    let surface = Surface::Images;
    let work = Work { id, submitter, surface, model, items, inputs, params, urgency, room };
    if drawn {
        call::picture(app, work, manner).await
    } else {
        call::answer(app, work, manner, images::Reply::Processed).await
    }
}

/// Whether the answer is the picture that the model makes.
fn wants_picture(headers: &HeaderMap, model: &Model) -> Result<bool, Problem> {
    let picture = accept::quality(headers, "image/png");
    if !picture.is_named() {
        return Ok(false);
    }
    let json = accept::quality(headers, "application/json");
    if model.card.kind.draws() {
        return Ok(picture >= json);
    }
    if json.is_any() {
        return Ok(false);
    }
    let detail =
        format_args!("the model `{}` does {} and makes no picture", model.card.name, model.card.kind);
    Err(Problem::new(Code::NotAcceptable, detail).at("Accept").model(&model.card.name))
}

/// What the model made of the picture.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct Processed {
    /// What the job's result has as the item's `output`; pictures as `files` with `url`, `content_type` and `bytes`.
    #[schema(value_type = Object)]
    result: (),
}
