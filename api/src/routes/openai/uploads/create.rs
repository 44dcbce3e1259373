//! `POST /v1/uploads`

use axum::Json;
use axum::extract::{Request, State};
use forebay_shared::file::NewUpload;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::OpenAiError;
use super::super::files::{ExpiresAfter, filename, full, largest, life, purpose, room_left};
use super::UploadView;
use crate::auth::Writer;
use crate::body;
use crate::form;
use crate::problem::{Code, Problem};
use crate::state::App;

/// The longest media type; RFC 6838 bounds its two words to 127 characters each.
const LONGEST_TYPE: usize = 255;

/// Begin an upload in parts
///
/// Add its parts, at the same time if you like, then complete it. One that is not completed within an hour expires.
#[utoipa::path(
    post,
    path = "/v1/uploads",
    tag = "files",
    operation_id = "create_upload",
    request_body = NewUploadBody,
    responses(
        (status = 200, description = "The upload", body = UploadView),
        (status = 400, description = "A field is not valid, or the file is too large", body = OpenAiError),
        (status = 413, description = "The owner has no room left", body = OpenAiError),
        (status = 415, description = "The body is not JSON", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn create(
    State(app): State<App>,
    Writer(owner): Writer,
    request: Request,
) -> Result<Json<UploadView>, Problem> {
    let body: NewUploadBody = body::read(&app, request, "upload", app.config.limits.max_body).await?;
    let purpose = purpose(&body.purpose)?;
    let most = largest(&app, purpose, app.config.files.upload_max_size);
    if body.bytes > most.bytes() {
        return Err(form::too_large(most));
    }
    if body.bytes == 0 {
        return Err(Problem::new(Code::InvalidField, "`bytes` must be at least 1").at("bytes"));
    }
    if !(1..=LONGEST_TYPE).contains(&body.mime_type.len()) || body.mime_type.chars().any(char::is_control) {
        let detail =
            format_args!("`mime_type` must have 1 to {LONGEST_TYPE} bytes and no control characters");
        return Err(Problem::new(Code::InvalidField, detail).at("mime_type").limit(LONGEST_TYPE as u64));
    }
    let new = NewUpload {
        id: app.parts.ids.upload(),
        filename: filename(&body.filename, "filename")?,
        purpose,
        bytes: body.bytes,
        mime_type: body.mime_type,
        file_life: life(&app, purpose, body.expires_after.as_ref())?,
        life: app.config.files.upload_life.get(),
        owner,
    };
    // Parts are counted as they come; here it is only told early that there is no hope.
    if let Some(left) = room_left(&app, &new.owner).await?.filter(|left| *left < new.bytes) {
        return Err(full(&app, app.config.limits.owner_storage.bytes().saturating_sub(left)));
    }
    let upload = app.parts.store.create_upload(&new).await?;
    Ok(Json(UploadView::new(upload, None)))
}

/// What is going to be uploaded.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewUpload)]
#[serde(deny_unknown_fields)]
struct NewUploadBody {
    /// The file's name.
    filename: String,
    /// `assistants`, `batch`, `fine-tune`, `vision`, `user_data` or `evals`.
    purpose: String,
    /// The file's size, which the parts must add up to.
    bytes: u64,
    /// The file's media type.
    #[schema(example = "text/jsonl")]
    mime_type: String,
    /// How long the file is kept. Otherwise `batch` files are kept for 30 days, others until deleted.
    expires_after: Option<ExpiresAfter>,
}
