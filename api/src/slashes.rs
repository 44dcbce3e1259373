//! Names of models with a `/` in paths that go on behind them.
//!
//! A route takes a name as one segment. So before a request is routed, the slashes of the name are written as `%2F`, which
//! is what a client may send too: `/v2/models/org/name/infer` is `/v2/models/org%2Fname/infer`. A path is read from its end,
//! so a name that ends as one of the words behind it is reached by the longer way only.

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// What stands before a name.
const FRONTS: [&str; 2] = ["/v2/models/", "/v2/repository/models/"];
/// What may stand behind it, after a version or without.
const WORDS: [&str; 4] = ["infer", "ready", "load", "unload"];

/// What was asked for, before the name in it became one segment.
#[derive(Clone, Debug)]
pub struct Asked(pub Uri);

/// The request with the name in its path as one segment.
pub async fn join(mut request: Request) -> Request {
    if let Some(uri) = joined(request.uri()) {
        let asked = std::mem::replace(request.uri_mut(), uri);
        request.extensions_mut().insert(Asked(asked));
    }
    request
}

fn joined(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let front = FRONTS.iter().find(|front| path.starts_with(*front))?;
    let segments: Vec<&str> = path[front.len()..].split('/').collect();
    let (name, behind) = split(&segments);
    if name.len() < 2 {
        return None;
    }
    let mut path = format!("{front}{}", name.join("%2F"));
    for segment in behind {
        path.push('/');
        path.push_str(segment);
    }
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

/// A name, and what stands behind it.
fn split<'a, 'b>(segments: &'a [&'b str]) -> (&'a [&'b str], &'a [&'b str]) {
    let mut end = segments.len();
    if end > 1 && WORDS.contains(&segments[end - 1]) {
        end -= 1;
    }
    if end > 2 && segments[end - 2] == "versions" {
        end -= 2;
    }
    segments.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_slashes_becomes_one_segment() {
        let told = |path: &str| joined(&path.parse().unwrap()).map(|uri| uri.to_string());
        for (path, wanted) in [
            ("/v2/models/org/name", "/v2/models/org%2Fname"),
            ("/v2/models/org/name/infer", "/v2/models/org%2Fname/infer"),
            ("/v2/models/a/b/c:v1/versions/1", "/v2/models/a%2Fb%2Fc:v1/versions/1"),
            ("/v2/models/org/name/versions/1/infer?x=/", "/v2/models/org%2Fname/versions/1/infer?x=/"),
            ("/v2/models/org/na%20me/ready", "/v2/models/org%2Fna%20me/ready"),
            ("/v2/repository/models/org/name/load", "/v2/repository/models/org%2Fname/load"),
            ("http://here/v2/models/org/name/ready", "http://here/v2/models/org%2Fname/ready"),
        ] {
            assert_eq!(told(path).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn a_name_of_one_segment_stays_as_it_is() {
        for path in [
            "/v2/models/name",
            "/v2/models/name/infer",
            "/v2/models/infer",
            "/v2/models/name/versions/1/ready",
            "/v2/models/org%2Fname/infer",
            "/v2/models/",
            "/v2/models",
            "/v1/models/org/name",
            "/v2/health/live",
        ] {
            assert_eq!(joined(&path.parse().unwrap()), None, "{path}");
        }
    }
}
