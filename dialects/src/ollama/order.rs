//! What is to be done with a model as it is: `/api/copy`, `/api/delete`; and with stored bytes.

use forebay_shared::registry::ContentDigest;
use serde::Deserialize;

use super::name::{meant, plain};
use crate::{Fault, FaultCode};

/// What `POST /api/copy` asks for, in names without a tag that means none.
#[derive(Debug, PartialEq, Eq)]
pub struct Copy {
    /// The model that there is.
    pub source: String,
    /// Its other name.
    pub destination: String,
}

#[derive(Deserialize)]
struct CopyBody {
    source: String,
    destination: String,
}

#[derive(Deserialize)]
struct DeleteBody {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

/// Reads the body of `POST /api/copy`.
pub fn copy(body: &[u8]) -> Result<Copy, Fault> {
    let CopyBody { source, destination } = crate::read(body, "request")?;
    Ok(Copy { source: plain(&source).to_owned(), destination: plain(&destination).to_owned() })
}

/// Reads the body of `DELETE /api/delete`: which model.
pub fn delete(body: &[u8]) -> Result<String, Fault> {
    let DeleteBody { model, name } = crate::read(body, "request")?;
    meant(model, name)
}

/// The bytes that a path or a body names: `sha256:` or `sha256-`, and their SHA-256.
pub fn digest(word: &str) -> Result<ContentDigest, Fault> {
    let digits = word.strip_prefix("sha256:").or_else(|| word.strip_prefix("sha256-"));
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
        let message = "invalid digest: it is `sha256:` and 64 hexadecimal digits";
        Fault::new(FaultCode::InvalidField, message).at("digest")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_either_word_and_with_or_without_a_tag() {
        for body in [r#"{"model": "mood"}"#, r#"{"name": "mood:latest"}"#, r#"{"model": "", "name": "mood"}"#]
        {
            assert_eq!(delete(body.as_bytes()).as_deref(), Ok("mood"), "{body}");
        }
        let copied = copy(br#"{"source": "mood:latest", "destination": "org/mood:v1"}"#).unwrap();
        assert_eq!((copied.source.as_str(), copied.destination.as_str()), ("mood", "org/mood:v1"));
        assert_eq!(delete(b"{}").unwrap_err().message, "model is required");
        assert_eq!(copy(br#"{"source": "mood"}"#).unwrap_err().field.as_deref(), Some("destination"));
    }

    #[test]
    fn bytes_are_named_by_their_sha_256() {
        let digits = "ab".repeat(32);
        for word in [format!("sha256:{digits}"), format!("sha256-{digits}")] {
            assert_eq!(digest(&word), Ok(ContentDigest([0xab; 32])), "{word}");
        }
        for word in
            ["sha256-xxxxx", &digits, &format!("md5:{digits}"), "", "sha256:", &format!("sha256:{digits}0")]
        {
            assert!(digest(word).unwrap_err().message.starts_with("invalid digest"), "{word}");
        }
    }
}
