//! Workers as they are played: what `worker/src/intake.rs` and `settle.rs` do, with deaths in between.

use std::mem;

use bytes::Bytes;
use forebay_shared::job::{Failure, Settlement};
use forebay_shared::queue::Consumer;
use forebay_shared::store::conformance::away;
use forebay_shared::store::{Beat, Settled, StoreError};
use futures::future::LocalBoxFuture;

use super::*;

/// How often a worker asks a store that is away before it is taken for dead.
const TRIES: usize = 4;

/// A worker.
pub(super) struct Player {
    pub(super) id: WorkerId,
    pub(super) held: Vec<Claimed>,
    /// By route, in the order of [`routes`].
    consumers: Vec<Box<dyn Consumer>>,
    /// What it has been asked to stop.
    stops: Vec<JobId>,
    segments: u64,
    /// When its lease has lapsed for certain.
    lapses_at: Timestamp,
}

/// What an attempt gives.
pub(super) fn result(id: JobId, attempt: u32) -> Bytes {
    format!("the result of {id}, by attempt {attempt}").into()
}

impl World {
    /// Lets some worker do something; one begins to live if there are too few.
    pub(super) async fn with_a_player(
        &mut self,
        act: impl for<'w> FnOnce(&'w mut Self, &'w mut Player) -> LocalBoxFuture<'w, ()>,
    ) {
        if self.players.len() < WORKERS {
            let Some(player) = self.begin().await else { return };
            self.players.push(player);
        }
        let mut player = self.players.swap_remove(self.pick(self.players.len()));
        act(self, &mut player).await;
        self.players.push(player);
    }

    /// A worker's life begins, unless nobody can be told.
    async fn begin(&self) -> Option<Player> {
        let (id, now) = (self.ground.ids.worker(), self.ground.clock.now());
        self.store.register(id, "here", &["echo".to_owned()], LIFE).await.ok()?;
        let mut consumers = Vec::new();
        for route in routes() {
            consumers.push(self.queue.consume(&route, 16).await.unwrap());
        }
        Some(Player {
            id,
            held: Vec::new(),
            consumers,
            stops: Vec::new(),
            segments: 0,
            lapses_at: now.plus(LIFE),
        })
    }

    /// Everybody who lives says so. Whose lease has lapsed drops all it held.
    pub(super) async fn beat_all(&mut self) {
        for mut player in mem::take(&mut self.players) {
            let now = self.ground.clock.now();
            match self.store.beat(player.id, LIFE).await {
                Ok(Beat::Alive(stops)) => player.stops = stops,
                Ok(Beat::Lapsed) => continue,
                Err(_) => {}
            }
            player.lapses_at = player.lapses_at.max(now.plus(LIFE));
            self.players.push(player);
        }
    }

    /// Takes messages, claims, and acknowledges.
    pub(super) async fn take(&mut self, player: &mut Player) {
        for (n, route) in routes().iter().enumerate() {
            let most = 1 + self.pick(8);
            let waiting = player.consumers[n].receive(most);
            let Ok(delivery) = tokio::time::timeout(self.patience, waiting).await else { continue };
            let delivery = delivery.expect("the broker is there");
            let ids: Vec<_> = delivery.messages.iter().map(|message| message.job_id).collect();
            // A worker that cannot find out what it was granted is as good as dead: its lease lapses.
            let Some(claimed) = self.claim(player.id, &ids).await else { continue };
            player.held.extend(claimed);
            if self.trouble.strikes(8) {
                // The acknowledgement is lost with the connection; the messages come again.
                player.consumers[n] = self.queue.consume(route, 16).await.unwrap();
            } else {
                player.consumers[n].ack(delivery).await.expect("the broker is there");
            }
        }
    }

    async fn claim(&self, worker: WorkerId, ids: &[JobId]) -> Option<Vec<Claimed>> {
        let mut doubtful = false;
        for _ in 0..TRIES {
            let asked = if doubtful {
                self.store.disclaim(worker, ids).await.map(|_| Vec::new())
            } else {
                self.store.claim(worker, ids).await
            };
            match asked {
                Ok(claimed) => return Some(claimed),
                Err(_) => doubtful = true,
            }
        }
        None
    }

    /// Some of what the worker holds ends in one way or another: result, status, in this order.
    pub(super) async fn finish(&mut self, player: &mut Player) {
        if player.held.is_empty() {
            return;
        }
        let from = self.pick(player.held.len());
        let jobs = player.held.split_off(from);
        let (mut builder, mut settlements) = (SegmentBuilder::default(), Vec::new());
        for claim in &jobs {
            settlements.push(self.settlement(claim, &player.stops, &mut builder));
        }
        self.settle(player, &settlements, builder).await;
    }

    fn settlement(&self, claim: &Claimed, stops: &[JobId], builder: &mut SegmentBuilder) -> Settlement {
        let failed = Failure::permanent(FailureCode::InferenceFailed, "no");
        let ending = match self.pick(8) {
            _ if stops.contains(&claim.id) => Ending::Cancelled,
            1 | 2 if claim.failures + 1 < claim.max_attempts => {
                Ending::Retry(away(), Duration::from_secs(self.pick(10) as u64))
            }
            0 | 1 => Ending::Failed(failed),
            _ => Ending::Succeeded,
        };
        let mut settlement = ended(claim, ending);
        if settlement.range.is_some() {
            settlement.range = Some(builder.push(&result(claim.id, claim.lease.attempt)));
        }
        settlement
    }

    /// Settles, however often the store is away. Once the lease has lapsed, nothing may count.
    async fn settle(&mut self, player: &mut Player, settlements: &[Settlement], builder: SegmentBuilder) {
        player.segments += 1;
        let (segment, bytes) = builder.finish(player.id, player.segments);
        let has_results = segment.bytes > 0;
        if has_results {
            self.blobs.put(&segment.key, bytes).await.unwrap();
        }
        let lapsed = player.lapses_at <= self.ground.clock.now();
        for _ in 0..TRIES {
            let settled =
                match self.store.settle(player.id, settlements, has_results.then_some(&segment)).await {
                    Ok(settled) => settled,
                    Err(StoreError::Unavailable(_)) => continue,
                    Err(error) => panic!("{error}"),
                };
            for (settled, settlement) in settled.iter().zip(settlements) {
                let Settled::Done { id, status, .. } = settled else { continue };
                assert!(!lapsed, "what was settled under a lapsed lease counts");
                if *status == Status::Succeeded && self.accepted.contains_key(id) {
                    self.succeeded.insert(*id, settlement.attempt);
                }
            }
            return;
        }
    }

    /// A worker dies; or it freezes, which looks the same.
    pub(super) fn die(&mut self) {
        if self.players.is_empty() {
            return;
        }
        let mut player = self.players.swap_remove(self.pick(self.players.len()));
        player.consumers.clear();
        if self.pick(2) == 0 {
            self.frozen.push(player);
        }
    }

    /// One that was frozen, perhaps for long, goes on where it stood.
    pub(super) async fn wake(&mut self) {
        let Some(mut player) = self.frozen.pop() else { return };
        if self.pick(2) == 0 {
            self.ground.clock.advance(LIFE);
        }
        let (mut builder, mut settlements) = (SegmentBuilder::default(), Vec::new());
        for claim in &player.held {
            settlements.push(self.settlement(claim, &[], &mut builder));
        }
        self.settle(&mut player, &settlements, builder).await;
    }

    /// A worker stops in good order.
    pub(super) async fn retire(&mut self) {
        if self.players.is_empty() {
            return;
        }
        let mut player = self.players.swap_remove(self.pick(self.players.len()));
        let unbegun: Vec<_> = player
            .held
            .split_off(self.pick(player.held.len()))
            .iter()
            .map(|one| (one.id, one.lease.attempt))
            .collect();
        let _ = self.store.release(player.id, &unbegun).await;
        self.finish(&mut player).await;
        let _ = self.store.retire(player.id).await;
    }
}
