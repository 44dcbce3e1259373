//! `POST /v1/moderations`

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::openai::Endpoint;
use serde::Serialize;
use utoipa::ToSchema;

use super::OpenAiError;
use crate::auth::Submitter;
use crate::body::must_be_json;
use crate::call;
use crate::problem::Problem;
use crate::state::App;

/// Judge texts, as OpenAI does
///
/// By the classifier that the configuration names (`[moderation]`), whose labels count towards the categories given there.
/// OpenAI's own categories are always in the answer; those that the classifier knows nothing of score 0. The call waits for
/// its job, up to 60 seconds. Who hangs up before cancels the job, unless `x-forebay-detach` is `true`.
#[utoipa::path(
    post,
    path = "/v1/moderations",
    tag = "openai",
    operation_id = "create_moderation",
    request_body = ModerationRequest,
    params(
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: no answer that was kept from earlier will do"),
    ),
    responses(
        (status = 200, description = "A judgement for each input", body = ModerationAnswer, headers(
            ("x-forebay-job" = String, description = "The job that did it"),
            ("x-forebay-cache" = String, description = "Where answers are kept: whether all of them were kept from earlier (`hit`), some (`partial`) or none (`miss`)"),
        )),
        (status = 400, description = "The body cannot be read, or a field is not valid", body = OpenAiError),
        (status = 404, description = "No model is set up for this, or another one is asked for", body = OpenAiError),
        (status = 408, description = "The body did not arrive in time", body = OpenAiError),
        (status = 409, description = "Somebody cancelled the job", body = OpenAiError),
        (status = 413, description = "The body is too large", body = OpenAiError),
        (status = 415, description = "The body is not JSON", body = OpenAiError),
        (status = 500, description = "The job failed", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
        (status = 504, description = "The job did not end in time, and is cancelled unless it was to go on", body = OpenAiError, headers(
            ("x-forebay-job" = String, description = "The job"),
            ("x-should-retry" = bool, description = "`false`"),
        )),
    ),
)]
pub async fn moderations(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    must_be_json(request.headers())?;
    let moderation = app.config.moderation.clone();
    let read = move |_: &HeaderMap, body: &Bytes| Endpoint::Moderations.read(body, &moderation);
    call::dialect::serve(app, submitter, request, read).await
}

/// Texts to be judged.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct ModerationRequest {
    /// At most 2048 texts; parts are judged together.
    input: ModerationInput,
    /// The configured model, or one of OpenAI's names for its own, which mean the configured one.
    model: Option<String>,
}

/// A text, texts, or the parts of one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the dialect reads it")]
enum ModerationInput {
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// Parts of one text.
    Parts(Vec<ModerationPart>),
}

/// A part of a text.
#[derive(Debug, Serialize, ToSchema)]
struct ModerationPart {
    /// `text`; pictures are not judged.
    #[serde(rename = "type")]
    kind: String,
    /// The text.
    text: String,
}

/// Judgements.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct ModerationAnswer {
    /// `modr-` and the job's id.
    id: String,
    /// The model's own name.
    model: String,
    /// In the order of the inputs.
    results: Vec<Judgement>,
}

/// A judgement.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct Judgement {
    /// Whether any category is.
    flagged: bool,
    /// Whether each category scores at least the threshold.
    categories: BTreeMap<String, bool>,
    /// The score of each category, 0…1.
    category_scores: BTreeMap<String, f32>,
    /// `text` for categories that the model knows of.
    category_applied_input_types: BTreeMap<String, Vec<String>>,
}
