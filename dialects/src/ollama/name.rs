//! Names with Ollama's tags: `emotion` and `emotion:latest` are the same model.

use crate::{Fault, FaultCode};

/// What a model is called where no tag is.
const LATEST: &str = ":latest";

/// A name without the tag that means none.
pub fn plain(name: &str) -> &str {
    name.strip_suffix(LATEST).filter(|plain| !plain.is_empty()).unwrap_or(name)
}

/// The model that a request is about, without a tag that means none: older clients say `name`.
pub(super) fn meant(model: Option<String>, name: Option<String>) -> Result<String, Fault> {
    let model = [model, name].into_iter().flatten().find(|name| !name.is_empty());
    let model = model.ok_or_else(|| Fault::new(FaultCode::MissingField, "model is required").at("model"))?;
    Ok(plain(&model).to_owned())
}

/// A name as Ollama lists it, always with a tag.
pub(super) fn tagged(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') { name.to_owned() } else { format!("{name}{LATEST}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_latest_means_none() {
        for (asked, meant) in [
            ("emotion", "emotion"),
            ("emotion:latest", "emotion"),
            ("a/b:v1.5", "a/b:v1.5"),
            (":latest", ":latest"),
        ] {
            assert_eq!(plain(asked), meant);
        }
    }

    #[test]
    fn a_listed_name_has_a_tag_and_leads_back() {
        for (name, listed) in
            [("emotion", "emotion:latest"), ("a/b:v1.5", "a/b:v1.5"), ("host:8080/a", "host:8080/a:latest")]
        {
            assert_eq!(tagged(name), listed);
            assert_eq!(plain(listed), name);
        }
    }
}
