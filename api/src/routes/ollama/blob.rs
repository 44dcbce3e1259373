//! `/api/blobs/{digest}`: files of models that are yet to be made.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use forebay_dialects::ollama::order::{self, digest};
use forebay_shared::registry::{Content, ContentDigest};
use forebay_shared::store::Removal;
use futures::StreamExt;
use sha2::{Digest, Sha256};

use super::delete::OllamaDelete;
use super::{OllamaError, order as body};
use crate::auth::{Reader, Registrant};
use crate::incoming::Incoming;
use crate::problem::{Code, Problem};
use crate::registry::{self, refused};
use crate::state::App;
use crate::{host, limits};

/// Whether a file is here
///
/// It then stays for as long as the scheduler spares what no model has (`scheduler.sweep_age`), counted from now.
#[utoipa::path(
    head,
    path = "/api/blobs/{digest}",
    tag = "ollama",
    operation_id = "ollama_has_blob",
    params(("digest" = String, Path, description = "`sha256:` and the SHA-256 of its bytes")),
    responses(
        (status = 200, description = "It is"),
        (status = 400, description = "The digest is none", body = OllamaError),
        (status = 404, description = "It is not", body = OllamaError),
        (status = 503, description = "Ask again in a moment", body = OllamaError),
    ),
)]
pub async fn known(
    State(app): State<App>,
    _reader: Reader,
    Path(word): Path<String>,
) -> Result<StatusCode, Problem> {
    if is_stored(&app, digest(&word)?).await? { Ok(StatusCode::OK) } else { Err(not_found(&word)) }
}

/// Upload a file for a model
///
/// It goes to the object store while it arrives. One that no model has is forgotten after a while
/// (`scheduler.sweep_age`).
#[utoipa::path(
    post,
    path = "/api/blobs/{digest}",
    tag = "ollama",
    operation_id = "ollama_upload_blob",
    params(("digest" = String, Path, description = "`sha256:` and the SHA-256 of its bytes")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "It was here"),
        (status = 201, description = "It is here now"),
        (status = 400, description = "The digest is none, or not that of these bytes", body = OllamaError),
        (status = 408, description = "The body did not arrive in time", body = OllamaError),
        (status = 413, description = "The file is larger than a model may be", body = OllamaError),
        (status = 503, description = "Ask again in a moment", body = OllamaError),
    ),
)]
pub async fn upload(
    State(app): State<App>,
    registrant: Registrant,
    Path(word): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    host::must_be_own_origin(&app, request.headers())?;
    registry::enter(&app, &registrant).await?;
    let digest = digest(&word)?;
    limits::declared_length(request.headers(), app.parts.registrar.limits.max_bytes)?;
    let _room = app.memory.reserve(limits::STREAM).await?;
    let known = is_stored(&app, digest).await?;
    let object = Content::at(digest, app.parts.ids.uuid(), 0).object;
    let mut incoming = (!known).then(|| Incoming::new(&app, object.clone()));
    let arriving = arrive(&app, request, incoming.as_mut());
    let (found, bytes) = limits::in_time(app.config.api.upload_timeout, arriving).await?;
    if found != digest {
        let detail = format_args!("digest mismatch, expected sha256:{digest}, got sha256:{found}");
        return Err(Problem::new(Code::InvalidField, detail).at("digest"));
    }
    let Some(mut incoming) = incoming else { return Ok(StatusCode::OK) };
    incoming.finish().await?;
    // The row may be stored from now on. If it is not, the sweeper finds the object.
    incoming.keep();
    app.parts.registrar.record(Content { digest, object, bytes }).await.map_err(refused)?;
    Ok(StatusCode::CREATED)
}

/// Forget a file that no model has
///
/// A body that names a model, as `DELETE /api/delete` has it, deletes that model instead, whatever the path says.
#[utoipa::path(
    delete,
    path = "/api/blobs/{digest}",
    tag = "ollama",
    operation_id = "ollama_delete_blob",
    params(("digest" = String, Path, description = "`sha256:` or `sha256-`, and the SHA-256 of its bytes")),
    request_body = Option<OllamaDelete>,
    responses(
        (status = 200, description = "It is gone"),
        (status = 400, description = "The digest is none", body = OllamaError),
        (status = 404, description = "There is no such file, or no such model", body = OllamaError),
        (status = 409, description = "A model has it, or jobs for the model wait or run", body = OllamaError),
        (status = 503, description = "Ask again in a moment", body = OllamaError),
    ),
)]
pub async fn delete(
    State(app): State<App>,
    registrant: Registrant,
    Path(word): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    forget(&app, &registrant, &word, request).await
}

/// The same under the path that a document of Ollama's users has
#[utoipa::path(
    delete,
    path = "/api/blob/{digest}",
    tag = "ollama",
    operation_id = "ollama_delete_one_blob",
    params(("digest" = String, Path, description = "`sha256:` or `sha256-`, and the SHA-256 of its bytes")),
    request_body = Option<OllamaDelete>,
    responses(
        (status = 200, description = "It is gone"),
        (status = 400, description = "The digest is none", body = OllamaError),
        (status = 404, description = "There is no such file, or no such model", body = OllamaError),
        (status = 409, description = "A model has it, or jobs for the model wait or run", body = OllamaError),
        (status = 503, description = "Ask again in a moment", body = OllamaError),
    ),
)]
pub async fn delete_one(
    State(app): State<App>,
    registrant: Registrant,
    Path(word): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    forget(&app, &registrant, &word, request).await
}

async fn forget(
    app: &App,
    registrant: &Registrant,
    word: &str,
    request: Request,
) -> Result<StatusCode, Problem> {
    let named = body(app, request).await?;
    if !named.is_empty() {
        registry::delete(app, registrant, &order::delete(&named)?).await?;
        return Ok(StatusCode::OK);
    }
    match app.parts.registrar.store.forget_content(digest(word)?).await? {
        Removal::Deleted => Ok(StatusCode::OK),
        Removal::Unknown => Err(not_found(word)),
        Removal::InUse => {
            let detail = format_args!("a model has blob {word}; delete that model, and it goes by itself");
            Err(Problem::new(Code::BlobInUse, detail).at("digest"))
        }
    }
}

/// Reads a body to its end, into an object if there is one to be written; answers with what it was.
async fn arrive(
    app: &App,
    request: Request,
    mut to: Option<&mut Incoming>,
) -> Result<(ContentDigest, u64), Problem> {
    let most = app.parts.registrar.limits.max_bytes;
    let mut pieces = request.into_body().into_data_stream();
    let (mut found, mut bytes) = (Sha256::new(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| limits::broken(&error))?;
        bytes += piece.len() as u64;
        if bytes > most.bytes() {
            return Err(limits::too_large(most));
        }
        found.update(&piece);
        if let Some(object) = to.as_mut() {
            object.write(piece).await?;
        }
    }
    Ok((ContentDigest(found.finalize().into()), bytes))
}

async fn is_stored(app: &App, digest: ContentDigest) -> Result<bool, Problem> {
    Ok(!app.parts.registrar.store.touch_contents(&[digest]).await?.is_empty())
}

fn not_found(word: &str) -> Problem {
    let word: String = word.chars().take(80).collect();
    Problem::new(Code::BlobNotFound, format_args!("blob {word} not found")).at("digest")
}
