//! `GET /v1/files`
#![expect(unused_qualifications, reason = "utoipa's attribute writes types with their paths")]

use axum::Json;
use axum::extract::{RawQuery, State};
use forebay_shared::file::Purpose;
use forebay_shared::id::FileId;
use forebay_shared::store::{FileFilter, FilePage};
use serde::Serialize;
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use super::super::OpenAiError;
use super::FileView;
use crate::auth::Reader;
use crate::problem::{Code, Problem};
use crate::state::App;

/// Files of a page at most, and unless the client says otherwise: about 3 MB.
const MOST: u32 = 10_000;

/// List files
#[utoipa::path(
    get,
    path = "/v1/files",
    tag = "files",
    operation_id = "list_files",
    params(FileQuery),
    responses(
        (status = 200, description = "A page of files", body = FileList),
        (status = 400, description = "A query parameter is not valid", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn list(
    State(app): State<App>,
    Reader(owner): Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<FileList>, Problem> {
    let query = FileQuery::read(query.as_deref().unwrap_or_default())?;
    let limit = query.limit.unwrap_or(MOST);
    let page = FilePage { after: query.after, oldest_first: query.order == Order::Asc, limit: limit + 1 };
    let mut files = app.parts.store.files(&owner, &FileFilter { purpose: query.purpose }, page).await?;
    let has_more = files.len() > limit as usize;
    files.truncate(limit as usize);
    Ok(Json(FileList {
        object: "list",
        first_id: files.first().map(|file| file.id),
        last_id: files.last().map(|file| file.id),
        has_more,
        data: files.into_iter().map(FileView::new).collect(),
    }))
}

/// Which files, and how many.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct FileQuery {
    /// Only files with this purpose.
    #[param(value_type = Option<String>)]
    purpose: Option<Purpose>,
    /// How many at most; 10000 by default.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
    /// `desc`, the newest first, by default; `asc`
    #[param(value_type = Option<String>)]
    order: Order,
    /// Where to go on: the `last_id` of the page before.
    #[param(value_type = Option<String>)]
    after: Option<FileId>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    Asc,
    #[default]
    Desc,
}

impl FileQuery {
    /// Reads a query string; what is unknown is refused, since a misspelt filter would show everything.
    fn read(query: &str) -> Result<Self, Problem> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "purpose" => {
                    let purpose = value.parse().map_err(|_| invalid(&name, "no file has such a purpose"))?;
                    read.purpose = Some(purpose);
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                    let why = format!("it must be a number from 1 to {MOST}");
                    read.limit = Some(limit.ok_or_else(|| invalid(&name, &why).limit(u64::from(MOST)))?);
                }
                "order" => {
                    read.order = match &*value {
                        "asc" => Order::Asc,
                        "desc" => Order::Desc,
                        _ => return Err(invalid(&name, "it must be `asc` or `desc`")),
                    }
                }
                "after" => {
                    let after = value.parse().map_err(|_| invalid(&name, "it must be a file's id"))?;
                    read.after = Some(after);
                }
                _ => return Err(invalid(&name, "it is not known")),
            }
        }
        Ok(read)
    }
}

fn invalid(name: &str, why: &str) -> Problem {
    let name: String = name.chars().take(64).collect();
    Problem::new(Code::InvalidQuery, format_args!("the query parameter `{name}` is not valid: {why}"))
        .at(name)
}

/// A page of files.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileList {
    /// `list`
    object: &'static str,
    /// The files.
    data: Vec<FileView>,
    /// The id of the first one, if there is one.
    #[schema(value_type = Option<String>)]
    first_id: Option<FileId>,
    /// The id of the last one, if there is one.
    #[schema(value_type = Option<String>)]
    last_id: Option<FileId>,
    /// Whether there are more behind it.
    has_more: bool,
}
