//! Whose path, whose error body.

use forebay_dialects::{Refusal, emotion, images, kserve, ollama, openai, tei};
use serde_json::Value;

/// A family of paths that share an error body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// Ours: RFC 9457.
    Native,
    /// OpenAI's.
    OpenAi,
    /// The emotion document's.
    Emotion,
    /// The image document's.
    Images,
    /// Ollama's.
    Ollama,
    /// KServe's.
    Kserve,
    /// Text Embeddings Inference's.
    Tei,
}

/// How a dialect writes a refusal: its status and its body.
type Translation = fn(&Refusal<'_>) -> (u16, Value);

/// The second segments below `/v1` that are ours; every other is OpenAI's.
const NATIVE: [&str; 10] =
    ["jobs", "bulk", "schedules", "webhooks", "events", "workers", "keys", "usage", "ws", "queues"];

impl Surface {
    /// Whose words the path's errors are written in.
    pub fn of(path: &str) -> Self {
        let mut segments = path.split('/').skip(1);
        let (first, second) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
        match (first, second) {
            ("v1", second) if NATIVE.contains(&second) => Self::Native,
            ("v1", _) => Self::OpenAi,
            ("api", "v1") | ("health" | "stats", _) => Self::Emotion,
            ("" | "api", _) => Self::Ollama,
            ("v2", _) => Self::Kserve,
            ("tei", _) => Self::Tei,
            ("process", _) => Self::Images,
            (first, _) if first.starts_with("predict") || first.starts_with("models") => Self::Emotion,
            (first, _) if first.starts_with("tasks") => Self::Images,
            _ => Self::Native,
        }
    }

    /// Its name, which jobs bear that came in its words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::OpenAi => "openai",
            Self::Emotion => "emotion",
            Self::Images => "images",
            Self::Ollama => "ollama",
            Self::Kserve => "kserve",
            Self::Tei => "tei",
        }
    }

    /// How the dialect writes a refusal. `None`: natively.
    pub(super) fn error(self) -> Option<Translation> {
        match self {
            Self::Native => None,
            Self::OpenAi => Some(openai::error),
            Self::Emotion => Some(emotion::error),
            Self::Images => Some(images::error),
            Self::Ollama => Some(ollama::error),
            Self::Kserve => Some(kserve::error),
            Self::Tei => Some(tei::error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_belongs_to_one_dialect() {
        let table = [
            (
                Surface::Native,
                &["/v1/jobs", "/v1/jobs/1/result", "/v1/ws", "/livez", "/metrics", "/else"][..],
            ),
            (Surface::OpenAi, &["/v1", "/v1/", "/v1/models", "/v1/models/a/b", "/v1/jobsx", "/v1/files"]),
            (
                Surface::Emotion,
                &[
                    "/predict",
                    "/predict/batch",
                    "/predict/ws",
                    "/models",
                    "/models/A001",
                    "/health",
                    "/stats",
                    "/api/v1/x",
                ],
            ),
            (Surface::Images, &["/tasks", "/tasks/1", "/process"]),
            (Surface::Ollama, &["/", "/api", "/api/tags", "/api/v10"]),
            (Surface::Kserve, &["/v2", "/v2/models/m/infer"]),
            (Surface::Tei, &["/tei", "/tei/embed", "/tei/predict"]),
        ];
        for (surface, paths) in table {
            for path in paths {
                assert_eq!(Surface::of(path), surface, "{path}");
            }
        }
    }
}
