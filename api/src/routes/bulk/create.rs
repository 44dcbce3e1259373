//! `POST /v1/bulk`

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_shared::bulk::{Form, Layout, OnBadLine};
use forebay_shared::id::FileId;
use forebay_shared::job::Object;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{BulkView, bring};
use crate::auth::Submitter;
use crate::bulk::{self, Wishes};
use crate::limits;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::{self, App};
use crate::submission::Webhook;

/// How long a bulk may take, unless the client says otherwise.
const USUAL_WINDOW: &str = "24h";
/// The column of a table's texts, unless the client says otherwise.
const USUAL_COLUMN: &str = "text";
/// Bytes of a column's name.
const LONGEST_NAME: usize = 256;

/// Run a file of lines
///
/// Each line is a job, `{"id","input","params","model"}`, or a call, `{"custom_id","url","body"}` for `/v1/jobs`,
/// `/v1/embeddings` or `/v1/moderations`; or a row of a CSV file, or a picture in a ZIP or tar archive. Lines run when
/// nothing more urgent does; a bad one is reported in the file of errors, or has the file refused if `on_bad_line` says so.
///
/// The file was uploaded before, or comes with the request as `multipart/form-data`, or from a URL.
#[utoipa::path(
    post,
    path = "/v1/bulk",
    tag = "bulk",
    operation_id = "create_bulk",
    request_body(content(
        (BulkRequest = "application/json"),
        (BulkForm = "multipart/form-data"),
    )),
    responses(
        (status = 202, description = "The bulk, whose file is to be read", body = BulkView, headers(
            ("Location" = String, description = "Where to ask for it"),
        )),
        (status = 400, description = "The body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such file or model", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body or the file is too large, or the owner has no room left", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor multipart", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn create(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    let wishes =
        limits::in_time(app.config.api.upload_timeout, bring::read(&app, &submitter, request)).await?;
    let bulk = bulk::create(&app, submitter, wishes, "file").await?;
    let location = format!("/v1/bulk/{}", bulk::name(bulk.id));
    let view = Json(BulkView::new(bulk, app.parts.store.now()));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], view).into_response())
}

fn delimiter(text: &str) -> Result<u8, Problem> {
    match text.as_bytes() {
        [one] if one.is_ascii() && !matches!(one, b'"' | b'\r' | b'\n' | 0) => Ok(*one),
        _ => {
            let detail = "`delimiter` must be one ASCII character, and neither a quote nor a line's end";
            Err(Problem::new(Code::InvalidField, detail).at("delimiter"))
        }
    }
}

/// A file to be run, and what is to be done with it.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is read field by field")]
struct BulkForm {
    /// What is to be done, as JSON without `file` and `url`; it comes first.
    bulk: BulkRequest,
    /// The file, with its name.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// A file to be run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// An uploaded file (`POST /v1/files`). This, or `url`, or the file itself in a multipart body.
    #[serde(default)]
    pub file: Option<String>,
    /// Where the file is fetched from before the answer; what may be fetched is the operator's to say.
    #[serde(default)]
    pub url: Option<String>,
    /// How the file is written: `jsonl`, which is the default; `csv`, each row a text; `zip` or `tar`, each file a picture.
    #[serde(default)]
    format: Option<String>,
    /// Of `csv`: the column of the text; `text` by default.
    #[serde(default)]
    column: Option<String>,
    /// Of `csv`: the column of the row's name, if rows have one.
    #[serde(default)]
    id_column: Option<String>,
    /// Of `csv`: what stands between fields, one ASCII character; `,` by default.
    #[serde(default)]
    delimiter: Option<String>,
    /// The model of lines that name none; needed unless the format is `jsonl`.
    #[serde(default)]
    model: Option<String>,
    /// Parameters for every line; a line's own stand over them.
    #[serde(default)]
    params: Option<Object>,
    /// How long it may take: `24h`, which is the default, `15m`, `7d`.
    #[serde(default)]
    window: Option<String>,
    /// Whether a bad line is reported and the rest runs (`report`, the default), or the file is refused (`refuse`).
    #[serde(default)]
    on_bad_line: Option<OnBadLine>,
    /// At most 16 pairs.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    metadata: Option<Object>,
    /// Whom to tell of its end, beside the endpoints that are registered.
    #[serde(default)]
    webhook: Option<Webhook>,
}

impl BulkRequest {
    fn layout(&self) -> Result<Layout, Problem> {
        let layout = match self.format.as_deref().unwrap_or("jsonl") {
            "jsonl" => Layout::Jsonl,
            "csv" => Layout::Csv {
                column: self.column.clone().unwrap_or_else(|| USUAL_COLUMN.to_owned()),
                id_column: self.id_column.clone(),
                delimiter: self.delimiter.as_deref().map_or(Ok(b','), delimiter)?,
            },
            "zip" => Layout::Zip,
            "tar" => Layout::Tar,
            format => {
                let detail = format_args!("`format` must be `jsonl`, `csv`, `zip` or `tar`, not `{format}`");
                return Err(Problem::new(Code::InvalidField, detail).at("format"));
            }
        };
        let of_csv =
            [("column", &self.column), ("id_column", &self.id_column), ("delimiter", &self.delimiter)];
        for (name, value) in of_csv {
            let Some(value) = value else { continue };
            if !matches!(layout, Layout::Csv { .. }) {
                let detail = format_args!("`{name}` is for the format `csv`");
                return Err(Problem::new(Code::InvalidField, detail).at(name));
            }
            if value.len() > LONGEST_NAME || value.contains('\0') {
                let detail =
                    format_args!("`{name}` must have at most {LONGEST_NAME} bytes, none of them U+0000");
                return Err(Problem::new(Code::InvalidField, detail).at(name).limit(LONGEST_NAME as u64));
            }
        }
        Ok(layout)
    }

    /// What is wished of the file with this id, all of it checked.
    pub async fn check(self, app: &state::State, owner: &str, file: FileId) -> Result<Wishes, Problem> {
        if let Some(model) = &self.model {
            app.parts.catalog.find(owner, model).await?.ok_or_else(|| Problem::unknown_model(model))?;
        }
        let window = self.window.clone().unwrap_or_else(|| USUAL_WINDOW.to_owned());
        let span = bulk::span(app, &window, "window")?;
        let layout = self.layout()?;
        if layout != Layout::Jsonl && self.model.is_none() {
            let detail =
                format_args!("a file of the format `{}` names no model, so `model` must", layout.name());
            return Err(Problem::new(Code::MissingField, detail).at("model"));
        }
        Ok(Wishes {
            form: Form::Native,
            layout,
            on_bad_line: self.on_bad_line.unwrap_or(OnBadLine::Report),
            endpoint: None,
            model: self.model,
            params: self.params.unwrap_or_default(),
            file,
            retry_of: None,
            window: (window, span),
            keep: None,
            metadata: bulk::metadata(self.metadata)?,
            webhook: self
                .webhook
                .map(|webhook| webhook.check_for_bulk(&app.parts.guard, &app.config.webhooks))
                .transpose()?,
        })
    }
}
