//! What is to be brought in: `org/name[:file-or-precision][@revision]`.

use std::fmt;
use std::str::FromStr;

/// Bytes of a repository's name.
const LONGEST_REPOSITORY: usize = 160;
/// Bytes of a file or a precision.
const LONGEST_PICK: usize = 200;
/// Bytes of a revision.
const LONGEST_REVISION: usize = 100;
/// What a graph's file ends with.
const GRAPH: &str = ".onnx";

/// A model in a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The repository: `org/name`, or the name alone.
    pub repository: String,
    /// A graph's path, or how exact its numbers are: `fp16`, `int8`, `q4`.
    pub pick: Option<String>,
    /// A branch, a tag or a commit; `main` by default.
    pub revision: Option<String>,
}

impl Reference {
    /// The revision that is meant.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }

    /// What the model is called if nobody says otherwise: the repository's name, and what tells the graph from others.
    pub fn name(&self) -> String {
        let Some(pick) = &self.pick else { return self.repository.clone() };
        let file = pick.rsplit('/').next().unwrap_or(pick);
        format!("{}:{}", self.repository, file.strip_suffix(GRAPH).unwrap_or(file))
    }
}

/// A text that names no model in a hub.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The repository is none.
    #[error(
        "the repository `{0}` is none: it is `name` or `org/name`, of letters, digits, `.`, `_` and `-`, and has at most \
         {LONGEST_REPOSITORY} bytes"
    )]
    Repository(String),
    /// What stands behind the colon names no graph.
    #[error(
        "`{0}` after the colon is neither a precision, such as `fp16`, nor the path of a file, such as `onnx/model.onnx`"
    )]
    Pick(String),
    /// What stands behind the sign @ is no revision.
    #[error(
        "the revision `{0}` is none: it is a branch, a tag or a commit of at most {LONGEST_REVISION} bytes"
    )]
    Revision(String),
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (model, revision) = match text.split_once('@') {
            Some((model, revision)) => (model, Some(revision)),
            None => (text, None),
        };
        let (repository, pick) = match model.split_once(':') {
            Some((repository, pick)) => (repository, Some(pick)),
            None => (model, None),
        };
        if !is_repository(repository) {
            return Err(ReferenceError::Repository(repository.to_owned()));
        }
        if let Some(pick) = pick.filter(|pick| !is_path(pick, LONGEST_PICK)) {
            return Err(ReferenceError::Pick(pick.to_owned()));
        }
        if let Some(revision) = revision.filter(|revision| !is_path(revision, LONGEST_REVISION)) {
            return Err(ReferenceError::Revision(revision.to_owned()));
        }
        Ok(Self {
            repository: repository.to_owned(),
            pick: pick.map(str::to_owned),
            revision: revision.map(str::to_owned),
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(pick) = &self.pick {
            write!(f, ":{pick}")?;
        }
        if let Some(revision) = &self.revision {
            write!(f, "@{revision}")?;
        }
        Ok(())
    }
}

fn is_repository(text: &str) -> bool {
    text.len() <= LONGEST_REPOSITORY && text.split('/').count() <= 2 && text.split('/').all(is_word)
}

/// Words between slashes, none of which leads elsewhere.
fn is_path(text: &str, longest: usize) -> bool {
    text.len() <= longest && text.split('/').all(is_word)
}

fn is_word(word: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
    word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && word.chars().all(goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Option<String>, Option<String>) {
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.to_string(), text, "it is written as it is read");
        (reference.repository, reference.pick, reference.revision)
    }

    #[test]
    fn a_reference_has_a_repository_and_may_have_a_graph_and_a_revision() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("org/name"), ("org/name".to_owned(), None, None));
        assert_eq!(read("bert-base"), ("bert-base".to_owned(), None, None));
        assert_eq!(read("org/na.me_1:fp16"), ("org/na.me_1".to_owned(), some("fp16"), None));
        assert_eq!(
            read("org/name:onnx/model_quantized.onnx@refs/pr/1"),
            ("org/name".to_owned(), some("onnx/model_quantized.onnx"), some("refs/pr/1"))
        );
        assert_eq!(read("org/name@v1.0"), ("org/name".to_owned(), None, some("v1.0")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| text.parse::<Reference>().unwrap_err();
        for text in ["", "/name", "org/", "a/b/c", "../a", "a/..", "org/na me", "örg/name", "-a"] {
            assert!(matches!(error(text), ReferenceError::Repository(_)), "{text}");
        }
        for text in
            ["org/name:", "org/name:../../etc", "org/name:/a", "org/name:a b", "org/name:a:b", "http://a"]
        {
            assert!(matches!(error(text), ReferenceError::Pick(_)), "{text}");
        }
        for text in ["org/name@", "org/name:fp16@a..b/../c", "org/name@a b", "org/name@a@b"] {
            assert!(matches!(error(text), ReferenceError::Revision(_)), "{text}");
        }
        assert!(matches!(error(&"n".repeat(161)), ReferenceError::Repository(_)));
        assert_eq!(
            error("org/name@x y").to_string(),
            "the revision `x y` is none: it is a branch, a tag or a commit of at most 100 bytes"
        );
    }

    #[test]
    fn a_model_is_called_as_its_repository_and_its_graph_are() {
        let name = |text: &str| text.parse::<Reference>().unwrap().name();
        assert_eq!(name("org/name@v1"), "org/name");
        assert_eq!(name("org/name:fp16"), "org/name:fp16");
        assert_eq!(name("org/name:onnx/model_q4.onnx"), "org/name:model_q4");
        for text in ["org/name", "org/name:fp16", "org/name:onnx/model_q4.onnx"] {
            assert_eq!(crate::registry::check_name(&name(text)), Ok(()), "{text}");
        }
    }
}
