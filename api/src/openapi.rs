//! The OpenAPI document, made of what is mounted.

mod v30;

use axum::Router;
use forebay_dialects::emotion::{PredictAnswer, PredictMessage};
use forebay_shared::job::{
    BackgroundRemovalParams, EchoParams, ImageClassificationParams, ImageEmbeddingParams,
    ImageSegmentationParams, ImageToImageParams, ObjectDetectionParams, OcrParams, RerankParams,
    TensorParams, TextClassificationParams, TextEmbeddingParams, TextSimilarityParams,
    TokenClassificationParams, ZeroShotClassificationParams,
};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use crate::problem::Surface;
use crate::routes;
use crate::socket::{ClientMessage, ServerMessage};
use crate::state::App;

/// What is not said at any path.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Forebay",
        description = "Asynchronous inference: submit text or pictures, get an id at once, collect the result.\n\n\
            Errors of the job API are problems (RFC 9457) with a stable `code`; paths of other dialects answer in \
            those dialects' words. Every answer carries `x-request-id`; where a rate limit is configured, \
            `x-ratelimit-limit`, `-remaining` and `-reset` (seconds), the same with `-cost` for what submissions cost, and \
            on OpenAI's paths with `-requests` and `-tokens`, as OpenAI has them.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "jobs", description = "Submit work, follow it, collect its result"),
        (name = "openai", description = "OpenAI's calls, onto the same jobs"),
        (name = "images", description = "Image tasks, onto the same jobs"),
        (name = "ollama", description = "Ollama's calls, onto the same jobs and models"),
        (name = "tei", description = "Calls of Text Embeddings Inference, onto the same jobs"),
        (name = "emotion", description = "The emotion API's calls, onto the same jobs"),
        (name = "events", description = "Hear what happens to jobs as it happens"),
        (name = "schedules", description = "Submit the same work again and again"),
        (name = "webhooks", description = "Be told of what happens, by signed messages"),
        (name = "queues", description = "What stands in the queues of models, and orders to them"),
        (name = "bulk", description = "Files of requests that run when nothing more urgent does"),
        (name = "kserve", description = "KServe's Open Inference Protocol v2, onto the same jobs"),
        (name = "models", description = "Which models there are and what they take; bring, copy and delete them"),
        (name = "files", description = "Files and uploads in parts, as OpenAI has them"),
        (name = "service", description = "Health and metrics"),
    ),
    components(schemas(
        EchoParams,
        TextEmbeddingParams,
        TextClassificationParams,
        RerankParams,
        TextSimilarityParams,
        ZeroShotClassificationParams,
        TokenClassificationParams,
        TensorParams,
        ImageClassificationParams,
        BackgroundRemovalParams,
        ObjectDetectionParams,
        ImageEmbeddingParams,
        ImageToImageParams,
        ImageSegmentationParams,
        OcrParams,
        ClientMessage,
        ServerMessage,
        PredictMessage,
        PredictAnswer,
    )),
    security(("bearer" = []), ("api_key" = [])),
    modifiers(&Keys),
)]
struct Document;

/// The two headers that a key may stand in.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key. Not asked for while the service runs open."));
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
        let header = ApiKeyValue::with_description("X-API-Key", "The same key in another header.");
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(header)));
    }
}

/// What is mounted, and the document that describes it.
pub fn routes() -> (Router<App>, utoipa::openapi::OpenApi) {
    let all = OpenApiRouter::with_openapi(Document::openapi()).merge(routes::all());
    let (router, mut document) = all.split_for_parts();
    // The router's word for "the rest of the path" is none of OpenAPI's.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths
        .into_iter()
        .map(|(path, mut item)| {
            refuse_strangers(&path, &mut item);
            (path.replace("{*", "{"), item)
        })
        .collect();
    (router, document)
}

/// What every path that is not public answers to a missing key, or to one that does not permit enough.
fn refuse_strangers(path: &str, item: &mut PathItem) {
    let (schema, content_type) = match Surface::of(path) {
        Surface::Kserve => ("KserveError", "application/json"),
        Surface::OpenAi => ("OpenAiError", "application/json"),
        Surface::Images => ("ImageError", "application/json"),
        Surface::Ollama => ("OllamaError", "application/json"),
        Surface::Tei => ("TeiError", "application/json"),
        Surface::Emotion => ("EmotionError", "application/json"),
        Surface::Native => ("Problem", "application/problem+json"),
    };
    let operations =
        [&mut item.get, &mut item.head, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
    for operation in operations.into_iter().flatten().filter(|operation| !is_public(operation)) {
        let refusals = [
            ("401", "No valid API key was given; never while the service runs open"),
            ("403", "The API key does not permit this"),
            ("429", "A rate limit is used up; `Retry-After` says for how long"),
        ];
        for (status, description) in refusals {
            let content = Content::new(Some(Ref::from_schema_name(schema)));
            let response = ResponseBuilder::new().description(description).content(content_type, content);
            operation.responses.responses.entry(status.to_owned()).or_insert(response.build().into());
        }
    }
}

fn is_public(operation: &Operation) -> bool {
    operation.security.is_some()
}

/// The document as it is committed and served.
pub fn json(document: &utoipa::openapi::OpenApi) -> String {
    let json = document.to_pretty_json().expect("the document is made of strings and numbers");
    format!("{json}\n")
}

/// The same in the words of OpenAPI 3.0.3.
pub fn json_v30(document: &utoipa::openapi::OpenApi) -> String {
    let document = serde_json::to_value(document).expect("the document is made of strings and numbers");
    format!("{:#}\n", v30::rendering(document))
}
