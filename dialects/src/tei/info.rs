//! `GET /tei/info`: what is served.

use forebay_shared::model::ModelCard;
use serde_json::{Value, json};

/// What the service says of itself.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its version.
    pub version: &'static str,
    /// Inputs of one request at most.
    pub most_inputs: u32,
    /// Jobs of one owner that may wait.
    pub most_waiting: u64,
    /// The models behind the paths, by the paths' names; empty: none.
    pub models: [(&'static str, String); 4],
}

/// Tells of the model behind `/tei/embed`, as TEI does of its only one, and names those behind the other paths. Its number
/// format and its pooling are not on its card.
pub fn write(card: &ModelCard, service: &Service) -> Value {
    let models = service.models.iter().filter(|(_, model)| !model.is_empty());
    let models: serde_json::Map<String, Value> =
        models.map(|(path, model)| ((*path).to_owned(), model.as_str().into())).collect();
    json!({
        "model_id": card.name,
        "model_sha": card.digest,
        "model_type": { "embedding": {} },
        "max_concurrent_requests": service.most_waiting,
        "max_input_length": card.max_tokens,
        "max_batch_tokens": card.batch_cost,
        "max_client_batch_size": service.most_inputs,
        "auto_truncate": true,
        "version": service.version,
        "models": models,
    })
}

#[cfg(test)]
mod tests {
    use forebay_shared::job::Kind;

    use super::*;
    use crate::call::samples::card;

    #[test]
    fn the_model_that_embeds_is_told_of_and_the_others_are_named() {
        let models = [("embed", "minilm"), ("predict", "emotion"), ("rerank", ""), ("similarity", "")];
        let models = models.map(|(path, model)| (path, model.to_owned()));
        let service = Service { version: "0.1.0", most_inputs: 1024, most_waiting: 500_000, models };
        insta::assert_snapshot!(format!("{:#}", write(&card("minilm", Kind::TextEmbedding), &service)), @r#"
        {
          "model_id": "minilm",
          "model_sha": "0000000000000000000000000000000000000000000000000000000000000000",
          "model_type": {
            "embedding": {}
          },
          "max_concurrent_requests": 500000,
          "max_input_length": 128,
          "max_batch_tokens": 64,
          "max_client_batch_size": 1024,
          "auto_truncate": true,
          "version": "0.1.0",
          "models": {
            "embed": "minilm",
            "predict": "emotion"
          }
        }
        "#);
    }
}
