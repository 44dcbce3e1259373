//! What a model, and a file of one, may be called.

/// Bytes of a model's name: the broker's queue names have 255, some of which are ours.
pub const LONGEST_NAME: usize = 200;
/// Names between slashes: `org/name`, and a folder more.
const NAME_PARTS: usize = 3;
/// Bytes of a file's path.
const LONGEST_PATH: usize = 512;
/// Folders above a file, and the file.
const PATH_PARTS: usize = 8;

/// A name that no model can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is too long.
    #[error("a model's name has at most {LONGEST_NAME} bytes, not {0}")]
    Long(usize),
    /// It has too many parts.
    #[error("a model's name has at most {NAME_PARTS} parts between slashes, not {0}")]
    Parts(usize),
    /// It stands for something else.
    #[error("no model can be called `{0}`: that is what bringing models in is called")]
    Reserved(String),
    /// A part is not one.
    #[error(
        "`{0}` in a model's name: a part begins with a letter or a digit and goes on with these, `.`, `_`, `-` and `:`"
    )]
    Part(String),
}

/// A path that no file of a model can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It is too long.
    #[error("a path has at most {LONGEST_PATH} bytes, not {0}")]
    Long(usize),
    /// It is too deep.
    #[error("`{0}` is deeper than {PATH_PARTS} folders")]
    Deep(String),
    /// It leads out of the model's folder.
    #[error("`{0}` leads out of the model's folder")]
    Outside(String),
    /// It has characters that paths do not have everywhere.
    #[error("`{}` has a control character or a backslash", .0.escape_default())]
    Characters(String),
}

/// How archives are called.
const ENDINGS: [&str; 4] = [".tar.gz", ".tgz", ".tar", ".zip"];

/// What the model in an archive of this name is called, if nobody says otherwise.
pub fn called(archive: &str) -> &str {
    ENDINGS.iter().find_map(|ending| archive.strip_suffix(ending)).unwrap_or(archive)
}

/// Refuses what a model cannot be called.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.len() > LONGEST_NAME {
        return Err(NameError::Long(name.len()));
    }
    if name == super::PULL {
        return Err(NameError::Reserved(name.to_owned()));
    }
    let parts: Vec<&str> = name.split('/').collect();
    if parts.len() > NAME_PARTS {
        return Err(NameError::Parts(parts.len()));
    }
    let goes_on = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-', ':'].contains(&c);
    let is_part =
        |part: &&str| part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.chars().all(goes_on);
    match parts.iter().find(|part| !is_part(part)) {
        Some(part) => Err(NameError::Part((*part).to_owned())),
        None => Ok(()),
    }
}

/// Refuses what a file of a model cannot be called.
pub fn check_path(path: &str) -> Result<(), PathError> {
    if path.len() > LONGEST_PATH {
        return Err(PathError::Long(path.len()));
    }
    if path.contains(|c: char| c.is_control() || c == '\\') {
        return Err(PathError::Characters(path.to_owned()));
    }
    if path.split('/').any(|part| ["", ".", ".."].contains(&part)) {
        return Err(PathError::Outside(path.to_owned()));
    }
    if path.split('/').count() > PATH_PARTS {
        return Err(PathError::Deep(path.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_hubs_have() {
        for name in ["opennsfw", "org/all-MiniLM-L6-v2", "org/name:int8", "a/b/c", "0.5B_x", &"n".repeat(200)]
        {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "/a", "a/", "a//b", "../a", "a/.hidden", "-a", "a b", "ä", "a\\b", ":x", "a\n"] {
            assert!(matches!(check_name(name), Err(NameError::Part(_))), "{name}");
        }
        assert_eq!(check_name("a/b/c/d"), Err(NameError::Parts(4)));
        assert_eq!(check_name(&"n".repeat(201)), Err(NameError::Long(201)));
    }

    #[test]
    fn an_archive_names_its_model() {
        for (archive, model) in [
            ("mood.tar.gz", "mood"),
            ("mood-1.0.zip", "mood-1.0"),
            ("mood", "mood"),
            ("mood.onnx", "mood.onnx"),
        ] {
            assert_eq!(called(archive), model);
        }
    }

    #[test]
    fn paths_stay_in_their_folder() {
        for path in
            ["config.json", "onnx/model.onnx", "1_Pooling/config.json", "a b/ü.txt", "a/b/c/d/e/f/g/h"]
        {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
        for path in ["", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/"] {
            assert!(matches!(check_path(path), Err(PathError::Outside(_))), "{path}");
        }
        for path in ["a\\..\\x", "C:\\x", "a\0b", "a\nb"] {
            assert!(matches!(check_path(path), Err(PathError::Characters(_))), "{path:?}");
        }
        assert!(matches!(check_path("a/b/c/d/e/f/g/h/i"), Err(PathError::Deep(_))));
        assert_eq!(check_path(&"p".repeat(513)), Err(PathError::Long(513)));
    }
}
