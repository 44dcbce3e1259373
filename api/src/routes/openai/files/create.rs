//! `POST /v1/files`

use std::time::Duration;

use axum::Json;
use axum::extract::multipart::Field;
use axum::extract::{Request, State};
use forebay_shared::config::Size;
use forebay_shared::file::{File, Purpose};
use utoipa::ToSchema;

use super::super::OpenAiError;
use super::sent::{self, Sent};
use super::{ExpiresAfter, FileView, filename, full, largest, life, purpose};
use crate::auth::Writer;
use crate::form::{self, Form};
use crate::limits;
use crate::problem::{Code, Problem};
use crate::state::App;

/// Upload a file
///
/// It goes to the object store while it arrives and does not exist before all of it has. Larger files come in parts: see
/// uploads.
#[utoipa::path(
    post,
    path = "/v1/files",
    tag = "files",
    operation_id = "create_file",
    request_body(content = FileForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The file", body = FileView),
        (status = 400, description = "A field is not valid, or the file is too large", body = OpenAiError),
        (status = 408, description = "The body did not arrive in time", body = OpenAiError),
        (status = 413, description = "The owner has no room left", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn create(
    State(app): State<App>,
    Writer(owner): Writer,
    request: Request,
) -> Result<Json<FileView>, Problem> {
    let file = limits::in_time(app.config.api.upload_timeout, take(&app, &owner, request)).await?;
    Ok(Json(FileView::new(file)))
}

/// A file with what is said of it.
#[derive(Debug, ToSchema)]
#[schema(as = FileForm)]
#[expect(dead_code, reason = "it is read field by field")]
struct FileForm {
    /// The file, with its name.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `assistants`, `batch`, `fine-tune`, `vision`, `user_data` or `evals`.
    purpose: String,
    /// `created_at`
    #[schema(rename = "expires_after[anchor]")]
    anchor: Option<String>,
    /// How long it is kept: 3600 to 2592000 seconds. Otherwise `batch` files are kept for 30 days, others until deleted.
    #[schema(rename = "expires_after[seconds]")]
    seconds: Option<u64>,
}

async fn take(app: &App, owner: &str, request: Request) -> Result<File, Problem> {
    let (limit, most) = (app.config.files.max_size, sent::most(app, owner).await?);
    let read = Fields::read(app, Form::open(app, request, most).await?, most).await;
    // Whoever has less room than a file may have hears of the room, not of the file.
    let fields = read.map_err(|problem| match problem.code() {
        Code::FileTooLarge if most < limit => full(app, limit_used(app, most)),
        _ => problem,
    })?;
    let (file, purpose, life) = fields.check(app)?;
    file.keep(app, owner, purpose, life).await
}

/// What was used when so much was left.
fn limit_used(app: &App, left: Size) -> u64 {
    app.config.limits.owner_storage.bytes().saturating_sub(left.bytes())
}

/// What the form may have.
const FIELDS: [&str; 4] = ["file", "purpose", "expires_after[anchor]", "expires_after[seconds]"];

/// The fields so far.
#[derive(Default)]
struct Fields {
    file: Option<Sent>,
    purpose: Option<Purpose>,
    anchor: Option<String>,
    seconds: Option<u64>,
}

impl Fields {
    async fn read(app: &App, mut form: Form, most: Size) -> Result<Self, Problem> {
        let mut fields = Self::default();
        while let Some((name, field)) = form.next().await? {
            let again = match name.as_str() {
                "file" => match fields.file {
                    Some(_) => true,
                    None => fields.file.replace(receive(app, fields.purpose, field, most).await?).is_some(),
                },
                "purpose" => fields.purpose.replace(purpose(&form::text(&name, field).await?)?).is_some(),
                "expires_after[anchor]" => fields.anchor.replace(form::text(&name, field).await?).is_some(),
                "expires_after[seconds]" => fields.seconds.replace(seconds(&name, field).await?).is_some(),
                _ => return Err(form::unknown(&name, &FIELDS)),
            };
            if again {
                return Err(form::twice(&name));
            }
        }
        Ok(fields)
    }

    fn check(self, app: &App) -> Result<(Sent, Purpose, Option<Duration>), Problem> {
        let wished = match (self.anchor, self.seconds) {
            (None, None) => None,
            (Some(anchor), Some(seconds)) => Some(ExpiresAfter { anchor, seconds }),
            (None, Some(_)) => return Err(form::missing("expires_after[anchor]")),
            (Some(_), None) => return Err(form::missing("expires_after[seconds]")),
        };
        let sent = self.file.ok_or_else(|| form::missing("file"))?;
        let purpose = self.purpose.ok_or_else(|| form::missing("purpose"))?;
        let most = largest(app, purpose, app.config.files.max_size);
        if sent.bytes > most.bytes() {
            return Err(form::too_large(most));
        }
        let life = life(app, purpose, wished.as_ref())?;
        Ok((sent, purpose, life))
    }
}

async fn receive(app: &App, purpose: Option<Purpose>, field: Field<'_>, most: Size) -> Result<Sent, Problem> {
    let name = field.file_name().ok_or_else(|| {
        Problem::new(Code::InvalidField, "the field `file` must be a file with a name").at("file")
    })?;
    let (id, name) = (app.parts.ids.file(), filename(name, "file")?);
    let mut object = sent::object(app, id);
    // A purpose that comes later is looked at when it has come.
    let most = purpose.map_or(most, |purpose| largest(app, purpose, most));
    let bytes = form::store(field, &mut object, most).await?;
    Ok(Sent { id, name, bytes, object })
}

async fn seconds(name: &str, field: Field<'_>) -> Result<u64, Problem> {
    let words = form::text(name, field).await?;
    words.parse().map_err(|_| {
        Problem::new(Code::InvalidField, format_args!("`{name}` must be a number of seconds")).at(name)
    })
}
