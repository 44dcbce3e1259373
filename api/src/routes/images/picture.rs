//! The one picture of a request: a file, base64 in JSON, or a URL.

use axum::extract::Request;
use axum::http::header;
use forebay_dialects::images;
use forebay_dialects::item::Written;
use forebay_shared::job::{Input, Item, Object};
use forebay_shared::model::Model;
use url::form_urlencoded;

use crate::body::media_type;
use crate::call::dialect;
use crate::problem::{Code, Problem};
use crate::routes::jobs::ready::Brought;
use crate::state::App;
use crate::submission::draft::{Draft, Rules};
use crate::submission::place::Inputs;
use crate::submission::upload::{self, Upload};
use crate::submission::{Submission, picture};
use crate::{form, limits};

/// The part with the picture, as the document calls it where it is sent by a client and where it is handed on.
const IMG: [&str; 2] = ["img", "image"];
/// What names the model, in every form.
const MODEL: &str = "model";
/// The key of the configuration that names it otherwise.
const DEFAULT_MODEL: &str = "tasks.model";

/// Reads the picture and checks it; `keyed` if it may come again.
pub async fn bring(app: &App, owner: &str, request: Request, keyed: bool) -> Result<Brought, Problem> {
    let query = Query::read(owner, request.uri().query())?;
    let bringing = async {
        match (media_type(request.headers()).as_str(), &query.url) {
            ("multipart/form-data", None) => from_form(app, request, query, keyed).await,
            ("application/json", None) => from_json(app, request, query, keyed).await,
            ("", Some(_)) => from_url(app, query, keyed).await,
            (_, Some(_)) => {
                let detail = "give one picture: as `img`, as `data`, or by `url`";
                Err(Problem::new(Code::InvalidField, detail).at("url"))
            }
            ("", None) if !request.headers().contains_key(header::CONTENT_TYPE) => {
                let detail = "give a picture: as the file `img`, as JSON with `data`, or by `url`";
                Err(Problem::new(Code::MissingField, detail).at(IMG[0]))
            }
            _ => {
                let detail = "send `multipart/form-data` or `application/json`";
                Err(Problem::new(Code::UnsupportedMediaType, detail).at("Content-Type"))
            }
        }
    };
    limits::in_time(app.config.api.upload_timeout, bringing).await
}

/// What the query string says.
#[derive(Debug, Default)]
struct Query {
    owner: String,
    url: Option<String>,
    model: Option<String>,
}

impl Query {
    /// What is unknown is refused.
    fn read(owner: &str, query: Option<&str>) -> Result<Self, Problem> {
        let mut read = Self { owner: owner.to_owned(), ..Self::default() };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let field = match &*name {
                "url" => &mut read.url,
                MODEL => &mut read.model,
                name => {
                    let name = name.replace('\0', "");
                    let detail = format_args!("the query parameter `{name}` is not valid: it is not known");
                    return Err(Problem::new(Code::InvalidQuery, detail).at(name.clone()));
                }
            };
            if field.replace(value.into_owned()).is_some() {
                let detail = format_args!("the query parameter `{name}` is given twice");
                return Err(Problem::new(Code::InvalidQuery, detail).at(name));
            }
        }
        Ok(read)
    }

    /// The model that is asked for here, in the body, or else by the configuration.
    async fn model(self, app: &App, named: Option<String>) -> Result<Model, Problem> {
        let name = match (self.model, named) {
            (Some(_), Some(_)) => return Err(form::twice(MODEL)),
            (Some(name), None) | (None, Some(name)) => name,
            (None, None) => {
                let usual = &app.config.tasks.model;
                return dialect::model(app, &self.owner, (usual, Some(DEFAULT_MODEL)), images::KINDS).await;
            }
        };
        dialect::model(app, &self.owner, (&name, None), images::KINDS).await
    }
}

async fn from_form(app: &App, request: Request, query: Query, keyed: bool) -> Result<Brought, Problem> {
    let id = app.parts.ids.job();
    let (mut parts, room) = upload::open(app, request).await?;
    let (mut upload, mut named) = (Upload::new(app, id, keyed), None);
    while let Some(part) = upload::next(app, &mut parts).await? {
        match part.name().unwrap_or_default() {
            name if IMG.contains(&name) => {
                let name = name.to_owned();
                if upload.len() > 0 {
                    return Err(form::twice(&name));
                }
                upload.take(part, name).await?;
            }
            MODEL => {
                if named.replace(form::text(MODEL, part).await?).is_some() {
                    return Err(form::twice(MODEL));
                }
            }
            name => return Err(form::unknown(name, &[IMG[0], MODEL])),
        }
    }
    if upload.len() == 0 {
        return Err(form::missing(IMG[0]));
    }
    let mut draft = draft(app, query.model(app, named).await?)?;
    let inputs = upload.complete(&mut draft)?;
    Ok(Brought { id, draft, inputs, room })
}

async fn from_json(app: &App, request: Request, query: Query, keyed: bool) -> Result<Brought, Problem> {
    let (body, room) = app.memory.read(request, app.config.limits.max_body).await?;
    let (size, rules) = (body.len(), Rules::of(app));
    let read = limits::work(&app.parts.tasks, size, move || {
        let (written, named) = images::read(&body)?;
        Ok((picture::open(written, "data", &rules.limits, &rules.guard)?, named))
    });
    let (input, named) = read.await?;
    let mut brought = alone(app, query.model(app, named).await?, (input, "data"), keyed)?;
    brought.room.merge(room);
    Ok(brought)
}

async fn from_url(app: &App, mut query: Query, keyed: bool) -> Result<Brought, Problem> {
    let url = Written::Url(query.url.take().unwrap_or_default());
    let input = picture::open(url, "url", &app.config.limits, &app.parts.guard)?;
    alone(app, query.model(app, None).await?, (input, "url"), keyed)
}

/// A job without any wishes.
fn draft(app: &App, model: Model) -> Result<Draft, Problem> {
    let submission = Submission { model: model.card.name.clone(), ..Submission::default() };
    submission.check_settings(model, &Rules::of(app))
}

/// A job with one item, which is at hand and stands at `field`.
fn alone(app: &App, model: Model, (input, field): (Input, &str), keyed: bool) -> Result<Brought, Problem> {
    let mut draft = draft(app, model)?;
    draft.check_input(&input, field)?;
    draft.complete(vec![Item { input, params: Object::new() }]);
    draft.fingerprint = keyed.then(|| draft.fingerprint(&[]));
    let id = app.parts.ids.job();
    Ok(Brought { id, draft, inputs: Inputs::new(app, id), room: app.memory.none() })
}
