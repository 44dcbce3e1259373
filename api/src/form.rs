//! Bodies as `multipart/form-data` with one file, which goes to the object store while it arrives.

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::StatusCode;
use bytes::Bytes;
use forebay_shared::config::Size;
use tokio::sync::OwnedSemaphorePermit;

use crate::incoming::Incoming;
use crate::limits;
use crate::problem::{Code, Problem};
use crate::state::App;

/// What a body may have beside its file: the heads of its parts and a few words.
const BESIDE: u64 = 64 * 1024;
/// A field that is no file.
const LONGEST: usize = 1024;

/// A body that is read field by field.
pub struct Form {
    fields: Multipart,
    most: Size,
    _room: OwnedSemaphorePermit,
}

impl Form {
    /// Begins to read a body whose file may have `most` bytes.
    pub async fn open(app: &App, mut request: Request, most: Size) -> Result<Self, Problem> {
        let whole = Size::new(most.bytes().saturating_add(BESIDE));
        limits::declared_length(request.headers(), whole).map_err(|_| too_large(most))?;
        let room = app.memory.reserve(limits::STREAM).await?;
        DefaultBodyLimit::max(whole.as_usize()).apply(&mut request);
        let fields =
            Multipart::from_request(request.map(limits::sparing), &()).await.map_err(|rejection| {
                Problem::new(Code::MalformedMultipart, rejection.body_text().to_ascii_lowercase())
                    .at("Content-Type")
            })?;
        Ok(Self { fields, most, _room: room })
    }

    /// The next field with its name, if there is one.
    pub async fn next(&mut self) -> Result<Option<(String, Field<'_>)>, Problem> {
        let field = self.fields.next_field().await.map_err(|error| broken(&error, self.most))?;
        field
            .map(|field| {
                let name = field.name().map(str::to_owned);
                let name =
                    name.ok_or_else(|| Problem::new(Code::MalformedMultipart, "a part has no name"))?;
                Ok((name, field))
            })
            .transpose()
    }
}

/// The words of a short field.
pub async fn text(name: &str, field: Field<'_>) -> Result<String, Problem> {
    words(name, field, LONGEST).await
}

/// The words of a field, of `most` bytes at most.
pub async fn words(name: &str, mut field: Field<'_>, most: usize) -> Result<String, Problem> {
    let mut words = Vec::new();
    while let Some(piece) = piece(&mut field, Size::new(most as u64)).await? {
        words.extend_from_slice(&piece);
        if words.len() > most {
            let detail = format_args!("the field `{name}` is longer than {most} bytes");
            return Err(Problem::new(Code::InvalidField, detail).at(name).limit(most as u64));
        }
    }
    String::from_utf8(words).map_err(|_| {
        Problem::new(Code::InvalidField, format_args!("the field `{name}` is not UTF-8")).at(name)
    })
}

/// Writes a field to the object store as it arrives, as long as it has no more than `most` bytes; answers with how many it
/// has.
pub async fn store(mut field: Field<'_>, to: &mut Incoming, most: Size) -> Result<u64, Problem> {
    let mut size = 0;
    while let Some(piece) = piece(&mut field, most).await? {
        size += piece.len() as u64;
        if size > most.bytes() {
            return Err(too_large(most));
        }
        to.write(piece).await?;
    }
    to.finish().await?;
    Ok(size)
}

/// A field is given twice.
pub fn twice(name: &str) -> Problem {
    Problem::new(Code::InvalidField, format_args!("the field `{name}` is given twice")).at(name)
}

/// A field is not given.
pub fn missing(name: &str) -> Problem {
    Problem::new(Code::MissingField, format_args!("the field `{name}` is missing")).at(name)
}

/// A field is none of those that the form has.
pub fn unknown(name: &str, known: &[&str]) -> Problem {
    let name: String = name.chars().take(64).collect();
    let known = known.join("`, `");
    let detail = format_args!("the field `{name}` is not known; the form has `{known}`");
    Problem::new(Code::UnknownField, detail).at(name)
}

/// OpenAI's sentence, and how large a file may be.
pub fn too_large(most: Size) -> Problem {
    Problem::new(Code::FileTooLarge, format_args!("File is too large. The limit is {most}."))
        .limit(most.bytes())
}

/// The next bytes of a field, if there are any.
pub async fn piece(field: &mut Field<'_>, most: Size) -> Result<Option<Bytes>, Problem> {
    field.chunk().await.map_err(|error| broken(&error, most))
}

fn broken(error: &MultipartError, most: Size) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(most),
        _ if limits::is_timeout(error) => limits::broken(error),
        _ => Problem::new(Code::MalformedMultipart, error.body_text().to_ascii_lowercase()),
    }
}
