//! A stand-in for a hub: repositories as the real one lays them out, on loopback.
//!
//! Large files are elsewhere, as they are there: the hub redirects to another port, which wants no token. What was asked and
//! how much was sent is written down, and connections break, stall and lie as a test says.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::shutdown::Tasks;

/// Bytes written at once.
const PIECE: usize = 16 << 10;

/// How a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Nothing more than so many bytes of it, until [`StandIn::release`].
    Held(u64),
    /// Each connection breaks after so many bytes.
    Cut(u64),
    /// Its bytes are others than the hub told of.
    Wrong,
    /// Ranges are passed over: all of it comes each time.
    Whole,
}

/// A request for a file's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which one.
    pub path: String,
    /// From where on.
    pub from: u64,
    /// How many bytes were sent.
    pub sent: u64,
    /// Whether the token came with it.
    pub with_token: bool,
}

/// A hub on loopback, and the store of its large files.
#[derive(Debug)]
pub struct StandIn {
    /// Where the hub is.
    pub url: String,
    state: Arc<State>,
    _tasks: Tasks,
}

#[derive(Debug)]
struct State {
    /// Files by path, of repositories by name.
    repositories: BTreeMap<String, BTreeMap<String, Bytes>>,
    store: String,
    token: Mutex<Option<String>>,
    manners: Mutex<HashMap<String, Manner>>,
    released: watch::Sender<bool>,
    asked: Mutex<Vec<Asked>>,
    /// Requests for files that are being answered, and the most there were.
    at_once: watch::Sender<(usize, usize)>,
}

/// What a visitor wants.
struct Request {
    path: String,
    from: Option<u64>,
    token: Option<String>,
}

impl StandIn {
    /// Serves these repositories: by name, files by path.
    pub async fn serving<P: Into<String>, B: Into<Bytes>>(
        repositories: impl IntoIterator<Item = (&str, Vec<(P, B)>)>,
    ) -> Self {
        let listen = async || TcpListener::bind("127.0.0.1:0").await.expect("loopback has a port left");
        let (hub, store) = (listen().await, listen().await);
        let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().expect("it listens"));
        let files = |files: Vec<(P, B)>| files.into_iter().map(|(path, bytes)| (path.into(), bytes.into()));
        let repositories =
            repositories.into_iter().map(|(name, all)| (name.to_owned(), files(all).collect()));
        let state = Arc::new(State {
            repositories: repositories.collect(),
            store: url(&store),
            token: Mutex::default(),
            manners: Mutex::default(),
            released: watch::Sender::new(false),
            asked: Mutex::default(),
            at_once: watch::Sender::default(),
        });
        let (url, tasks) = (url(&hub), Tasks::new());
        for (listener, is_hub) in [(hub, true), (store, false)] {
            let (state, spawner) = (state.clone(), tasks.clone());
            tasks.spawn("stand-in", async move {
                while let Ok((visitor, _)) = listener.accept().await {
                    let state = state.clone();
                    spawner.spawn("visitor", async move {
                        // Whoever is killed breaks its connection.
                        let _ = state.serve(visitor, is_hub).await;
                    });
                }
            });
        }
        Self { url, state, _tasks: tasks }
    }

    /// From now on the hub answers holders of this token only.
    pub fn require(&self, token: &str) {
        *lock(&self.state.token) = Some(token.to_owned());
    }

    /// From now on the file is sent like this.
    pub fn send(&self, path: &str, manner: Manner) {
        lock(&self.state.manners).insert(path.to_owned(), manner);
    }

    /// From now on nothing is held back.
    pub fn release(&self) {
        self.state.released.send_replace(true);
    }

    /// What was asked so far, for files of this path; what is being answered is not among it.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        lock(&self.state.asked).iter().filter(|asked| asked.path == path).cloned().collect()
    }

    /// The most files that were being sent at once.
    pub fn most_at_once(&self) -> usize {
        self.state.at_once.borrow().1
    }

    /// Waits until so many files are being sent.
    pub async fn sending(&self, count: usize) {
        // The stand-in lives as long as this.
        let _ = self.state.at_once.subscribe().wait_for(|at_once| at_once.0 >= count).await;
    }

    /// The commit of a repository's only revision.
    pub fn commit(&self, repository: &str) -> String {
        commit(&self.state.repositories[repository])
    }
}

impl State {
    async fn serve(&self, visitor: TcpStream, is_hub: bool) -> std::io::Result<()> {
        let mut visitor = BufReader::new(visitor);
        let request = read(&mut visitor).await?;
        let visitor = visitor.get_mut();
        if !is_hub {
            return match self.stored(&request.path) {
                Some((path, bytes)) => self.send(visitor, (path, bytes), &request).await,
                None => say(visitor, "404 Not Found", "", b"").await,
            };
        }
        if lock(&self.token).as_ref().is_some_and(|token| request.token.as_ref() != Some(token)) {
            return say(visitor, "401 Unauthorized", "x-error-code: RepoNotFound\r\n", b"").await;
        }
        let path = request.path.split('?').next().unwrap_or_default().trim_start_matches('/');
        if let Some((repository, revision)) =
            path.strip_prefix("api/models/").and_then(|rest| rest.split_once("/revision/"))
        {
            return self.list(visitor, repository, revision).await;
        }
        let Some((repository, (commit, file))) = path
            .split_once("/resolve/")
            .and_then(|(repository, rest)| Some((repository, rest.split_once('/')?)))
        else {
            return say(visitor, "404 Not Found", "", b"").await;
        };
        let found = self.repositories.get(repository).and_then(|files| files.get_key_value(file));
        match found {
            None => say(visitor, "404 Not Found", "x-error-code: EntryNotFound\r\n", b"").await,
            Some((path, bytes)) if is_large(path) => {
                let (store, digest) = (&self.store, hex::encode(Sha256::digest(bytes)));
                let head = format!(
                    "location: {store}/{digest}?signature=s\r\nx-repo-commit: {commit}\r\nx-linked-etag: \"{digest}\"\r\n\
                     x-linked-size: {}\r\n",
                    bytes.len()
                );
                say(visitor, "302 Found", &head, b"").await
            }
            Some((path, bytes)) => self.send(visitor, (path, bytes), &request).await,
        }
    }

    async fn list(&self, visitor: &mut TcpStream, repository: &str, revision: &str) -> std::io::Result<()> {
        let Some(files) = self.repositories.get(repository) else {
            return say(visitor, "404 Not Found", "x-error-code: RepoNotFound\r\n", b"").await;
        };
        let commit = commit(files);
        if revision != "main" && revision != commit {
            return say(visitor, "404 Not Found", "x-error-code: RevisionNotFound\r\n", b"").await;
        }
        let siblings: Vec<_> = files.iter().map(|(path, bytes)| sibling(path, bytes)).collect();
        let told = json!({"id": repository, "sha": commit, "siblings": siblings, "tags": ["onnx"]});
        say(visitor, "200 OK", "content-type: application/json\r\n", told.to_string().as_bytes()).await
    }

    /// The large file with the digest that a path begins with.
    fn stored(&self, path: &str) -> Option<(&String, &Bytes)> {
        let digest = path.trim_start_matches('/').split('?').next()?;
        let mut files = self.repositories.values().flatten();
        files.find(|(_, bytes)| hex::encode(Sha256::digest(bytes)) == digest)
    }

    async fn send(
        &self,
        visitor: &mut TcpStream,
        (path, bytes): (&String, &Bytes),
        request: &Request,
    ) -> std::io::Result<()> {
        let manner = lock(&self.manners).get(path).copied();
        let total = bytes.len() as u64;
        let from = request.from.filter(|from| *from < total && manner != Some(Manner::Whole));
        let (status, range) = match from {
            Some(from) => {
                ("206 Partial Content", format!("content-range: bytes {from}-{}/{total}\r\n", total - 1))
            }
            None => ("200 OK", "accept-ranges: bytes\r\n".to_owned()),
        };
        let from = from.unwrap_or(0);
        let mut counted = Some(Counted::new(&self.at_once));
        let asked = Asked { path: path.clone(), from, sent: 0, with_token: request.token.is_some() };
        // Written down however it ends.
        let mut asked = Noted { asked, all: &self.asked };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{range}connection: close\r\n\r\n",
            total - from
        );
        visitor.write_all(head.as_bytes()).await?;
        let mut at = from;
        while at < total {
            let mut end = total.min(at + PIECE as u64);
            match manner {
                Some(Manner::Cut(most)) if at >= from + most => return Ok(()),
                Some(Manner::Cut(most)) => end = end.min(from + most),
                Some(Manner::Held(until)) if !*self.released.borrow() => {
                    if at >= until {
                        let mut released = self.released.subscribe();
                        // The stand-in lives as long as this.
                        let _ = released.wait_for(|released| *released).await;
                        continue;
                    }
                    end = end.min(until);
                }
                _ => {}
            }
            let range = usize::try_from(at).unwrap_or(usize::MAX)..usize::try_from(end).unwrap_or(usize::MAX);
            let mut piece = bytes[range].to_vec();
            if manner == Some(Manner::Wrong) {
                for byte in &mut piece {
                    *byte = !*byte;
                }
            }
            if end == total {
                // Whoever has all of it may ask for the next at once.
                counted.take();
            }
            visitor.write_all(&piece).await?;
            asked.asked.sent += piece.len() as u64;
            at = end;
        }
        Ok(())
    }
}

/// Notes a request when it has been answered, or broke.
struct Noted<'a> {
    asked: Asked,
    all: &'a Mutex<Vec<Asked>>,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        lock(self.all).push(self.asked.clone());
    }
}

/// Counts a request while it is being answered.
struct Counted<'a>(&'a watch::Sender<(usize, usize)>);

impl<'a> Counted<'a> {
    fn new(counts: &'a watch::Sender<(usize, usize)>) -> Self {
        counts.send_modify(|(now, most)| {
            *now += 1;
            *most = (*most).max(*now);
        });
        Self(counts)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|(now, _)| *now -= 1);
    }
}

/// Whether Git keeps it elsewhere.
fn is_large(path: &str) -> bool {
    path.contains(".onnx") || path.ends_with(".safetensors")
}

fn sibling(path: &str, bytes: &Bytes) -> serde_json::Value {
    let blob =
        hex::encode(Sha1::new_with_prefix(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize());
    let mut told = json!({"rfilename": path, "size": bytes.len(), "blobId": blob});
    if is_large(path) {
        // What Git itself has is a note of where the file is.
        told["blobId"] = json!("00".repeat(20));
        told["lfs"] =
            json!({"sha256": hex::encode(Sha256::digest(bytes)), "size": bytes.len(), "pointerSize": 134});
    }
    told
}

fn commit(files: &BTreeMap<String, Bytes>) -> String {
    let mut digest = Sha1::new();
    for (path, bytes) in files {
        digest.update(path);
        digest.update(bytes);
    }
    hex::encode(digest.finalize())
}

async fn read(visitor: &mut BufReader<TcpStream>) -> std::io::Result<Request> {
    let mut line = String::new();
    visitor.read_line(&mut line).await?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut from, mut token) = (None, None);
    loop {
        line.clear();
        visitor.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                from = value.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')?.parse().ok());
            }
            "authorization" => token = value.strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    Ok(Request { path, from, token })
}

async fn say(visitor: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let head =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    visitor.write_all(head.as_bytes()).await?;
    visitor.write_all(body).await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
