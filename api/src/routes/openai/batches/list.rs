//! `GET /v1/batches`

use axum::Json;
use axum::extract::{RawQuery, State};
use forebay_shared::bulk::Form;
use forebay_shared::id::BulkId;
use forebay_shared::store::BulkPage;
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;

use super::super::OpenAiError;
use super::BatchView;
use crate::auth::Reader;
use crate::bulk;
use crate::problem::{Code, Problem};
use crate::state::App;

/// Batches of a page, unless the client says otherwise.
const USUAL: u32 = 20;
/// Batches of a page at most.
const MOST: u32 = 100;

/// List batches
///
/// The newest come first.
#[utoipa::path(
    get,
    path = "/v1/batches",
    tag = "bulk",
    operation_id = "list_batches",
    params(
        ("after" = Option<String>, Query, description = "The last batch of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many at most; 20 by default"),
    ),
    responses(
        (status = 200, description = "A page of batches", body = BatchList),
        (status = 400, description = "A query parameter is not valid", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn list(
    State(app): State<App>,
    Reader(owner): Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<BatchList>, Problem> {
    let (after, limit) = page(query.as_deref().unwrap_or_default())?;
    let page = BulkPage { form: Some(Form::Openai), after, limit: limit + 1 };
    let mut bulks = app.parts.store.bulks(&owner, page).await?;
    let has_more = bulks.len() > limit as usize;
    bulks.truncate(limit as usize);
    let name = |bulk: Option<&forebay_shared::bulk::Bulk>| bulk.map(|bulk| bulk::name(bulk.id));
    let (first_id, last_id) = (name(bulks.first()), name(bulks.last()));
    let data = bulks.into_iter().map(BatchView::new).collect();
    Ok(Json(BatchList { object: "list", data, first_id, last_id, has_more }))
}

/// Where a page begins, and how long it is.
pub fn page(query: &str) -> Result<(Option<BulkId>, u32), Problem> {
    let invalid = |name: &str, why: &str| {
        Problem::new(Code::InvalidQuery, format_args!("the query parameter `{name}` is not valid: {why}"))
            .at(name)
    };
    let (mut after, mut limit) = (None, USUAL);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "after" => {
                after = Some(bulk::id(&value).ok_or_else(|| invalid("after", "it must be a batch's id"))?);
            }
            "limit" => {
                let read = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                let why = "it must be a number from 1 to 100";
                limit = read.ok_or_else(|| invalid("limit", why).limit(u64::from(MOST)))?;
            }
            name => return Err(invalid(&name.replace('\0', ""), "it is not known")),
        }
    }
    Ok((after, limit))
}

/// A page of batches.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchList {
    /// `list`
    object: &'static str,
    /// The batches.
    data: Vec<BatchView>,
    /// The first one's id.
    first_id: Option<String>,
    /// The last one's id, which the next page begins behind.
    last_id: Option<String>,
    /// Whether there are more.
    has_more: bool,
}
