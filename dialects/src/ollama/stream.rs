//! How an answer comes that Ollama would stream: as lines, as events, or whole.

use serde::Serialize;

use crate::call::Answer;

/// What decides that, beside the body's `stream`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Streaming {
    /// What no `stream` means.
    pub by_default: bool,
    /// Whether the client asks for server-sent events instead of lines.
    pub as_events: bool,
}

/// How an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// One JSON object.
    Whole,
    /// JSON objects, a line each.
    Lines,
    /// JSON objects as events, and an end that says so.
    Events,
}

impl Streaming {
    pub(super) fn manner(self, stream: Option<bool>) -> Manner {
        if !stream.unwrap_or(self.by_default) {
            Manner::Whole
        } else if self.as_events {
            Manner::Events
        } else {
            Manner::Lines
        }
    }
}

impl Manner {
    /// The answer whose only piece is its last.
    pub(super) fn write(self, last: &impl Serialize) -> Answer {
        let whole = Answer::json(last);
        match self {
            Self::Whole => whole,
            Self::Lines => {
                let body = [whole.body, b"\n".to_vec()].concat();
                Answer { body, content_type: "application/x-ndjson", ..whole }
            }
            Self::Events => {
                let body = [b"data: ".to_vec(), whole.body, b"\n\ndata: [DONE]\n\n".to_vec()].concat();
                Answer { body, content_type: "text/event-stream", ..whole }
            }
        }
    }
}
