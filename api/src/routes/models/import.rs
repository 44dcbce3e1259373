//! `POST /v1/models`
#![expect(unused_qualifications, reason = "utoipa's attribute writes types with their paths")]

use std::sync::Arc;

use axum::Json;
use axum::extract::multipart::Field;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use forebay_shared::config::Size;
use forebay_shared::registry::{Arrival, Import, Imported, Silent, called, check_name};
use forebay_shared::store::Change;
use futures::StreamExt;
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use super::registered::RegisteredView;
use crate::auth::Registrant;
use crate::body::media_type;
use crate::form::{self, Form};
use crate::problem::{Code, Problem};
use crate::registry::{self, refused};
use crate::routes::openai::OpenAiError;
use crate::state::App;
use crate::works::Work;
use crate::{host, limits};

/// Import a model
///
/// An archive of its files (.zip, .tar, .tar.gz) as the field `file` of a form, or as the body itself with the model's name in
/// the query. It is unpacked, looked at as a worker would, and stored, each file once. A name that exists means the new files
/// from now on. With keys, the model is the key's owner's; without, everybody's.
#[utoipa::path(
    post,
    path = "/v1/models",
    tag = "models",
    operation_id = "import_model",
    params(ImportQuery),
    request_body(content(
        (ImportForm = "multipart/form-data"),
        (Vec<u8> = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "The name existed, and means these files now", body = RegisteredView),
        (status = 201, description = "The model", body = RegisteredView),
        (status = 400, description = "A field is not valid, the archive is refused, or no worker could serve what it has", body = OpenAiError),
        (status = 408, description = "The body did not arrive in time", body = OpenAiError),
        (status = 409, description = "The name is taken: somebody else has it, or a worker has it in a folder; or there are as many models as may be", body = OpenAiError),
        (status = 413, description = "The archive, or what it unpacks to, is too large; or there is no room left", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn import(
    State(app): State<App>,
    registrant: Registrant,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<(StatusCode, Json<RegisteredView>), Problem> {
    host::must_be_own_origin(&app, request.headers())?;
    registry::enter(&app, &registrant).await?;
    let query = ImportQuery::read(query.as_deref().unwrap_or_default())?;
    let work = app.works.begin(registrant.owner.as_deref())?;
    let arriving = arrive(&app, query, request);
    let archive = limits::in_time(app.config.api.upload_timeout, arriving).await?;
    let importing = archive.import(app.clone(), (registrant.owner, work));
    let imported = registry::to_the_end(&app, importing).await?;
    let status = if imported.change == Change::Added { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(RegisteredView::read(&app, imported.model).await?)))
}

/// What the model is to be called.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// The model's name, at most 200 bytes in three parts between slashes. A form may have it as a field instead, or leave it
    /// to the name of the file.
    name: Option<String>,
}

/// A model's archive.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is read field by field")]
struct ImportForm {
    /// The archive: a .zip, .tar or .tar.gz.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// The model's name.
    name: Option<String>,
}

impl ImportQuery {
    fn read(query: &str) -> Result<Self, Problem> {
        let mut read = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            if key != "name" {
                let detail = format_args!("`{key}` is not known; `name` is");
                return Err(Problem::new(Code::InvalidQuery, detail).at(key));
            }
            read.name = Some(checked(value.into_owned())?);
        }
        Ok(read)
    }
}

/// An archive that has arrived.
struct Archive {
    file: Arrival,
    name: String,
    source: String,
}

impl Archive {
    /// Makes it a model of the owner's, which is the work.
    async fn import(self, app: App, (owner, _work): (Option<String>, Work)) -> Result<Imported, Problem> {
        let Self { mut file, name, source } = self;
        let from = file.whole().await.map_err(refused)?.to_owned();
        let import = Import { from, owner, name, source };
        let imported = app.parts.registrar.import(import, Arc::new(Silent)).await.map_err(refused);
        file.discard().await;
        let imported = imported?;
        registry::changed(&app).await;
        Ok(imported)
    }
}

async fn arrive(app: &App, query: ImportQuery, request: Request) -> Result<Archive, Problem> {
    let most = app.parts.registrar.limits.max_bytes;
    if media_type(request.headers()) == "multipart/form-data" {
        return Fields::read(app, query.name, Form::open(app, request, most).await?, most).await;
    }
    let name = query.name.ok_or_else(|| form::missing("name"))?;
    limits::declared_length(request.headers(), most)?;
    let _room = app.memory.reserve(limits::STREAM).await?;
    let mut file = app.parts.registrar.receive().await.map_err(refused)?;
    let mut pieces = request.into_body().into_data_stream();
    while let Some(piece) = pieces.next().await {
        file.write(&piece.map_err(|error| limits::broken(&error))?).await.map_err(refused)?;
    }
    Ok(Archive { file, name, source: "upload".to_owned() })
}

/// The fields so far.
struct Fields {
    file: Option<(Arrival, String)>,
    name: Option<String>,
}

impl Fields {
    async fn read(app: &App, name: Option<String>, mut form: Form, most: Size) -> Result<Archive, Problem> {
        let mut fields = Self { file: None, name };
        while let Some((name, field)) = form.next().await? {
            let again = match name.as_str() {
                "file" if fields.file.is_some() => true,
                "file" => fields.file.replace(receive(app, field, most).await?).is_some(),
                "name" => fields.name.replace(checked(form::text(&name, field).await?)?).is_some(),
                _ => return Err(form::unknown(&name, &["file", "name"])),
            };
            if again {
                return Err(form::twice(&name));
            }
        }
        let (file, source) = fields.file.ok_or_else(|| form::missing("file"))?;
        let name = match fields.name {
            Some(name) => name,
            None => checked(called(&source).to_owned())?,
        };
        Ok(Archive { file, name, source })
    }
}

async fn receive(app: &App, mut field: Field<'_>, most: Size) -> Result<(Arrival, String), Problem> {
    let source = field.file_name().unwrap_or_default();
    let source = crate::routes::openai::files::filename(source, "file")?;
    let mut file = app.parts.registrar.receive().await.map_err(refused)?;
    while let Some(piece) = form::piece(&mut field, most).await? {
        file.write(&piece).await.map_err(refused)?;
    }
    Ok((file, source))
}

fn checked(name: String) -> Result<String, Problem> {
    check_name(&name).map_err(|error| Problem::new(Code::InvalidField, error).at("name"))?;
    Ok(name)
}
