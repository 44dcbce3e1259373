//! `POST /v1/uploads/{upload_id}/parts`

use axum::Json;
use axum::extract::{Path, Request, State};
use forebay_shared::config::Size;
use forebay_shared::file::{self, NewPart, Part, Upload, UploadStatus};
use forebay_shared::id::{PartId, UploadId};
use forebay_shared::store::PartOutcome;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::OpenAiError;
use super::super::files::{full, room_left};
use super::{ended, id, not_found};
use crate::auth::Writer;
use crate::form::{self, Form};
use crate::incoming::Incoming;
use crate::limits;
use crate::problem::{Code, Problem};
use crate::state::App;
use crate::submission::place::discard;

/// Add a part to an upload
///
/// At the same time as others, if you like: their order is given when the upload is completed.
#[utoipa::path(
    post,
    path = "/v1/uploads/{upload_id}/parts",
    tag = "files",
    operation_id = "add_upload_part",
    params(("upload_id" = String, Path, description = "The upload")),
    request_body(content = PartForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The part", body = PartView),
        (status = 400, description = "A field is not valid, the part is too large, or the upload takes no more parts", body = OpenAiError),
        (status = 404, description = "There is no such upload", body = OpenAiError),
        (status = 408, description = "The body did not arrive in time", body = OpenAiError),
        (status = 413, description = "The owner has no room left", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn add(
    State(app): State<App>,
    Writer(owner): Writer,
    Path(word): Path<String>,
    request: Request,
) -> Result<Json<PartView>, Problem> {
    let upload = app.parts.store.upload(&owner, id(&word)?).await?.ok_or_else(|| not_found(&word))?;
    if upload.status != UploadStatus::Pending {
        return Err(ended(upload.status));
    }
    let part = limits::in_time(app.config.api.upload_timeout, take(&app, &upload, request)).await?;
    Ok(Json(PartView {
        id: part.id,
        object: "upload.part",
        created_at: part.created_at.seconds(),
        upload_id: part.upload,
    }))
}

/// A part.
#[derive(Debug, ToSchema)]
#[schema(as = PartForm)]
#[expect(dead_code, reason = "it is read field by field")]
struct PartForm {
    /// The bytes.
    #[schema(value_type = String, format = Binary)]
    data: Vec<u8>,
}

async fn take(app: &App, upload: &Upload, request: Request) -> Result<Part, Problem> {
    let limit = app.config.files.part_max_size;
    let left = room_left(app, &upload.owner).await?;
    let most = Size::new(limit.bytes().min(left.unwrap_or(u64::MAX)));
    let received = receive(app, Form::open(app, request, most).await?, most).await;
    let (part, bytes, object) = received.map_err(|problem| match problem.code() {
        Code::FileTooLarge if most < limit => {
            full(app, app.config.limits.owner_storage.bytes().saturating_sub(most.bytes()))
        }
        _ => problem,
    })?;
    // The row may be stored from now on, and what it names must stay. If it is not, the sweeper finds the object.
    let new = NewPart { id: part, upload: upload.id, object: object.keep(), bytes };
    let together = upload.bytes.saturating_mul(2);
    let room = app.config.limits.room();
    let outcome = app.parts.store.add_part(&upload.owner, &new, together, room).await?;
    let refused = match outcome {
        PartOutcome::Added(part) => return Ok(part),
        PartOutcome::Full { used } => full(app, used),
        PartOutcome::TooMuch { have } => too_much(upload, have, bytes),
        PartOutcome::Ended(status) => ended(status),
        PartOutcome::Unknown => not_found(upload.id),
    };
    discard(&app.parts.blobs, &[new.object]).await;
    Err(refused)
}

async fn receive(app: &App, mut form: Form, most: Size) -> Result<(PartId, u64, Incoming), Problem> {
    let mut received = None;
    while let Some((name, field)) = form.next().await? {
        if name != "data" {
            return Err(form::unknown(&name, &["data"]));
        }
        if received.is_some() {
            return Err(form::twice(&name));
        }
        let part = app.parts.ids.part();
        let mut object = Incoming::new(app, format!("{}/{}", file::FOLDER, part.0));
        let bytes = form::store(field, &mut object, most).await?;
        received = Some((part, bytes, object));
    }
    received.ok_or_else(|| form::missing("data"))
}

fn too_much(upload: &Upload, have: u64, more: u64) -> Problem {
    let most = upload.bytes.saturating_mul(2);
    let detail = format_args!(
        "the upload was declared with {} bytes; its parts may have twice that together, and would have {}",
        upload.bytes,
        have.saturating_add(more)
    );
    Problem::new(Code::InvalidField, detail).at("data").limit(most)
}

/// A part of an upload.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UploadPart)]
pub struct PartView {
    /// Its id.
    #[schema(value_type = String, example = "part_019a9f1b2c3d7e4f8a9b0c1d2e3f4a5b")]
    id: PartId,
    /// `upload.part`
    object: &'static str,
    /// When it was stored, in seconds since 1970.
    created_at: i64,
    /// The upload.
    #[schema(value_type = String)]
    upload_id: UploadId,
}
