//! Word of how far a pull is, to those who follow its job.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forebay_shared::config::Span;
use forebay_shared::events::{self, Event, Events, Step, Transfer};
use forebay_shared::hub::{Expected, Wanted, Watch};
use forebay_shared::job::Claimed;
use forebay_shared::registry::Progress;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// How often those who follow are told.
const TELL: Duration = Duration::from_millis(500);

/// Files that are being fetched.
#[derive(Debug, Default)]
struct Files {
    /// Bytes that were told of each.
    fetched: HashMap<String, u64>,
    /// Those that are not whole.
    under_way: HashMap<String, Transfer>,
}

/// What is being done, and who hears of it. Only the latest is told, and of several files the largest that is under way.
pub(super) struct Telling<'a> {
    latest: watch::Sender<Option<Transfer>>,
    files: Mutex<Files>,
    beside: &'a dyn Progress,
}

impl<'a> Telling<'a> {
    /// Nothing is told yet; `beside` hears everything at once.
    pub(super) fn new(beside: &'a dyn Progress) -> Self {
        Self { latest: watch::Sender::new(None), files: Mutex::default(), beside }
    }

    /// A step begins.
    pub(super) fn step(&self, step: Step, what: &'static str, total: Option<u64>) {
        self.beside.begin(what, total);
        self.tell(Transfer { step, file: None, digest: None, completed: 0, total: total.unwrap_or(0) });
    }

    fn tell(&self, transfer: Transfer) {
        self.latest.send_replace(Some(transfer));
    }

    fn tell_largest(&self, files: &Files) {
        if let Some(transfer) = files.under_way.values().max_by_key(|transfer| transfer.total) {
            self.tell(transfer.clone());
        }
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait for the job, and those who begin to follow it.
    pub(super) async fn pass_on(&self, claimed: &Claimed, events: &dyn Events) -> Infallible {
        let (mut news, mut latest) = (events.subscribe(), self.latest.subscribe());
        let mut addresses = claimed.waiters.clone();
        loop {
            tokio::select! {
                heard = news.recv() => match heard.as_deref() {
                    Ok(Event::Watched { id, address }) if *id == claimed.id => {
                        if !addresses.contains(address) {
                            addresses.push(address.clone());
                        }
                        latest.mark_changed();
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => std::future::pending().await,
                },
                changed = latest.changed() => {
                    let transfer = latest.borrow_and_update().clone();
                    if changed.is_ok() && !addresses.is_empty() && let Some(transfer) = transfer {
                        let told = told(claimed, transfer);
                        events.publish(addresses.iter().map(|to| (to.clone(), told.clone())).collect()).await;
                        tokio::time::sleep(TELL).await;
                    }
                }
            }
        }
    }
}

fn told(claimed: &Claimed, transfer: Transfer) -> Event {
    Event::Progress(events::Progress {
        id: claimed.id,
        attempt: claimed.lease.attempt,
        done: 0,
        total: claimed.item_count,
        transfer: Some(transfer),
    })
}

impl Watch for Telling<'_> {
    fn fetched(&self, wanted: &Wanted, completed: u64) {
        let mut files = self.files();
        let before = files.fetched.insert(wanted.to.clone(), completed).unwrap_or(0);
        self.beside.advance(completed.saturating_sub(before));
        files.under_way.insert(wanted.to.clone(), of(wanted, Step::Download, completed));
        self.tell_largest(&files);
    }

    fn verifying(&self, wanted: &Wanted) {
        let mut files = self.files();
        files.under_way.remove(&wanted.to);
        self.tell(of(wanted, Step::Verify, wanted.file.bytes));
        self.tell_largest(&files);
    }

    fn waiting(&self, host: &str, wait: Duration) {
        self.beside.note(&format!("`{host}` is asked too often; going on in {}", Span::new(wait)));
        self.tell(Transfer { step: Step::Wait, file: None, digest: None, completed: 0, total: 0 });
    }
}

fn of(wanted: &Wanted, step: Step, completed: u64) -> Transfer {
    let digest = match wanted.file.expected {
        Some(Expected::Sha256(digest)) => Some(format!("sha256:{}", hex::encode(digest))),
        Some(Expected::Git(_)) | None => None,
    };
    Transfer { step, file: Some(wanted.file.path.clone()), digest, completed, total: wanted.file.bytes }
}
