//! A JSON body as a value: what is wrong with it is told by the field's path.

use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};

/// Reads `body`, which must be a JSON object; `what` names it in refusals.
pub fn parse<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Problem> {
    // A derived reader would also take an array of the fields' values.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|first| b"[\"".contains(first)) {
        return Err(Problem::new(Code::InvalidField, format_args!("the {what} must be a JSON object")));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(refused)?;
    json.end().map_err(|error| Problem::new(Code::MalformedJson, error))?;
    Ok(value)
}

/// Names the field by its path; the position in the text helps only where the text itself is broken.
fn refused(error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let path = error.path().to_string();
    let error = error.into_inner();
    if !error.is_data() {
        return Problem::new(Code::MalformedJson, error);
    }
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let named = message.split('`').nth(1).unwrap_or_default();
    let below = |name: &str| match path.as_str() {
        "." => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    if message.starts_with("unknown field") {
        let field = if path.ends_with(named) { path.clone() } else { below(named) };
        Problem::new(Code::UnknownField, message).at(field)
    } else if message.starts_with("missing field") {
        Problem::new(Code::MissingField, message).at(below(named))
    } else {
        let problem = Problem::new(Code::InvalidField, message);
        if path == "." { problem } else { problem.at(path) }
    }
}
