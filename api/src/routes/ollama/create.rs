//! `POST /api/create`

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use forebay_dialects::ollama::create::{self, Create, Source};
use forebay_shared::registry::{self, Assembly, ContentDigest};
use utoipa::ToSchema;

use super::progress::{Teller, answer};
use super::{OllamaError, OllamaProgress, order, streaming};
use crate::auth::Registrant;
use crate::problem::Problem;
use crate::registry::{changed, copy, enter, refused};
use crate::state::App;

/// Make a model of uploaded files, as Ollama does
///
/// The files of a model's folder, each by its path and the digest it was uploaded under; or all that another model of the
/// registry has. They are looked at as a worker would. A name that exists means the new files from now on.
#[utoipa::path(
    post,
    path = "/api/create",
    tag = "ollama",
    operation_id = "ollama_create",
    request_body = OllamaCreate,
    params(
        ("Accept" = Option<String>, Header, description = "`text/event-stream`: a streamed answer comes as server-sent events, and not as lines"),
    ),
    responses(
        (status = 200, description = "What is done, step by step; the last alone, as one JSON object, if `stream` is `false`. What fails later is told as `error` in a step's place", body = OllamaProgress, content_type = "application/x-ndjson"),
        (status = 400, description = "The body cannot be read, a field is not valid or asks for what cannot be done, or no worker could serve the model", body = OllamaError),
        (status = 404, description = "There is no such model, or no such file was uploaded", body = OllamaError),
        (status = 408, description = "The body did not arrive in time", body = OllamaError),
        (status = 409, description = "The name is taken: somebody else has it, or a worker has it in a folder; or there are as many models as may be", body = OllamaError),
        (status = 413, description = "The body, or the model, is too large; or there is no room left", body = OllamaError),
        (status = 415, description = "A web page sends something that is not called JSON", body = OllamaError),
        (status = 503, description = "Ask again in a moment", body = OllamaError),
    ),
)]
pub async fn create(
    State(app): State<App>,
    registrant: Registrant,
    request: Request,
) -> Result<Response, Problem> {
    let streaming = streaming(&app, request.headers());
    let Create { model, of, manner } = create::read(&order(&app, request).await?, streaming)?;
    enter(&app, &registrant).await?;
    let work = app.works.begin(registrant.owner.as_deref())?;
    let worker = app.clone();
    answer(&app, manner, |teller| async move {
        let _work = work;
        match of {
            Source::Files(files) => assemble(&worker, registrant.owner, (model, files), teller).await,
            Source::Model(from) => {
                copy(&worker, &registrant, (&from, &model)).await?;
                teller.tell(create::naming());
                Ok(())
            }
        }
    })
    .await
}

async fn assemble(
    app: &App,
    owner: Option<String>,
    (name, files): (String, BTreeMap<String, ContentDigest>),
    teller: Teller,
) -> Result<(), Problem> {
    let steps = Steps { digests: files.values().copied().collect(), teller };
    let assembly = Assembly { owner, name, source: "files".to_owned(), files };
    app.parts.registrar.assemble(assembly, Arc::new(steps)).await.map_err(refused)?;
    changed(app).await;
    Ok(())
}

/// Puts the registrar's steps into Ollama's words.
struct Steps {
    digests: Vec<ContentDigest>,
    teller: Teller,
}

impl registry::Progress for Steps {
    fn begin(&self, what: &'static str, _: Option<u64>) {
        if what == "fetching" {
            for step in create::layers(self.digests.iter().copied()) {
                self.teller.tell(step);
            }
        } else {
            self.teller.tell(create::naming());
        }
    }

    fn advance(&self, _: u64) {}
}

/// What a model is to be made of.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct OllamaCreate {
    /// What it is to be called, with or without `:latest`; `name` says the same.
    model: String,
    /// Its files: each path with the digest, `sha256:…`, of bytes that `/api/blobs` has.
    files: Option<BTreeMap<String, String>>,
    /// A model of the registry, instead of files.
    from: Option<String>,
    /// Whether every step is told, or the last alone. As the service is configured, if it is left out.
    stream: Option<bool>,
}
