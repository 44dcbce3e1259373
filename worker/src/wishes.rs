//! What is wished of models in memory, carried out; and word of what is there.
//!
//! Wishes are looked for when somebody says that there are some, and from time to time, since word may be lost. One about a
//! model that is not served here yet waits until it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::clock::Timestamp;
use forebay_shared::events::{Event, Events, heard};
use forebay_shared::id::WorkerId;
use forebay_shared::residency::{Loaded, Wish, Wished};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::{Store, StoreResult};

use crate::lane::Order;
use crate::lanes::Lanes;
use crate::lease::Board;
use crate::residence::{Residence, Stay};

/// How soon it is told what is loaded.
const SOON: Duration = Duration::from_millis(250);
/// How soon after the database was away.
const LATER: Duration = Duration::from_secs(2);
/// What a model's time to leave may differ by from what was told: each run moves it.
const WORTH: i64 = 5_000_000;

/// What wishes are carried out with.
#[derive(Debug)]
pub(crate) struct WishParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) events: Arc<dyn Events>,
    pub(crate) tasks: Tasks,
    pub(crate) lanes: Lanes,
    pub(crate) residence: Residence,
    pub(crate) board: Board,
    /// How often they are looked for without word; `None`: once.
    pub(crate) every: Option<Duration>,
}

/// Carries out wishes.
pub(crate) struct Wishes {
    parts: WishParts,
    began: Timestamp,
    /// The wish that was carried out last, by model.
    heard: BTreeMap<String, (i64, Timestamp)>,
    /// What was told, and as which worker.
    told: Option<(WorkerId, BTreeMap<String, Loaded>)>,
}

impl Wishes {
    pub(crate) fn new(parts: WishParts) -> Self {
        let began = parts.store.now();
        Self { parts, began, heard: BTreeMap::new(), told: None }
    }

    /// Looks and tells until a hard stop.
    pub(crate) async fn run(mut self) {
        let stopped = self.parts.tasks.stopped();
        tokio::pin!(stopped);
        // Listens before it looks, so that no word falls between.
        let mut news = self.parts.events.subscribe();
        let mut next = Some(Instant::now());
        loop {
            let turn = async {
                let done = async {
                    if next.is_some_and(|next| next <= Instant::now()) {
                        self.look().await?;
                        next = self.parts.every.map(|every| Instant::now() + every);
                    }
                    self.tell().await
                };
                let pause = match done.await {
                    Ok(()) => SOON,
                    Err(error) => {
                        tracing::warn!(%error, "wishes cannot be read, nor what is loaded be told, at the moment");
                        LATER
                    }
                };
                let wished = heard(&mut news, |event| matches!(event, Event::Wished));
                tokio::time::timeout(pause, wished).await.is_ok()
            };
            tokio::select! {
                () = &mut stopped => return,
                is_wished = turn => if is_wished { next = Some(Instant::now()) },
            }
        }
    }

    async fn look(&mut self) -> StoreResult<()> {
        for wished in self.parts.store.wishes().await? {
            let is = (wished.number, wished.at);
            if self.heard.get(&wished.model) != Some(&is) && self.carry_out(&wished).await {
                self.heard.insert(wished.model, is);
            }
        }
        Ok(())
    }

    /// Whether it could be: somebody must serve the model.
    async fn carry_out(&self, wished: &Wished) -> bool {
        let Some(lane) = self.parts.lanes.taking().into_iter().find(|lane| lane.model == wished.model) else {
            return false;
        };
        // What was wished of those who lived before.
        if wished.at < self.began && wished.is_over(self.parts.store.now()) {
            return true;
        }
        tracing::info!(model = wished.model, wish = ?wished.wish, "a wish is carried out");
        let residence = &self.parts.residence;
        match wished.wish {
            Wish::Keep(keep) => residence.keep(&wished.model, keep.duration()),
            Wish::Load(keep) => {
                if let Some(keep) = keep {
                    residence.keep(&wished.model, keep.duration());
                }
                lane.order(Order::Load).await;
            }
            Wish::Unload => {
                let (residence, model) = (residence.clone(), wished.model.clone());
                // What a model leaves behind may take a while to tidy up.
                let _ = self.parts.tasks.spawn_blocking(move || residence.unload(&model)).await;
            }
        }
        true
    }

    /// Tells which models are loaded, if that has changed. It is told again if it is not heard.
    async fn tell(&mut self) -> StoreResult<()> {
        let Some(worker) = self.parts.board.worker() else { return Ok(()) };
        let now = (self.parts.store.now(), Instant::now());
        let stays = self.parts.residence.loaded();
        let loaded: BTreeMap<String, Loaded> =
            stays.into_iter().map(|stay| (stay.name.clone(), as_told(&stay, now))).collect();
        let is_told = match &self.told {
            Some((told_as, told)) => *told_as == worker && is_much_like(told, &loaded),
            None => loaded.is_empty(),
        };
        if !is_told {
            self.parts.store.tell_loaded(worker, &loaded).await?;
            self.told = Some((worker, loaded));
        }
        Ok(())
    }
}

fn as_told(stay: &Stay, (now, instant): (Timestamp, Instant)) -> Loaded {
    let at = |then: Instant| now.minus(instant.saturating_duration_since(then));
    Loaded { since: at(stay.since), expires_at: stay.keep_alive.map(|keep| at(stay.used).plus(keep)) }
}

fn is_much_like(told: &BTreeMap<String, Loaded>, loaded: &BTreeMap<String, Loaded>) -> bool {
    let near =
        |one: Timestamp, other: Timestamp| one.micros().abs_diff(other.micros()) < WORTH.unsigned_abs();
    told.len() == loaded.len()
        && loaded.iter().all(|(name, is)| {
            told.get(name).is_some_and(|was| {
                near(was.since, is.since)
                    && match (was.expires_at, is.expires_at) {
                        (Some(was), Some(is)) => near(was, is),
                        (was, is) => was == is,
                    }
            })
        })
}
