//! A model of the registry, as clients are told of it.

use forebay_shared::registry::Registered;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::state::State;

/// A model of the registry.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisteredModel)]
pub struct RegisteredView {
    /// Its name.
    id: String,
    /// `model`
    object: &'static str,
    /// Since when the name exists, in seconds since 1970.
    created: i64,
    /// Since when it means these files, in seconds since 1970.
    updated: i64,
    /// Whose it is, or `everybody`.
    owned_by: String,
    /// Where it came from, for people.
    source: String,
    /// SHA-256 of its files' paths and digests, in hexadecimal.
    digest: String,
    /// The size of its files together.
    bytes: u64,
    /// Its files, by path.
    files: Vec<RegisteredFile>,
}

/// A file of a model.
#[derive(Debug, Serialize, ToSchema)]
struct RegisteredFile {
    /// Where it stands in the model's folder.
    path: String,
    /// SHA-256 of its bytes, in hexadecimal.
    digest: String,
    /// How many those are.
    bytes: u64,
}

impl RegisteredView {
    /// The model with its files.
    pub async fn read(app: &State, model: Registered) -> Result<Self, Problem> {
        let store = &app.parts.registrar.store;
        let files = store.registered_files(model.owner.as_deref(), &model.name).await?;
        let file = |file: forebay_shared::registry::ModelFile| RegisteredFile {
            path: file.path,
            digest: file.digest.to_string(),
            bytes: file.bytes,
        };
        Ok(Self {
            id: model.name,
            object: "model",
            created: model.created_at.seconds(),
            updated: model.updated_at.seconds(),
            owned_by: model.owner.unwrap_or_else(|| "everybody".to_owned()),
            source: model.source,
            digest: model.digest.to_string(),
            bytes: model.bytes,
            files: files.into_iter().map(|(named, _)| file(named)).collect(),
        })
    }
}
