//! Routes with what is due on them.

use std::collections::{HashMap, VecDeque};

use sqlx::FromRow;

use super::Place;
use crate::clock::Timestamp;
use crate::id::{JobId, KeyId};
use crate::job::Cost;
use crate::job::fair::{Line, Queue, Room, Waiting};
use crate::store::{Due, Route, RouteState, StoreResult};

#[derive(FromRow)]
pub(in crate::store) struct RouteRow {
    model: String,
    class: String,
    published: i64,
    overdue: i64,
    waiting: bool,
}

impl RouteRow {
    pub(in crate::store) fn state(self) -> StoreResult<RouteState> {
        let at = Place { table: "jobs", row: self.model.clone() };
        Ok(RouteState {
            route: Route { class: at.word("class", &self.class)?, model: self.model },
            published: Cost::new(at.number("cost", self.published)?),
            overdue: at.number("published_at", self.overdue)?,
            waiting: self.waiting,
        })
    }
}

/// One of the first jobs that wait, with what is known of its owner.
#[derive(FromRow)]
pub(in crate::store) struct LineRow {
    owner: String,
    key: KeyId,
    served: i64,
    out: i64,
    id: JobId,
    cost: i64,
    rank: Timestamp,
    prefix: i64,
}

impl LineRow {
    /// The keys that rows were submitted with.
    pub(in crate::store) fn keys(rows: &[Self]) -> Vec<KeyId> {
        let mut keys: Vec<_> = rows.iter().map(|row| row.key).filter(|key| !key.0.is_nil()).collect();
        keys.dedup();
        keys
    }

    /// Lines of rows that come by owner, key and rank. A key that is not among `quotas` has no limit.
    pub(in crate::store) fn lines(
        rows: Vec<Self>,
        quotas: &HashMap<KeyId, u64>,
    ) -> StoreResult<Vec<Line<JobId>>> {
        let mut lines: Vec<Line<JobId>> = Vec::new();
        let mut last = None;
        for row in rows {
            let at = Place { table: "shares", row: row.owner.clone() };
            if lines.last().is_none_or(|line| line.owner != row.owner) {
                lines.push(Line {
                    owner: row.owner,
                    served: at.number("served", row.served)?,
                    out: Cost::new(at.number("cost", row.out)?),
                    queues: Vec::new(),
                });
                last = None;
            }
            let Some(line) = lines.last_mut() else { continue };
            if last.replace(row.key) != Some(row.key) {
                let quota = quotas.get(&row.key).copied().unwrap_or(u64::MAX);
                line.queues.push(Queue { quota, waiting: VecDeque::new(), more: false });
            }
            let Some(queue) = line.queues.last_mut() else { continue };
            let cost = Cost::new(at.number("cost", row.cost)?);
            queue.waiting.push_back(Waiting { job: row.id, rank: row.rank, cost });
            queue.more = i64::try_from(queue.waiting.len()).is_ok_and(|length| length >= row.prefix);
        }
        Ok(lines)
    }
}

/// A route, and one of the first jobs that wait there, if any does.
#[derive(FromRow)]
pub(in crate::store) struct LookRow {
    clock: Option<i64>,
    seen: Option<String>,
    in_turn: bool,
    total: i64,
    crowd: i64,
    owner: Option<String>,
    key: Option<KeyId>,
    served: Option<i64>,
    out: Option<i64>,
    id: Option<JobId>,
    cost: Option<i64>,
    rank: Option<Timestamp>,
    prefix: Option<i64>,
}

/// A route's clock as it was seen.
pub(in crate::store) struct Turn {
    /// Its time.
    pub(in crate::store) clock: u64,
    /// What names its state.
    pub(in crate::store) seen: String,
}

/// What of a route is with the broker: all of it, and no more of each owner than its seat.
#[derive(FromRow)]
pub(in crate::store) struct OutRow {
    total: i64,
    crowd: i64,
}

impl OutRow {
    /// How much of `window` that leaves.
    pub(in crate::store) fn room(&self, window: Cost, limit: usize) -> StoreResult<Room> {
        let at = Place { table: "jobs", row: "published".to_owned() };
        let (out, crowd) = (at.number("cost", self.total)?, at.number("cost", self.crowd)?);
        Ok(Room { window, out: Cost::new(out), crowd: Cost::new(crowd), limit })
    }
}

impl LookRow {
    /// What is with the broker, and the jobs; and the route's clock, if what is due may be chosen without having locked it.
    pub(in crate::store) fn split(rows: Vec<Self>) -> (Option<Turn>, OutRow, Vec<LineRow>) {
        let first = rows.first();
        let turn = first.filter(|row| !row.in_turn).and_then(Self::turn);
        let out =
            first.map_or(OutRow { total: 0, crowd: 0 }, |row| OutRow { total: row.total, crowd: row.crowd });
        (turn, out, rows.into_iter().filter_map(Self::line).collect())
    }

    fn turn(&self) -> Option<Turn> {
        Some(Turn { clock: self.clock?.cast_unsigned(), seen: self.seen.clone()? })
    }

    fn line(self) -> Option<LineRow> {
        Some(LineRow {
            owner: self.owner?,
            key: self.key?,
            served: self.served?,
            out: self.out?,
            id: self.id?,
            cost: self.cost?,
            rank: self.rank?,
            prefix: self.prefix?,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct DueRow {
    id: JobId,
    owner: String,
    trace: Option<String>,
}

impl DueRow {
    /// In the order of handing over, which `returning` does not keep.
    pub(in crate::store) fn in_order(rows: Vec<Self>, order: &[JobId]) -> Vec<Due> {
        let place: HashMap<_, _> = order.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let mut due: Vec<_> =
            rows.into_iter().map(|row| Due { id: row.id, owner: row.owner, trace: row.trace }).collect();
        due.sort_by_key(|due| place.get(&due.id).copied());
        due
    }
}
