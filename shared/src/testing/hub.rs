//! A stand-in for a hub: repositories as the real one lays them out, on loopback.
//!
//! Large files are elsewhere, as they are there: the hub redirects to another port, which wants no token. What was asked and
//! how much was sent is written down, and connections break, stall and lie as a test says.

mod repository;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::json;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::shutdown::Tasks;
use repository::{Repository, digest, is_large, sibling};
use wire::{Request, Said};

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
    /// Not at all: it is forbidden.
    Forbidden,
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
    /// By name.
    repositories: Mutex<BTreeMap<String, Repository>>,
    store: String,
    token: Mutex<Option<String>>,
    /// Requests that are still to be turned away, and the header that says until when.
    busy: Mutex<(u32, String)>,
    manners: Mutex<HashMap<String, Manner>>,
    released: watch::Sender<bool>,
    asked: Mutex<Vec<Asked>>,
    /// Requests for files that are being answered, and the most there were.
    at_once: watch::Sender<(usize, usize)>,
}

/// What a request is answered with.
enum Answer {
    Said(Said),
    File(String, Bytes),
}

impl StandIn {
    /// Serves these repositories: by name, files by path.
    pub async fn serving<P: Into<String>, B: Into<Bytes>>(
        repositories: impl IntoIterator<Item = (&str, Vec<(P, B)>)>,
    ) -> Self {
        let listen = async || TcpListener::bind("127.0.0.1:0").await.expect("loopback has a port left");
        let (hub, store) = (listen().await, listen().await);
        let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().expect("it listens"));
        let repositories = repositories.into_iter().map(|(name, files)| {
            let files = files.into_iter().map(|(path, bytes)| (path.into(), bytes.into()));
            (name.to_owned(), Repository::new(files.collect()))
        });
        let state = Arc::new(State {
            repositories: Mutex::new(repositories.collect()),
            store: url(&store),
            token: Mutex::default(),
            busy: Mutex::default(),
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

    /// From now on a branch or a tag leads to these files. Answers with their commit; the one that it led to before can still
    /// be had by its own.
    pub fn revise<P: Into<String>, B: Into<Bytes>>(
        &self,
        repository: &str,
        name: &str,
        files: Vec<(P, B)>,
    ) -> String {
        let files = files.into_iter().map(|(path, bytes)| (path.into(), bytes.into())).collect();
        self.with(repository, |repository| repository.commit(name, files))
    }

    /// From now on all may see what the repository has, and holders of this token get it.
    pub fn gate(&self, repository: &str, token: &str) {
        self.with(repository, |repository| repository.gate = Some(token.to_owned()));
    }

    /// The next requests to the hub, so many, are too many, which this header explains.
    pub fn turn_away(&self, requests: u32, header: &str) {
        *lock(&self.state.busy) = (requests, header.to_owned());
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

    /// The paths of all files that were asked for, sorted.
    pub fn paths(&self) -> Vec<String> {
        let mut paths: Vec<_> = lock(&self.state.asked).iter().map(|asked| asked.path.clone()).collect();
        paths.sort();
        paths
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

    /// The commit that a repository's usual branch leads to.
    pub fn commit(&self, repository: &str) -> String {
        self.with(repository, |repository| repository.head().to_owned())
    }

    fn with<T>(&self, repository: &str, work: impl FnOnce(&mut Repository) -> T) -> T {
        work(lock(&self.state.repositories).get_mut(repository).expect("the test has made it"))
    }
}

impl State {
    async fn serve(&self, visitor: TcpStream, is_hub: bool) -> std::io::Result<()> {
        let mut visitor = BufReader::new(visitor);
        let request = Request::read(&mut visitor).await?;
        let visitor = visitor.get_mut();
        match if is_hub { self.hub(&request) } else { self.stored(&request) } {
            Answer::Said(said) => said.write(visitor).await,
            Answer::File(path, bytes) => self.send(visitor, (&path, &bytes), &request).await,
        }
    }

    /// What the hub itself answers.
    fn hub(&self, request: &Request) -> Answer {
        if let Some(said) = self.turned_away(request) {
            return Answer::Said(said);
        }
        let place = request.place();
        let listed = place.strip_prefix("api/models/").and_then(|rest| rest.split_once("/revision/"));
        if let Some((repository, revision)) = listed {
            return Answer::Said(self.list(repository, revision));
        }
        let resolved = place.split_once("/resolve/");
        match resolved.and_then(|(repository, rest)| Some((repository, rest.split_once('/')?))) {
            Some((repository, at)) => self.resolve(repository, at, request.token.as_ref()),
            None => Answer::Said(missing("EntryNotFound")),
        }
    }

    /// What whoever is not let in hears.
    fn turned_away(&self, request: &Request) -> Option<Said> {
        let mut busy = lock(&self.busy);
        if let Some(left) = busy.0.checked_sub(1) {
            busy.0 = left;
            return Some(Said::bare("429 Too Many Requests", &busy.1));
        }
        let wanted = lock(&self.token);
        match (&request.token, wanted.as_ref()) {
            (None, Some(_)) => Some(Said::bare("401 Unauthorized", "x-error-code: RepoNotFound")),
            (Some(token), Some(wanted)) if token != wanted => {
                let why = "x-error-message: Invalid credentials in Authorization header";
                Some(Said::bare("401 Unauthorized", why))
            }
            _ => None,
        }
    }

    fn list(&self, repository: &str, revision: &str) -> Said {
        let repositories = lock(&self.repositories);
        let Some(found) = repositories.get(repository) else { return missing("RepoNotFound") };
        // A slash in a branch's name is one of its letters.
        let Some((commit, files)) = found.at(&revision.replace("%2F", "/")) else {
            return missing("RevisionNotFound");
        };
        let siblings: Vec<_> = files.iter().map(sibling).collect();
        let told = json!({"id": repository, "sha": commit, "siblings": siblings, "tags": ["onnx"]});
        let head = "content-type: application/json\r\n".to_owned();
        Said { status: "200 OK", head, body: told.to_string() }
    }

    /// A file of a revision, or where it is.
    fn resolve(&self, repository: &str, (revision, file): (&str, &str), token: Option<&String>) -> Answer {
        let repositories = lock(&self.repositories);
        let refused = |code| Answer::Said(missing(code));
        let Some(found) = repositories.get(repository) else { return refused("RepoNotFound") };
        if found.gate.is_some() && found.gate.as_ref() != token {
            let status = if token.is_some() { "403 Forbidden" } else { "401 Unauthorized" };
            return Answer::Said(Said::bare(status, "x-error-code: GatedRepo"));
        }
        let Some((commit, files)) = found.at(revision) else { return refused("RevisionNotFound") };
        match files.get_key_value(file) {
            None => refused("EntryNotFound"),
            Some((path, bytes)) if is_large(path) => {
                let (store, digest, size) = (&self.store, digest(bytes), bytes.len());
                let head = format!(
                    "location: {store}/{digest}?signature=s\r\nx-repo-commit: {commit}\r\n\
                     x-linked-etag: \"{digest}\"\r\nx-linked-size: {size}\r\n"
                );
                Answer::Said(Said { status: "302 Found", head, body: String::new() })
            }
            Some((path, bytes)) => Answer::File(path.clone(), bytes.clone()),
        }
    }

    /// The large file with the digest that a path begins with.
    fn stored(&self, request: &Request) -> Answer {
        let repositories = lock(&self.repositories);
        let mut files = repositories.values().flat_map(Repository::large);
        match files.find(|(_, bytes)| digest(bytes) == request.place()) {
            Some((path, bytes)) => Answer::File(path.clone(), bytes.clone()),
            None => Answer::Said(missing("EntryNotFound")),
        }
    }

    async fn send(
        &self,
        visitor: &mut TcpStream,
        (path, bytes): (&String, &Bytes),
        request: &Request,
    ) -> std::io::Result<()> {
        let manner = lock(&self.manners).get(path).copied();
        if manner == Some(Manner::Forbidden) {
            return Said::bare("403 Forbidden", "x-error-code: AccessDenied").write(visitor).await;
        }
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

fn missing(code: &str) -> Said {
    Said::bare("404 Not Found", &format!("x-error-code: {code}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
