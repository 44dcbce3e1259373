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
pub enum Manner {
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
    /// What an answer that comes so is called.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Whole => "application/json",
            Self::Lines => "application/x-ndjson",
            Self::Events => "text/event-stream",
        }
    }

    /// A piece of an answer.
    pub fn piece(self, piece: &impl Serialize) -> Vec<u8> {
        let body = Answer::json(piece).body;
        match self {
            Self::Whole => body,
            Self::Lines => [body, b"\n".to_vec()].concat(),
            Self::Events => [b"data: ".to_vec(), body, b"\n\n".to_vec()].concat(),
        }
    }

    /// What comes after the last piece.
    pub const fn end(self) -> &'static str {
        match self {
            Self::Whole | Self::Lines => "",
            Self::Events => "data: [DONE]\n\n",
        }
    }

    /// The answer whose only piece is its last.
    pub fn write(self, last: &impl Serialize) -> Answer {
        let body = [self.piece(last), self.end().into()].concat();
        Answer { body, content_type: self.content_type(), headers: Vec::new() }
    }
}
