//! As much of HTTP as a hub needs.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// What a visitor wants.
pub(super) struct Request {
    pub(super) path: String,
    pub(super) from: Option<u64>,
    pub(super) token: Option<String>,
}

impl Request {
    pub(super) async fn read(visitor: &mut BufReader<TcpStream>) -> std::io::Result<Self> {
        let mut line = String::new();
        visitor.read_line(&mut line).await?;
        let path = line.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
        let (mut from, mut token) = (None, None);
        loop {
            line.clear();
            visitor.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "range" => {
                    from =
                        value.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')?.parse().ok());
                }
                "authorization" => token = value.strip_prefix("Bearer ").map(str::to_owned),
                _ => {}
            }
        }
        Ok(Self { path, from, token })
    }

    /// The path without its query.
    pub(super) fn place(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

/// An answer that is no file's bytes.
pub(super) struct Said {
    pub(super) status: &'static str,
    /// Lines.
    pub(super) head: String,
    pub(super) body: String,
}

impl Said {
    /// An answer of a status and one header.
    pub(super) fn bare(status: &'static str, header: &str) -> Self {
        Self { status, head: format!("{header}\r\n"), body: String::new() }
    }

    pub(super) async fn write(&self, visitor: &mut TcpStream) -> std::io::Result<()> {
        let Self { status, head, body } = self;
        let length = body.len();
        let text =
            format!("HTTP/1.1 {status}\r\n{head}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
        visitor.write_all(text.as_bytes()).await
    }
}
