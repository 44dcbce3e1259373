//! The documentation itself: the OpenAPI document, Swagger UI, Redoc and Postman's files, all without another server.

use aide::redoc::Redoc;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Html;
use axum::routing::get;
use bytes::Bytes;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::state::App;

/// Browsers fetch nothing for these pages but from here, whatever the scripts in them would like.
const POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; \
                      frame-ancestors 'self'; base-uri 'none'; form-action 'none'";
/// The one thing that Redoc's script would fetch from elsewhere: its maker's logo.
const LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";

/// The pages. They document the other paths and are not themselves documented.
pub fn pages(document: &OpenApi) -> Router<App> {
    let json = Bytes::from(crate::openapi::json(document));
    let older = Bytes::from(crate::openapi::json_v30(document));
    let yaml = Bytes::from(document.to_yaml().expect("the document is made of strings and numbers"));
    let redoc = Redoc::new("/openapi.json").with_title("Forebay").html().replace(LOGO, "data:,");
    let redoc = Bytes::from(redoc);
    // Without the second setting Swagger UI shows the document to a validator on the internet.
    let swagger = SwaggerUi::new("/docs").config(Config::from("/openapi.json").validator_url("none"));
    let policy = SetResponseHeaderLayer::overriding(
        HeaderName::from_static("content-security-policy"),
        HeaderValue::from_static(POLICY),
    );
    let postman = crate::postman::files(document).into_iter().fold(Router::new(), |router, (name, text)| {
        let text = Bytes::from(text);
        router.route(
            &format!("/postman/{name}"),
            get(async || ([(header::CONTENT_TYPE, "application/json")], text)),
        )
    });
    Router::new()
        .merge(postman)
        .route("/openapi.json", get(async || ([(header::CONTENT_TYPE, "application/json")], json)))
        .route("/openapi-3.0.json", get(async || ([(header::CONTENT_TYPE, "application/json")], older)))
        .route("/openapi.yaml", get(async || ([(header::CONTENT_TYPE, "application/yaml")], yaml)))
        .route("/redoc", get(async || Html(redoc)))
        .merge(swagger)
        .layer(policy)
}
