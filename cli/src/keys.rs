//! `forebay keys …`

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use forebay_shared::apikey;
use forebay_shared::config::Secret;
use forebay_shared::entropy::OsEntropy;
use forebay_shared::id::Ids;
use forebay_shared::job::Cost;
use forebay_shared::store::{ApiKey, KeyLimits, NewKey, Scope, Store, StoreError};

use crate::args::KeysCommand;

/// The shortest key that may be configured: as hard to guess as 128 random bits, if it was drawn at random.
const SHORTEST: usize = 32;

/// Does what was asked and prints the answer.
pub async fn run(command: KeysCommand, store: Arc<dyn Store>) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create {
            owner,
            name,
            scopes,
            expires_in,
            max_running,
            max_queued,
            rate,
            cost_rate,
            ..
        } => {
            let lasts = expires_in.as_deref().map(span).transpose()?;
            let key = apikey::generate(&OsEntropy);
            let new = NewKey {
                id: Ids::system().key(),
                hash: apikey::hash(key.expose()),
                owner,
                name,
                scopes: parse_scopes(&scopes)?,
                expires_at: lasts.map(|lasts| store.now().plus(lasts)),
                limits: KeyLimits {
                    max_running,
                    max_queued: max_queued.map(Cost::new),
                    requests: rate,
                    cost: cost_rate,
                },
            };
            store.create_key(&new).await.context("storing the key")?;
            println!("{}", key.expose());
            eprintln!("key {} for owner `{}`; it is not shown again", new.id, new.owner);
        }
        KeysCommand::List(_) => {
            for key in store.keys().await.context("reading the keys")? {
                println!("{}", line(&key, store.as_ref()));
            }
        }
        KeysCommand::Revoke { id, .. } => {
            let id = id.parse().with_context(|| format!("`{id}` is not a key's id"))?;
            anyhow::ensure!(store.revoke_key(id).await.context("revoking the key")?, "there is no key {id}");
            eprintln!("key {id} is revoked");
        }
    }
    Ok(())
}

/// Makes sure that the configured key exists.
pub async fn bootstrap(key: &Secret, store: &dyn Store) -> anyhow::Result<()> {
    if key.is_empty() {
        return Ok(());
    }
    anyhow::ensure!(
        key.expose().len() >= SHORTEST,
        "auth.bootstrap_key must have at least {SHORTEST} characters"
    );
    let new = NewKey {
        id: Ids::system().key(),
        hash: apikey::hash(key.expose()),
        owner: "default".to_owned(),
        name: "bootstrap".to_owned(),
        scopes: Scope::ALL.to_vec(),
        expires_at: None,
        limits: KeyLimits::default(),
    };
    match store.create_key(&new).await {
        // It exists already, perhaps revoked; a revocation stands.
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error).context("storing auth.bootstrap_key"),
    }
}

/// Whether any key could open the door.
pub async fn exist(store: &dyn Store) -> anyhow::Result<bool> {
    let now = store.now();
    Ok(store.keys().await.context("reading the keys")?.iter().any(|key| key.is_valid(now)))
}

/// Whether any key was ever made; one that has expired or was revoked counts.
pub async fn were_made(store: &dyn Store) -> anyhow::Result<bool> {
    Ok(!store.keys().await.context("reading the keys")?.is_empty())
}

fn parse_scopes(words: &[String]) -> anyhow::Result<Vec<Scope>> {
    if words.is_empty() {
        return Ok(vec![Scope::Read, Scope::Write]);
    }
    words
        .iter()
        .map(|word| {
            word.parse().with_context(|| format!("scopes are {}", Scope::ALL.map(Scope::as_str).join(", ")))
        })
        .collect()
}

fn span(text: &str) -> anyhow::Result<Duration> {
    let span = forebay_shared::config::Span::parse(text);
    Ok(span.map_err(|error| anyhow::anyhow!("--expires-in: {error}"))?.get())
}

fn line(key: &ApiKey, store: &dyn Store) -> String {
    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) if key.is_valid(store.now()) => format!("valid until {at}"),
        (None, Some(at)) => format!("expired {at}"),
        (None, None) => "valid".to_owned(),
    };
    let running = key.limits.max_running.map(|most| format!(", {most} running"));
    let queued = key.limits.max_queued.map(|most| format!(", {} queued", most.units()));
    let requests = key.limits.requests.map(|rate| format!(", requests {rate}"));
    let cost = key.limits.cost.map(|rate| format!(", cost {rate}"));
    let limits = [running, queued, requests, cost].map(Option::unwrap_or_default).concat();
    format!("{}  {:<16}  {:<20}  {:<18}  {state}{limits}", key.id, key.owner, key.name, scopes.join(","))
}
