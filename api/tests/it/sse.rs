//! Server-sent events as a client reads them.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::http::StatusCode;
use futures::StreamExt;
use serde_json::Value;

use crate::app::Call;

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
    body: BodyDataStream,
    text: String,
}

impl Stream {
    pub async fn open(call: Call) -> Self {
        let response = call.open().await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event or comment; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Heard> {
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, self.read()).await.expect("the stream tells something")
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
    pub async fn rest(mut self) -> Vec<Heard> {
        let mut all = Vec::new();
        while let Some(heard) = self.event().await {
            all.push(heard);
        }
        all
    }

    async fn read(&mut self) -> Option<Heard> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                return Some(heard(block.trim_end()));
            }
            self.text.push_str(std::str::from_utf8(&self.body.next().await?.unwrap()).unwrap());
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
            ("", comment) => heard.comment = Some(comment.to_owned()),
            ("retry", _) => {}
            other => panic!("{other:?}"),
        }
    }
    heard
}
