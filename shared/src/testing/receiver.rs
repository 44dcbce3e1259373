//! A webhook's receiver: answers as a test says, and tells what it was sent.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::shutdown::Tasks;

/// How long a test waits for what must come, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its path.
    pub path: String,
    /// Its headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
}

impl Received {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a message is JSON")
    }

    /// The `webhook-id`.
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

/// A server on loopback.
#[derive(Debug)]
pub struct Receiver {
    /// Where it is.
    pub url: String,
    requests: mpsc::UnboundedReceiver<Received>,
    _tasks: Tasks,
}

impl Receiver {
    /// Answers the n-th request, from 0, with `answer(n)`: a status and headers, each with its line's end. `None`: it never
    /// answers.
    pub async fn answering(answer: impl Fn(usize) -> Option<String> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a port left");
        let address = listener.local_addr().expect("it listens");
        let (sender, requests) = mpsc::unbounded_channel();
        let tasks = Tasks::new();
        let spawner = tasks.clone();
        tasks.spawn("receiver", async move {
            let mut n = 0;
            while let Ok((visitor, _)) = listener.accept().await {
                let (answer, sender) = (answer(n), sender.clone());
                n += 1;
                spawner.spawn("visitor", async move {
                    // A sender that is killed breaks its connection.
                    let _ = serve(visitor, answer, &sender).await;
                });
            }
        });
        Self { url: format!("http://{address}/hook"), requests, _tasks: tasks }
    }

    /// Answers everything with this status.
    pub async fn always(status: u16) -> Self {
        Self::answering(move |_| Some(format!("{status} X\r\n"))).await
    }

    /// The next request.
    pub async fn next(&mut self) -> Received {
        let next = tokio::time::timeout(PATIENCE, self.requests.recv()).await;
        next.expect("a request comes").expect("the server lives as long as this")
    }

    /// What has come and was not looked at.
    pub fn rest(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

async fn serve(
    visitor: TcpStream,
    answer: Option<String>,
    sender: &mpsc::UnboundedSender<Received>,
) -> std::io::Result<()> {
    let mut visitor = BufReader::new(visitor);
    let mut line = String::new();
    visitor.read_line(&mut line).await?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        visitor.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    visitor.read_exact(&mut body).await?;
    let body = String::from_utf8_lossy(&body).into_owned();
    // Nobody may look any more.
    let _ = sender.send(Received { path, headers, body });
    match answer {
        Some(answer) => {
            let text = format!("HTTP/1.1 {answer}content-length: 5\r\nconnection: close\r\n\r\nheard");
            visitor.write_all(text.as_bytes()).await
        }
        None => std::future::pending().await,
    }
}
