//! Models: which there are, and what they take; how they are brought, copied and deleted.

pub mod copy;
pub mod delete;
pub mod import;
pub mod load;
pub mod pull;
mod registered;
pub mod unload;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use forebay_shared::clock::Timestamp;
use forebay_shared::job::{Kind, Modality, TensorSpec};
use forebay_shared::model::Model;
use forebay_shared::residency::Loaded;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Reader;
use crate::config::LimitConfig;
use crate::problem::{Code, Problem};
use crate::routes::openai::OpenAiError;
use crate::state::App;

/// List models
///
/// Every model that a worker has announced, or that was brought in, in the shape of OpenAI's list.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "models",
    operation_id = "list_models",
    responses(
        (status = 200, description = "All models, by name", body = ModelList),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn list(State(app): State<App>, Reader(owner): Reader) -> Result<Json<ModelList>, Problem> {
    let models = app.parts.catalog.models(&owner).await?;
    let data = models.iter().map(|model| ModelView::new(model, &app.config.limits)).collect();
    Ok(Json(ModelList { object: "list", data }))
}

/// Read a model
///
/// By its name or an alias, which may contain `/` and `:`.
#[utoipa::path(
    get,
    path = "/v1/models/{*name}",
    tag = "models",
    operation_id = "get_model",
    params(("name" = String, Path, description = "The model's name or an alias")),
    responses(
        (status = 200, description = "The model", body = ModelDetail),
        (status = 404, description = "There is no such model", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn get(
    State(app): State<App>,
    Reader(owner): Reader,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<ModelDetail>, Problem> {
    let name = named(name)?;
    Ok(Json(ModelDetail::new(find(&app, &owner, &name).await?, &app.config.limits)))
}

/// The model that this owner sees under a name or an alias.
async fn find(app: &App, owner: &str, name: &str) -> Result<Model, Problem> {
    app.parts.catalog.find(owner, name).await?.ok_or_else(|| Problem::unknown_model(name))
}

/// The name in a path.
fn named(name: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let Path(name) = name.map_err(|_| Problem::new(Code::InvalidId, "the name is not UTF-8").at("name"))?;
    Ok(name)
}

/// All models.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelList {
    /// `list`
    object: &'static str,
    /// The models, by name.
    data: Vec<ModelView>,
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
struct ModelView {
    /// Its own name.
    id: String,
    /// `model`
    object: &'static str,
    /// When it was first announced or brought in, in seconds since 1970.
    created: i64,
    /// Who made it.
    owned_by: String,
    /// What it does.
    kind: Kind,
    /// Other names for it.
    aliases: Vec<String>,
    /// Whether a worker serves it now. Jobs for it are taken either way.
    state: ModelState,
    /// Since when a worker has it in memory, and until when; null while none has.
    loaded: Option<LoadedView>,
    /// What one job may ask of it.
    limits: ModelLimits,
}

/// A model, and what else is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelDetail {
    #[serde(flatten)]
    view: ModelView,
    /// One sentence for people.
    description: String,
    /// Under which terms it may be used.
    licence: String,
    /// SHA-256 of its files, in hexadecimal.
    digest: String,
    /// The labels it gives, if it classifies.
    labels: Vec<String>,
    /// Prompts to choose from with the parameter `prompt`.
    prompts: Vec<String>,
    /// Length of its vectors, if it embeds.
    dimensions: Option<u32>,
    /// What its graph takes, if it is used by plain tensors.
    inputs: Vec<TensorSpec>,
    /// What its graph gives, if it is used by plain tensors.
    outputs: Vec<TensorSpec>,
}

/// How long a model is in memory.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = LoadedModel)]
struct LoadedView {
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When it leaves without further work; null: when another model needs its room.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl ModelDetail {
    fn new(model: Model, limits: &LimitConfig) -> Self {
        let view = ModelView::new(&model, limits);
        let card = model.card;
        Self {
            view,
            description: card.description,
            licence: card.licence,
            digest: card.digest,
            labels: card.labels,
            prompts: card.prompts,
            dimensions: card.dimensions,
            inputs: card.inputs,
            outputs: card.outputs,
        }
    }
}

/// Whether a worker serves a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ModelState {
    /// A living worker does.
    Ready,
    /// None does now; jobs wait.
    Unavailable,
}

/// What one job may ask of a model.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "they are names in the API")]
struct ModelLimits {
    /// Items of one job.
    max_items: u32,
    /// Tokens of one text; longer ones are cut, unless `truncate` is false.
    max_tokens: Option<u32>,
    /// Bytes of one picture.
    max_image_bytes: Option<u64>,
    /// Pixels of one picture.
    max_image_pixels: Option<u64>,
}

impl ModelView {
    fn new(model: &Model, limits: &LimitConfig) -> Self {
        let card = &model.card;
        let pictures = card.kind.takes(Modality::Image);
        Self {
            id: card.name.clone(),
            object: "model",
            created: model.created_at.seconds(),
            owned_by: card.owned_by.clone(),
            kind: card.kind,
            aliases: card.aliases.clone(),
            state: if model.workers > 0 { ModelState::Ready } else { ModelState::Unavailable },
            loaded: model.loaded.map(|Loaded { since, expires_at }| LoadedView { since, expires_at }),
            limits: ModelLimits {
                max_items: limits.max_items,
                max_tokens: card.max_tokens,
                max_image_bytes: pictures.then(|| limits.max_image_bytes.bytes()),
                max_image_pixels: pictures.then_some(limits.max_image_pixels),
            },
        }
    }
}
