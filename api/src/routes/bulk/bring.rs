//! A bulk's file, where it is not uploaded yet: sent with the request, or fetched from a URL.

use axum::extract::Request;
use forebay_shared::fetch::check_url;
use forebay_shared::file::Purpose;
use forebay_shared::id::FileId;

use super::create::BulkRequest;
use crate::auth::Submitter;
use crate::body;
use crate::bulk::Wishes;
use crate::form::{self, Form};
use crate::problem::{Code, Problem};
use crate::routes::openai::files::sent::{Sent, most, object};
use crate::routes::openai::files::{filename, life};
use crate::state::App;
use crate::submission::picture::refused_url;

/// The field that says what is to be done.
const BULK: &str = "bulk";
/// Bytes of that field.
const LONGEST: usize = 32 * 1024;
/// What a file from a URL is called whose URL says nothing that a file may be called.
const NAMELESS: &str = "bulk";

/// Reads what the request asks for, and puts the file where it is read from.
pub async fn read(app: &App, submitter: &Submitter, request: Request) -> Result<Wishes, Problem> {
    match body::media_type(request.headers()).as_str() {
        "application/json" => {
            let asked = body::read(app, request, "request", app.config.limits.max_body).await?;
            named(app, submitter, asked).await
        }
        "multipart/form-data" => sent(app, submitter, request).await,
        _ => {
            let detail = "send `application/json` or `multipart/form-data`";
            Err(Problem::new(Code::UnsupportedMediaType, detail).at("Content-Type"))
        }
    }
}

/// A file that was uploaded before, or that a URL leads to.
async fn named(app: &App, submitter: &Submitter, asked: BulkRequest) -> Result<Wishes, Problem> {
    match (asked.file.clone(), asked.url.clone()) {
        (Some(file), None) => {
            let id = file.parse().map_err(|_| {
                Problem::new(Code::FileNotFound, format_args!("there is no file `{file}`")).at("file")
            })?;
            asked.check(app, &submitter.owner, id).await
        }
        (None, Some(url)) => {
            check_url(&url, &app.parts.guard).map_err(|error| refused_url(&error, "url"))?;
            let wishes = asked.check(app, &submitter.owner, app.parts.ids.file()).await?;
            fetch(app, &submitter.owner, wishes.file, &url).await?;
            Ok(wishes)
        }
        (None, None) => {
            let detail =
                "one of `file` and `url` must be given, or the file be sent as `multipart/form-data`";
            Err(Problem::new(Code::MissingField, detail).at("file"))
        }
        (Some(_), Some(_)) => {
            Err(Problem::new(Code::InvalidField, "only one of `file` and `url` may be given").at("url"))
        }
    }
}

/// A file that comes with the request, after what is to be done with it.
async fn sent(app: &App, submitter: &Submitter, request: Request) -> Result<Wishes, Problem> {
    let most = most(app, &submitter.owner).await?;
    let mut form = Form::open(app, request, most).await?;
    let mut wishes: Option<Wishes> = None;
    let mut file: Option<Sent> = None;
    while let Some((name, field)) = form.next().await? {
        match (name.as_str(), &wishes) {
            (BULK, None) => {
                let words = form::words(&name, field, LONGEST).await?;
                let asked: BulkRequest = body::parse(words.as_bytes(), BULK)?;
                if asked.file.is_some() || asked.url.is_some() {
                    let detail = "the file comes with the request, so neither `file` nor `url` may be given";
                    return Err(Problem::new(Code::InvalidField, detail).at("bulk.file"));
                }
                wishes = Some(asked.check(app, &submitter.owner, app.parts.ids.file()).await?);
            }
            ("file", Some(wishes)) if file.is_none() => {
                let name = filename(field.file_name().unwrap_or(NAMELESS), "file")?;
                let mut object = object(app, wishes.file);
                let bytes = form::store(field, &mut object, most).await?;
                file = Some(Sent { id: wishes.file, name, bytes, object });
            }
            ("file", None) => {
                let detail = "the field `bulk` must come before the file, which is not read for nothing";
                return Err(Problem::new(Code::MissingField, detail).at(BULK));
            }
            (BULK | "file", _) => return Err(form::twice(&name)),
            _ => return Err(form::unknown(&name, &[BULK, "file"])),
        }
    }
    let wishes = wishes.ok_or_else(|| form::missing(BULK))?;
    let file = file.ok_or_else(|| form::missing("file"))?;
    keep(app, &submitter.owner, file).await?;
    Ok(wishes)
}

async fn fetch(app: &App, owner: &str, id: FileId, url: &str) -> Result<(), Problem> {
    let most = most(app, owner).await?;
    let mut download =
        app.parts.fetcher.download(url, most).await.map_err(|error| refused_url(&error, "url"))?;
    let name = download.name().and_then(|name| filename(name, "url").ok());
    let name = name.unwrap_or_else(|| NAMELESS.to_owned());
    let (mut object, mut bytes) = (object(app, id), 0);
    while let Some(piece) = download.piece().await.map_err(|error| refused_url(&error, "url"))? {
        bytes += piece.len() as u64;
        object.write(piece).await?;
    }
    object.finish().await?;
    keep(app, owner, Sent { id, name, bytes, object }).await
}

async fn keep(app: &App, owner: &str, sent: Sent) -> Result<(), Problem> {
    let life = life(app, Purpose::Batch, None)?;
    sent.keep(app, owner, Purpose::Batch, life).await.map(drop)
}
