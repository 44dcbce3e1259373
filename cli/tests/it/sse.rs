//! Server-sent events as a client reads them.

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;

use super::house::LONG;

/// What a client hears.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    pub id: Option<String>,
    pub event: String,
    pub data: Value,
    pub comment: Option<String>,
}

/// An open stream.
pub struct Stream {
    response: Response,
    text: Vec<u8>,
}

impl Stream {
    pub async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self { response, text: Vec::new() }
    }

    /// The next event or comment; `None` when the stream ends or breaks.
    pub async fn next(&mut self) -> Option<Heard> {
        tokio::time::timeout(LONG, self.read()).await.expect("the stream tells something")
    }

    /// The next event that says something.
    pub async fn event(&mut self) -> Option<Heard> {
        loop {
            match self.next().await {
                Some(heard) if heard.event.is_empty() => {}
                heard => return heard,
            }
        }
    }

    /// All events up to the end.
    pub async fn rest(&mut self) -> Vec<Heard> {
        let mut all = Vec::new();
        while let Some(heard) = self.event().await {
            all.push(heard);
        }
        all
    }

    async fn read(&mut self) -> Option<Heard> {
        loop {
            if let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).collect();
                return Some(heard(std::str::from_utf8(&block).unwrap().trim_end()));
            }
            self.text.extend(self.response.chunk().await.ok()??);
        }
    }
}

fn heard(block: &str) -> Heard {
    let mut heard = Heard::default();
    for line in block.lines() {
        match line.split_once(": ").unwrap_or((line, "")) {
            ("id", id) => heard.id = Some(id.to_owned()),
            ("event", event) => event.clone_into(&mut heard.event),
            ("data", data) => heard.data = serde_json::from_str(data).unwrap(),
            (":" | "", comment) => heard.comment = Some(comment.to_owned()),
            _ => {}
        }
    }
    heard
}
