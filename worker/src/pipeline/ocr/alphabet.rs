//! From what a model says at each step to a text.

use std::path::Path;

use forebay_shared::job::{Failure, FailureCode};

use crate::model::ModelError;

/// The characters of a model, one of which may be several code points. Class 0 is the blank, which parts characters and is
/// none; the class behind the last is the space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alphabet(Vec<String>);

/// The likeliest class of a step, and how likely it is.
pub type Step = (usize, f32);

impl Alphabet {
    /// Reads a file with a character in each line, as PaddleOCR writes its dictionaries.
    pub fn read(file: &Path) -> Result<Self, ModelError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ModelError::File { file: file.to_owned(), source })?;
        let alphabet = Self::of(&text);
        if alphabet.0.is_empty() {
            return Err(ModelError::Content {
                file: file.to_owned(),
                message: "it has no character".to_owned(),
            });
        }
        Ok(alphabet)
    }

    /// The same of a file's text.
    pub(super) fn of(text: &str) -> Self {
        let text = text.strip_suffix('\n').unwrap_or(text);
        // A line may have a space of one kind or another, which is a character too.
        let line = |line: &str| line.strip_suffix('\r').unwrap_or(line).to_owned();
        Self(if text.is_empty() { Vec::new() } else { text.split('\n').map(line).collect() })
    }

    /// What is said, and how sure all of it is together: 0 where nothing is. A class that comes again at the next step is the
    /// same character.
    pub fn text(&self, steps: &[Step]) -> Result<(String, f32), Failure> {
        let (mut text, mut sum, mut count, mut last) = (String::new(), 0.0, 0.0, 0);
        for (class, sure) in steps {
            if *class != 0 && *class != last {
                text.push_str(self.character(*class)?);
                sum += sure;
                count += 1.0;
            }
            last = *class;
        }
        Ok((text, if count > 0.0 { sum / count } else { 0.0 }))
    }

    fn character(&self, class: usize) -> Result<&str, Failure> {
        match self.0.get(class - 1) {
            Some(character) => Ok(character),
            None if class == self.0.len() + 1 => Ok(" "),
            None => {
                let message = format!(
                    "the model read character {class}; its alphabet has {} and the space",
                    self.0.len()
                );
                Err(Failure::permanent(FailureCode::InferenceFailed, message))
            }
        }
    }
}

/// The likeliest of each step's classes.
pub fn likeliest(steps: &[f32], classes: usize) -> Vec<Step> {
    let best = |step: &[f32]| {
        let first = (0, step[0]);
        step.iter()
            .copied()
            .enumerate()
            .skip(1)
            .fold(first, |best, next| if next.1 > best.1 { next } else { best })
    };
    steps.chunks_exact(classes).map(best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(classes: &[usize]) -> Result<(String, f32), Failure> {
        let steps: Vec<Step> = classes.iter().map(|class| (*class, 0.5)).collect();
        Alphabet::of("a\nb\n\u{3000}").text(&steps)
    }

    #[test]
    fn repeated_classes_are_one_character_unless_a_blank_parts_them() {
        assert_eq!(read(&[0, 1, 1, 0, 1, 2, 2, 4, 3]).unwrap().0, "aab \u{3000}");
        assert_eq!(read(&[0, 0]).unwrap(), (String::new(), 0.0));
        assert_eq!(read(&[]).unwrap(), (String::new(), 0.0));
    }

    #[test]
    fn a_score_is_the_mean_of_the_characters_where_they_begin() {
        let steps = [(1, 0.75), (1, 0.25), (0, 0.125), (2, 0.25)];
        assert_eq!(Alphabet::of("a\nb\n").text(&steps).unwrap(), ("ab".to_owned(), 0.5));
    }

    #[test]
    fn a_class_that_the_alphabet_lacks_is_an_error() {
        let failure = read(&[5]).unwrap_err();
        assert_eq!(failure.message, "the model read character 5; its alphabet has 3 and the space");
    }

    #[test]
    fn the_first_of_equals_is_the_likeliest() {
        assert_eq!(likeliest(&[0.25, 0.5, 0.5, 1.0, 0.0, 0.0], 3), [(1, 0.5), (0, 1.0)]);
    }

    #[test]
    fn an_alphabet_has_a_character_in_each_line() {
        assert_eq!(Alphabet::of("a\r\n\u{3000}\n").0, ["a", "\u{3000}"]);
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Alphabet::read(file.path()).unwrap_err().to_string();
        assert!(error.contains("no character"), "{error}");
    }
}
