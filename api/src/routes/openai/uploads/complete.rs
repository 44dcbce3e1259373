//! `POST /v1/uploads/{upload_id}/complete`

use std::collections::HashSet;

use axum::Json;
use axum::extract::{Path, Request, State};
use forebay_shared::file::Piece;
use forebay_shared::id::{PartId, UploadId};
use forebay_shared::store::Completion;
use futures::TryStreamExt;
use md5::{Digest, Md5};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::OpenAiError;
use super::{UploadView, ended, id, not_found};
use crate::auth::Writer;
use crate::body;
use crate::problem::{Code, Problem};
use crate::state::App;

/// Parts of a file at most. Those of 64 MiB reach for 640 GB.
const MOST_PARTS: usize = 10_000;

/// Complete an upload
///
/// Its parts, in the order that is given, are the file; nothing is copied. Completing again answers the same.
#[utoipa::path(
    post,
    path = "/v1/uploads/{upload_id}/complete",
    tag = "files",
    operation_id = "complete_upload",
    params(("upload_id" = String, Path, description = "The upload")),
    request_body = CompletionBody,
    responses(
        (status = 200, description = "The upload with its file", body = UploadView),
        (status = 400, description = "The parts are not what was declared, or the upload has ended", body = OpenAiError),
        (status = 404, description = "There is no such upload", body = OpenAiError),
        (status = 415, description = "The body is not JSON", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn complete(
    State(app): State<App>,
    Writer(owner): Writer,
    Path(word): Path<String>,
    request: Request,
) -> Result<Json<UploadView>, Problem> {
    let id = id(&word)?;
    let body: CompletionBody = body::read(&app, request, "completion", app.config.limits.max_body).await?;
    let parts = body.parts()?;
    if let Some(expected) = body.md5()? {
        check_md5(&app, &owner, id, &parts, expected).await?;
    }
    let completion = app.parts.store.complete_upload(&owner, id, &parts, app.parts.ids.file()).await?;
    match completion {
        Completion::Completed(upload, file) => Ok(Json(UploadView::new(*upload, file.map(|file| *file)))),
        Completion::UnknownPart(part) => Err(unknown_part(part)),
        Completion::OtherSize { declared, found } => {
            let detail = format_args!("the parts have {found} bytes together, and {declared} were declared");
            Err(Problem::new(Code::InvalidField, detail).at("part_ids").limit(declared))
        }
        Completion::Ended(status) => Err(ended(status)),
        Completion::Unknown => Err(not_found(&word)),
    }
}

/// The order of the parts.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = UploadCompletion)]
#[serde(deny_unknown_fields)]
struct CompletionBody {
    /// The ids of the parts, in order.
    part_ids: Vec<String>,
    /// The MD5 of the file, in hexadecimal, if it is to be compared. The file is read for that.
    md5: Option<String>,
}

impl CompletionBody {
    fn parts(&self) -> Result<Vec<PartId>, Problem> {
        if self.part_ids.len() > MOST_PARTS {
            let detail = format_args!("there are {} parts, the limit is {MOST_PARTS}", self.part_ids.len());
            return Err(Problem::new(Code::InvalidField, detail).at("part_ids").limit(MOST_PARTS as u64));
        }
        let mut seen = HashSet::new();
        self.part_ids
            .iter()
            .map(|word| {
                let part = word.parse().map_err(|_| unknown_part(word))?;
                if seen.insert(part) {
                    return Ok(part);
                }
                let detail = format_args!("the part {part} is named twice");
                Err(Problem::new(Code::InvalidField, detail).at("part_ids"))
            })
            .collect()
    }

    fn md5(&self) -> Result<Option<[u8; 16]>, Problem> {
        let Some(word) = self.md5.as_deref().filter(|word| !word.is_empty()) else { return Ok(None) };
        let digest = hex::decode(word).ok().and_then(|bytes| bytes.try_into().ok());
        let detail = "`md5` must have 32 hexadecimal digits";
        digest.map(Some).ok_or_else(|| Problem::new(Code::InvalidField, detail).at("md5"))
    }
}

async fn check_md5(
    app: &App,
    owner: &str,
    upload: UploadId,
    wanted: &[PartId],
    expected: [u8; 16],
) -> Result<(), Problem> {
    let parts = app.parts.store.parts(owner, upload, wanted).await?;
    // What is missing is told by whoever completes, and so is an upload that is completed already.
    if parts.len() < wanted.len() {
        return Ok(());
    }
    let bytes = parts.iter().map(|part| part.bytes).sum();
    let pieces: Vec<_> = parts.into_iter().map(|part| Piece::own(part.object, part.bytes)).collect();
    let mut content = app.parts.blobs.content(&pieces, 0..bytes).await?;
    let mut digest = Md5::new();
    while let Some(piece) = content.try_next().await? {
        digest.update(&piece);
    }
    let found: [u8; 16] = digest.finalize().into();
    if found == expected {
        return Ok(());
    }
    let detail = format_args!("the parts have the MD5 {}, which is another", hex::encode(found));
    Err(Problem::new(Code::InvalidField, detail).at("md5"))
}

fn unknown_part(part: impl std::fmt::Display) -> Problem {
    let part: String = part.to_string().chars().take(64).collect();
    Problem::new(Code::InvalidField, format_args!("the upload has no part {part}")).at("part_ids")
}
