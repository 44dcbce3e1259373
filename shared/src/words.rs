//! Closed sets of words, each spelt once for SQL, JSON, metrics and logs.

/// A word outside a closed set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a {set}")]
pub struct UnknownWord {
    /// The set's name.
    pub set: &'static str,
    /// The word that is not in it.
    pub word: String,
}

/// Gives an enum its words: `as_str`, `Display` and `FromStr`.
macro_rules! words {
    ($type:ident, $set:literal, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            /// The word in SQL, JSON and metrics.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::words::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::words::UnknownWord { set: $set, word: word.to_owned() }),
                }
            }
        }
    };
}

pub(crate) use words;
