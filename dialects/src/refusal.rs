//! Why a request was refused, before it is put into anybody's words.

use forebay_shared::clock::Timestamp;

/// A refusal in neutral words. Each dialect makes a status and a body of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The HTTP status that the native API answers with.
    pub status: u16,
    /// The stable code of the native API.
    pub code: &'a str,
    /// A few words that are the same for every refusal with this code.
    pub title: &'a str,
    /// One sentence about this very request; no internals, no secrets.
    pub message: &'a str,
    /// Where in the request the reason stands, if it stands somewhere.
    pub field: Option<&'a str>,
    /// The model that was asked for, where the refusal is about one.
    pub model: Option<&'a str>,
    /// When it was refused.
    pub at: Timestamp,
}

impl Refusal<'_> {
    /// The status for dialects that know one kind of bad input only.
    ///
    /// The native API tells unreadable (400) from unacceptable (422); in the documents of most dialects both are 400.
    pub(crate) fn status_without_422(&self) -> u16 {
        if self.status == 422 { 400 } else { self.status }
    }

    /// The same for dialects whose documents have one status for every body that cannot be taken, whatever is wrong with it.
    pub(crate) fn status_without_415(&self) -> u16 {
        if self.status == 415 { 400 } else { self.status_without_422() }
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! Refusals that every dialect is tested with.

    use super::Refusal;
    use forebay_shared::clock::Timestamp;

    fn refusal<'a>(status: u16, code: &'a str, title: &'a str, message: &'a str) -> Refusal<'a> {
        let at = Timestamp::from_micros(1_780_315_200_000_000);
        Refusal { status, code, title, message, field: None, model: None, at }
    }

    pub(crate) fn all() -> Vec<Refusal<'static>> {
        let too_many = "`inputs` has 2000 items, the limit is 1024";
        vec![
            refusal(400, "malformed_json", "The body is not valid JSON", "expected `,` at line 1 column 9"),
            Refusal {
                field: Some("inputs"),
                ..refusal(422, "too_many_items", "There are too many items", too_many)
            },
            Refusal {
                field: Some("input"),
                ..refusal(422, "empty_input", "There is no input", "it is empty")
            },
            refusal(401, "unauthorized", "No valid API key was given", "the API key is not valid"),
            refusal(403, "forbidden", "The API key does not permit this", "the scope `write` is missing"),
            Refusal {
                model: Some("nope"),
                ..refusal(404, "unknown_model", "There is no such model", "there is no model `nope`")
            },
            refusal(404, "not_found", "There is nothing here", "there is nothing at GET /x"),
            refusal(404, "job_not_found", "There is no such job", "there is no such job"),
            refusal(405, "method_not_allowed", "The method is not allowed here", "use GET"),
            refusal(413, "body_too_large", "The body is too large", "the limit is 32 MiB"),
            refusal(
                415,
                "unsupported_media_type",
                "The content type is not supported",
                "send `application/json`",
            ),
            refusal(429, "too_many_requests", "There are too many requests", "ask again in a second"),
            refusal(500, "internal", "Something went wrong here", "the request failed"),
            refusal(503, "overloaded", "There is too much to do", "ask again in a second"),
            refusal(503, "unavailable", "The service is not available", "ask again in a second"),
        ]
    }

    /// One line for each sample, as `error` answers it.
    pub(crate) fn told(error: fn(&Refusal<'_>) -> (u16, serde_json::Value)) -> String {
        let line = |refusal: &Refusal<'_>| {
            let (status, body) = error(refusal);
            format!("{}: {status} {body}\n", refusal.code)
        };
        all().iter().map(line).collect()
    }
}
