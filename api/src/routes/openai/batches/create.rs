//! `POST /v1/batches`

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use forebay_dialects::openai::Endpoint;
use forebay_shared::bulk::{Form, Layout, OnBadLine};
use forebay_shared::job::Object;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::OpenAiError;
use super::BatchView;
use crate::auth::Submitter;
use crate::body;
use crate::bulk::{self, Wishes};
use crate::problem::{Code, Problem};
use crate::state::App;

/// Lines may also be jobs, which OpenAI knows nothing of.
const JOBS: &str = "/v1/jobs";
/// How long OpenAI keeps output at the shortest and the longest, in seconds.
const KEPT: (u64, u64) = (3600, 2_592_000);

/// Run a file of requests
///
/// The file is read first, and refused as a whole if a line is bad. Its lines then run when nothing more urgent does.
#[utoipa::path(
    post,
    path = "/v1/batches",
    tag = "bulk",
    operation_id = "create_batch",
    request_body = BatchRequest,
    responses(
        (status = 200, description = "The batch, whose file is to be read", body = BatchView),
        (status = 400, description = "The body cannot be read, or a field is not valid", body = OpenAiError),
        (status = 404, description = "There is no such file", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn create(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Json<BatchView>, Problem> {
    let wish: BatchRequest = body::read(&app, request, "request", app.config.limits.max_body).await?;
    let wishes = wish.check(&app)?;
    let bulk = bulk::create(&app, submitter, wishes, "input_file_id").await?;
    Ok(Json(BatchView::new(bulk)))
}

/// A file to be run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BatchRequest {
    /// A file of the purpose `batch`, one request a line.
    input_file_id: String,
    /// What every line names as its `url`: `/v1/embeddings`, `/v1/moderations` or `/v1/jobs`.
    endpoint: String,
    /// How long it may take: `24h`, `15m`, `7d`.
    completion_window: String,
    /// At most 16 pairs.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    metadata: Option<Object>,
    /// How long the files of answers and errors are kept; 30 days by default.
    #[serde(default)]
    output_expires_after: Option<ExpiresAfter>,
}

/// How long files are kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OutputExpiresAfter)]
struct ExpiresAfter {
    /// `created_at`
    anchor: String,
    /// 3600 to 2592000.
    #[schema(minimum = 3600, maximum = 2_592_000)]
    seconds: u64,
}

impl BatchRequest {
    fn check(self, app: &App) -> Result<Wishes, Problem> {
        if Endpoint::at(&self.endpoint).is_none() && self.endpoint != JOBS {
            let detail = format_args!(
                "`endpoint` must be `/v1/embeddings`, `/v1/moderations` or `{JOBS}`, not `{}`",
                self.endpoint
            );
            return Err(Problem::new(Code::InvalidField, detail).at("endpoint"));
        }
        let file = self.input_file_id.parse().map_err(|_| {
            let detail = format_args!("there is no file `{}`", self.input_file_id);
            Problem::new(Code::FileNotFound, detail).at("input_file_id")
        })?;
        let span = bulk::span(app, &self.completion_window, "completion_window")?;
        Ok(Wishes {
            form: Form::Openai,
            layout: Layout::Jsonl,
            on_bad_line: OnBadLine::Refuse,
            endpoint: Some(self.endpoint),
            model: None,
            params: Object::new(),
            file,
            retry_of: None,
            window: (self.completion_window, span),
            keep: self.output_expires_after.map(ExpiresAfter::check).transpose()?,
            metadata: bulk::metadata(self.metadata)?,
            webhook: None,
        })
    }
}

impl ExpiresAfter {
    fn check(self) -> Result<Duration, Problem> {
        if self.anchor != "created_at" {
            let detail = "`output_expires_after.anchor` must be `created_at`";
            return Err(Problem::new(Code::InvalidField, detail).at("output_expires_after.anchor"));
        }
        let (least, most) = KEPT;
        if !(least..=most).contains(&self.seconds) {
            let detail = format_args!("`output_expires_after.seconds` must be from {least} to {most}");
            return Err(Problem::new(Code::InvalidField, detail)
                .at("output_expires_after.seconds")
                .limit(most));
        }
        Ok(Duration::from_secs(self.seconds))
    }
}
