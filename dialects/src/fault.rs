//! What is wrong with a body, found by whoever translates it.

use forebay_shared::clock::Timestamp;
use forebay_shared::job::{Failure, FailureCode};
use serde::de::DeserializeOwned;

use crate::Refusal;

/// Characters of a message, and of a field's path: more than any of ours has that quotes nothing.
const LONGEST: usize = 1000;

/// What is wrong with a body, or with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The named reason.
    pub code: FaultCode,
    /// One sentence: lower case, no full stop, no internals.
    pub message: String,
    /// Where in the body the reason stands.
    pub field: Option<String>,
    /// The number that was exceeded.
    pub limit: Option<u64>,
}

/// Named reasons, a part of the native API's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// It is no JSON.
    MalformedJson,
    /// A field is not known.
    UnknownField,
    /// A field is missing.
    MissingField,
    /// A field has another type or lies out of bounds.
    InvalidField,
    /// There is nothing to do.
    EmptyInput,
    /// There is more to do than one request may ask for.
    TooManyItems,
    /// It is understood, and nothing here does it.
    NotSupported,
    /// There is no such model.
    UnknownModel,
    /// The model does not take such an input, or does something else.
    WrongInput,
    /// The model could not take an input.
    InputFailed,
    /// The work failed, and not by the client's fault.
    JobFailed,
}

impl FaultCode {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::MalformedJson,
        Self::UnknownField,
        Self::MissingField,
        Self::InvalidField,
        Self::EmptyInput,
        Self::TooManyItems,
        Self::NotSupported,
        Self::UnknownModel,
        Self::WrongInput,
        Self::InputFailed,
        Self::JobFailed,
    ];

    /// The word, and the HTTP status of the native API.
    pub const fn row(self) -> (&'static str, u16) {
        match self {
            Self::MalformedJson => ("malformed_json", 400),
            Self::UnknownField => ("unknown_field", 422),
            Self::MissingField => ("missing_field", 422),
            Self::InvalidField => ("invalid_field", 422),
            Self::EmptyInput => ("empty_input", 422),
            Self::TooManyItems => ("too_many_items", 422),
            Self::NotSupported => ("not_supported", 400),
            Self::UnknownModel => ("unknown_model", 404),
            Self::WrongInput => ("wrong_input", 422),
            Self::InputFailed => ("input_failed", 422),
            Self::JobFailed => ("job_failed", 500),
        }
    }
}

impl Fault {
    /// A fault that stands nowhere in particular.
    pub fn new(code: FaultCode, message: impl Into<String>) -> Self {
        Self { code, message: excerpt(message.into()), field: None, limit: None }
    }

    /// Where in the body the reason stands.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(excerpt(field.into()));
        self
    }

    /// The number that was exceeded.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The same for a dialect to write down, where no request brought it about: a line of a file.
    pub fn refusal(&self, at: Timestamp) -> Refusal<'_> {
        let (code, status) = self.code.row();
        let field = self.field.as_deref();
        Refusal { status, code, title: code, message: &self.message, field, model: None, at }
    }
}

/// As much of a sentence as a refusal tells: what it quotes may be as long as what was sent.
pub fn excerpt(mut sentence: String) -> String {
    if let Some((end, _)) = sentence.char_indices().nth(LONGEST) {
        sentence.truncate(end);
        sentence.push('…');
    }
    sentence
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        let code = match failure.code {
            FailureCode::ImageUndecodable
            | FailureCode::ImageTooLarge
            | FailureCode::InputTooLong
            | FailureCode::UnknownToken
            | FailureCode::FetchFailed
            | FailureCode::FetchRefused
            | FailureCode::InvalidParams
            | FailureCode::WrongTensors => FaultCode::InputFailed,
            _ => FaultCode::JobFailed,
        };
        Self::new(code, failure.message)
    }
}

/// Reads a body that must be a JSON object; `what` names it in refusals. What is malformed, unknown, missing or of the wrong type is named by its path.
pub fn read<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Fault> {
    // A derived reader would also take an array of the fields' values.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|first| b"[\"".contains(first)) {
        return Err(Fault::new(FaultCode::InvalidField, format!("the {what} must be a JSON object")));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json).map_err(refused)?;
    json.end().map_err(|error| Fault::new(FaultCode::MalformedJson, error.to_string()))?;
    Ok(read)
}

/// Names the field by its path; the position in the text helps only where the text itself is broken.
fn refused(error: serde_path_to_error::Error<serde_json::Error>) -> Fault {
    let path = error.path().to_string();
    let error = error.into_inner();
    let message = error.to_string();
    if !error.is_data() {
        return Fault::new(FaultCode::MalformedJson, message);
    }
    let message = message.split(" at line ").next().unwrap_or_default();
    let named = message.split('`').nth(1).unwrap_or_default();
    let below = |name: &str| match path.as_str() {
        "." => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    if message.starts_with("unknown field") {
        let field = if path.ends_with(named) { path.clone() } else { below(named) };
        Fault::new(FaultCode::UnknownField, message).at(field)
    } else if message.starts_with("missing field") {
        Fault::new(FaultCode::MissingField, message).at(below(named))
    } else {
        let fault = Fault::new(FaultCode::InvalidField, message);
        if path == "." { fault } else { fault.at(path) }
    }
}
