//! Which jobs are meant, where one request is about many.

use std::collections::BTreeMap;

use axum::extract::Request;
use forebay_shared::clock::Timestamp;
use forebay_shared::job::{Class, Status};
use forebay_shared::store::Filter;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Name, resolve};
use crate::body;
use crate::bulk;
use crate::problem::{Code, Problem};
use crate::state::App;

/// Ids in one request.
const MOST_IDS: usize = 1000;

/// Which jobs are meant: everything that is given must hold, and something must be given.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = JobFilter)]
pub struct FilterBody {
    /// In this status.
    #[serde(default)]
    status: Option<Status>,
    /// For this model, by its name or an alias.
    #[serde(default)]
    model: Option<String>,
    /// In this class.
    #[serde(default)]
    class: Option<Class>,
    /// With these pairs among their metadata.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    /// Slices of this bulk.
    #[serde(default)]
    bulk: Option<String>,
    /// Created at or after this instant.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_after: Option<Timestamp>,
    /// Created before this instant.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_before: Option<Timestamp>,
    /// One of these, at most 1000, by our ids or by your own.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 1000)]
    ids: Vec<Name>,
}

impl FilterBody {
    /// Reads a body and checks what it says.
    pub async fn read(app: &App, owner: &str, request: Request) -> Result<Filter, Problem> {
        let read: Self = body::read(app, request, "filter", app.config.limits.max_body).await?;
        if read.ids.len() > MOST_IDS {
            let detail = format_args!("there are {} ids, the limit is {MOST_IDS}", read.ids.len());
            return Err(Problem::new(Code::InvalidField, detail).at("ids").limit(MOST_IDS as u64));
        }
        // Postgres cannot compare with it.
        let nul = |text: &str| text.contains('\0');
        if let Some((name, _)) = read.metadata.iter().find(|(name, value)| nul(name) || nul(value)) {
            let field = format!("metadata.{}", name.replace('\0', ""));
            return Err(Problem::new(Code::InvalidField, "the character U+0000 is not taken").at(field));
        }
        let model = match read.model {
            Some(name) if nul(&name) => return Err(Problem::unknown_model(&name.replace('\0', ""))),
            Some(name) => {
                Some(app.parts.catalog.find(owner, &name).await?.map_or(name, |model| model.card.name))
            }
            None => None,
        };
        let bulk = read.bulk.map(|text| {
            bulk::id(&text)
                .ok_or_else(|| Problem::new(Code::InvalidField, "`bulk` must be the id of a bulk").at("bulk"))
        });
        let metadata = read.metadata.into_iter().map(|(name, value)| (name, value.into())).collect();
        let filter = Filter {
            status: read.status,
            model,
            class: read.class,
            bulk: bulk.transpose()?,
            ids: resolve(app, owner, read.ids, "ids").await?,
            metadata,
            created_after: read.created_after,
            created_before: read.created_before,
        };
        if filter == Filter::default() {
            let detail = "say which jobs are meant; `created_before` with a later instant means all of them";
            return Err(Problem::new(Code::MissingField, detail).at("ids"));
        }
        Ok(filter)
    }
}
