//! What every answer gets: an id, a body in its dialect's words, how its limits stand, a count, and a log line if it went wrong.

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::{Code, Problem, Surface};
use crate::rates::Told;
use crate::slashes::Asked;
use crate::state::App;

/// The request's id, theirs or ours.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over from a request; a UUID has 36 characters.
const LONGEST_ID: usize = 128;

/// The outermost layer.
pub async fn dress(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(&app, &request);
    let method = request.method().clone();
    let surface = Surface::of(request.uri().path());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str).to_owned();
    // A dialect's own handlers may want to log under it.
    request.headers_mut().insert(REQUEST_ID, id.clone());

    let mut response = next.run(request).await;
    let told = response.extensions_mut().remove::<Told>();
    if let Some(problem) = problem(&mut response) {
        let id = id.to_str().unwrap_or_default();
        log(&problem, id, &method, &route);
        let allow = response.headers_mut().remove(header::ALLOW);
        response = problem.render(surface, id, app.parts.clock.now());
        response.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response.headers_mut().extend(told.map(|Told(standing)| standing).unwrap_or_default());
    let labels = [
        ("method", method.to_string()),
        ("route", route.clone()),
        ("status", response.status().as_u16().to_string()),
    ];
    metrics::counter!("forebay_http_requests_total", &labels).increment(1);
    metrics::histogram!("forebay_http_request_seconds", "route" => route)
        .record(began.elapsed().as_secs_f64());
    response
}

/// Takes the request's own id if it is sane, so that one id runs through a client's log and ours.
fn request_id(app: &App, request: &Request) -> HeaderValue {
    let sane = |value: &&HeaderValue| {
        let id = value.as_bytes();
        (1..=LONGEST_ID).contains(&id.len())
            && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
    };
    request.headers().get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(|| {
        let id = app.parts.ids.uuid().to_string();
        HeaderValue::try_from(id).expect("a UUID is made of hexadecimal digits and dashes")
    })
}

/// What is wrong, be it said by a handler or by a layer that knows statuses only.
fn problem(response: &mut Response) -> Option<Problem> {
    if let Some(problem) = response.extensions_mut().remove() {
        return Some(problem);
    }
    let content_type = response.headers().get(header::CONTENT_TYPE);
    if content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json")) {
        // A handler's own words, as those of `/readyz`.
        return None;
    }
    // A page that is not there, a body that a layer cut off.
    let code = match response.status() {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        StatusCode::TOO_MANY_REQUESTS => Code::TooManyRequests,
        status if status.is_server_error() => Code::Internal,
        _ => return None,
    };
    Some(Problem::new(code, "the request was refused"))
}

/// A failure is logged once, here; what the client did wrong is its own affair.
fn log(problem: &Problem, request_id: &str, method: &axum::http::Method, route: &str) {
    let cause = problem.cause().unwrap_or_default();
    let code = problem.code().as_str();
    match problem.code().status().as_u16() {
        500 => {
            tracing::error!(request.id = request_id, %method, route, code, cause, "a request failed: {problem}");
        }
        501.. => {
            tracing::warn!(request.id = request_id, %method, route, code, cause, "a request was put off: {problem}");
        }
        _ => {
            tracing::debug!(request.id = request_id, %method, route, code, "a request was refused: {problem}");
        }
    }
}

/// A handler panicked: the connection lives on, and the client learns as much as from any other defect.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let said = panic.downcast_ref::<String>().cloned();
    let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
    let said = format!("a handler panicked: {}", said.unwrap_or_default());
    Problem::defect(said).into_response()
}

/// Nothing is mounted at the path.
pub async fn not_found(request: Request) -> Problem {
    let asked = request.extensions().get::<Asked>().map(|Asked(uri)| uri);
    let (method, path) = (request.method(), asked.unwrap_or(request.uri()).path());
    let path: String = path.chars().take(200).collect();
    Problem::new(Code::NotFound, format_args!("there is nothing at {method} {path}"))
}

/// Something is mounted at the path, under other methods.
pub async fn method_not_allowed(request: Request) -> Problem {
    let method = request.method();
    Problem::new(Code::MethodNotAllowed, format_args!("{method} is not allowed here; see the header `Allow`"))
}
