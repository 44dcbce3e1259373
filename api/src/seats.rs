//! Room for streams: how many may be open, of one owner and in all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::LimitConfig;
use crate::problem::{Code, Problem};

/// Room for streams.
#[derive(Clone, Debug)]
pub struct Seats(Arc<Hall>);

#[derive(Debug)]
struct Hall {
    taken: Mutex<Taken>,
    of_all: u32,
    of_one: u32,
}

#[derive(Debug, Default)]
struct Taken {
    all: u32,
    by_owner: HashMap<String, u32>,
}

/// One stream's place. Dropping it gives the place back.
#[derive(Debug)]
pub struct Seat {
    hall: Arc<Hall>,
    owner: String,
}

impl Seats {
    /// As many as the configuration says.
    pub fn new(limits: &LimitConfig) -> Self {
        let (of_all, of_one) = (limits.max_streams, limits.max_streams_per_owner);
        Self(Arc::new(Hall { taken: Mutex::default(), of_all, of_one }))
    }

    /// A place for one of the owner's streams.
    pub fn take(&self, owner: &str) -> Result<Seat, Problem> {
        let mut taken = self.0.lock();
        let of_owner = taken.by_owner.get(owner).copied().unwrap_or(0);
        if of_owner >= self.0.of_one {
            let detail =
                format!("{of_owner} of your streams are open in this process, and that is the limit");
            return Err(Problem::new(Code::TooManyStreams, detail).limit(u64::from(self.0.of_one)));
        }
        if taken.all >= self.0.of_all {
            let detail = "this process has as many streams open as it may; ask again, another may have room";
            return Err(Problem::new(Code::TooManyStreams, detail).limit(u64::from(self.0.of_all)));
        }
        taken.all += 1;
        taken.by_owner.insert(owner.to_owned(), of_owner + 1);
        metrics::gauge!("forebay_streams").set(taken.all);
        Ok(Seat { hall: self.0.clone(), owner: owner.to_owned() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.hall.lock();
        taken.all -= 1;
        metrics::gauge!("forebay_streams").set(taken.all);
        if let Entry::Occupied(mut of_owner) = taken.by_owner.entry(self.owner.clone()) {
            *of_owner.get_mut() -= 1;
            if *of_owner.get() == 0 {
                of_owner.remove();
            }
        }
    }
}

impl Hall {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
