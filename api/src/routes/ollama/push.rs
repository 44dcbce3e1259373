//! `POST /api/push`

use super::OllamaError;
use crate::auth::Registrant;
use crate::problem::{Code, Problem};

/// Push a model: not offered
///
/// There is no other registry that this one would send to.
#[utoipa::path(
    post,
    path = "/api/push",
    tag = "ollama",
    operation_id = "ollama_push",
    responses((status = 400, description = "Always", body = OllamaError)),
)]
pub async fn push(_registrant: Registrant) -> Problem {
    let detail =
        "models are not pushed from here: pull them where they are wanted, or import their archive there";
    Problem::new(Code::NotSupported, detail)
}
