//! Which models stay loaded: the least recently used leave when another needs their room, others after a while of rest.
//!
//! A model counts by the size of its files; what its runs need comes on top. Models load one after the other, so that two
//! never take the same room. One that runs is never taken from its thread: who needs its room waits until the run ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Where a loaded model is, if it is: locked while it runs.
pub type Slot<E> = Arc<Mutex<Option<E>>>;

/// A model that wants to be loaded.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Its name.
    pub name: String,
    /// The size of its files.
    pub bytes: u64,
    /// How long it stays without work; `None`: until somebody needs its room.
    pub keep_alive: Option<Duration>,
}

/// A model that is loaded.
#[derive(Clone, Debug)]
pub struct Stay {
    /// Its name.
    pub name: String,
    /// Since when it is.
    pub since: Instant,
    /// When it last ran.
    pub used: Instant,
    /// How long it stays from then on; `None`: until somebody needs its room.
    pub keep_alive: Option<Duration>,
}

/// The loaded models of a process, and their turns.
#[derive(Clone, Debug)]
pub struct Residence(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    /// Bytes of files of all loaded models together.
    room: u64,
    /// Held while a model loads.
    door: Mutex<()>,
    /// Each is known by its slot: while a model is replaced, two have its name.
    residents: Mutex<Vec<Resident>>,
    /// How long models stay that somebody has said it of; `None`: until somebody needs their room.
    wished: Mutex<HashMap<String, Option<Duration>>>,
    turns: Option<Arc<Semaphore>>,
}

#[derive(Debug)]
struct Resident {
    guest: Guest,
    since: Instant,
    used: Instant,
    /// Whether it is to leave as soon as nothing runs.
    leaves: bool,
    slot: Arc<dyn Vacate>,
}

impl Resident {
    fn is_in<E>(&self, slot: &Slot<E>) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.slot), Arc::as_ptr(slot))
    }
}

/// A place that a model can be made to leave.
trait Vacate: std::fmt::Debug + Send + Sync {
    /// Waits until nothing runs there.
    fn vacate(&self);
    /// Does nothing, and says so, if something runs there.
    fn vacate_if_idle(&self) -> bool;
}

impl<E: std::fmt::Debug + Send> Vacate for Mutex<Option<E>> {
    fn vacate(&self) {
        drop(held(self).take());
    }

    fn vacate_if_idle(&self) -> bool {
        self.try_lock().is_ok_and(|mut slot| {
            drop(slot.take());
            true
        })
    }
}

impl Residence {
    /// Room for so many bytes of models, 0: no bound, of which so many run at once, 0: all.
    pub fn new(room: u64, at_once: usize) -> Self {
        let room = if room == 0 { u64::MAX } else { room };
        let turns = (at_once > 0).then(|| Arc::new(Semaphore::new(at_once)));
        Self(Arc::new(Inside {
            room,
            door: Mutex::default(),
            residents: Mutex::default(),
            wished: Mutex::default(),
            turns,
        }))
    }

    /// Loads a model into its slot unless it is there; others leave if it needs their room. One that is larger than all
    /// the room is loaded when nobody else is there.
    pub fn enter<E, Error>(
        &self,
        guest: &Guest,
        slot: &Slot<E>,
        load: impl FnOnce() -> Result<E, Error>,
    ) -> Result<(), Error>
    where
        E: std::fmt::Debug + Send + 'static,
    {
        let _door = held(&self.0.door);
        if held(slot).is_some() {
            return Ok(());
        }
        // It may have been taken out of its slot without a word.
        self.residents().retain(|resident| !resident.is_in(slot));
        for leaver in self.leavers(guest) {
            tracing::info!(model = leaver.guest.name, makes_room_for = guest.name, "model unloaded");
            leaver.slot.vacate();
        }
        *held(slot) = Some(load()?);
        let keep_alive = held(&self.0.wished).get(&guest.name).copied().unwrap_or(guest.keep_alive);
        let now = Instant::now();
        let guest = Guest { keep_alive, ..guest.clone() };
        self.residents().push(Resident { guest, since: now, used: now, leaves: false, slot: slot.clone() });
        Ok(())
    }

    /// The model is not wanted any more: its slot is empty from now on. Another of the same name stays.
    pub fn leave<E>(&self, slot: &Slot<E>) {
        self.residents().retain(|resident| !resident.is_in(slot));
        drop(held(slot).take());
    }

    /// The model in this slot has just run.
    pub fn used<E>(&self, slot: &Slot<E>) {
        if let Some(resident) = self.residents().iter_mut().find(|resident| resident.is_in(slot)) {
            resident.used = Instant::now();
        }
    }

    /// The model is to stay for so long without work, from now on; `None`: until somebody needs its room.
    pub fn keep(&self, name: &str, keep_alive: Option<Duration>) {
        held(&self.0.wished).insert(name.to_owned(), keep_alive);
        for resident in self.residents().iter_mut().filter(|resident| resident.guest.name == name) {
            resident.guest.keep_alive = keep_alive;
            resident.used = Instant::now();
            resident.leaves = false;
        }
    }

    /// The model is to leave when nothing runs there, and to stay as long as is usual when it comes again.
    pub fn unload(&self, name: &str) {
        held(&self.0.wished).remove(name);
        for resident in self.residents().iter_mut().filter(|resident| resident.guest.name == name) {
            resident.leaves = true;
        }
        self.rest(Instant::now());
    }

    /// The models that are loaded, in the order in which they came: since when, and how long each stays without work, counted
    /// from when it last ran.
    pub fn loaded(&self) -> Vec<Stay> {
        let residents = self.residents();
        let stay = |resident: &Resident| Stay {
            name: resident.guest.name.clone(),
            since: resident.since,
            used: resident.used,
            keep_alive: resident.guest.keep_alive,
        };
        let mut stays: Vec<Stay> = residents.iter().map(stay).collect();
        stays.sort_by_key(|stay| stay.since);
        stays
    }

    /// Unloads the models that have rested for long enough, or are to leave.
    pub fn rest(&self, now: Instant) {
        self.residents().retain(|resident| {
            let rested = now.duration_since(resident.used);
            let stays = !resident.leaves && resident.guest.keep_alive.is_none_or(|keep| rested < keep);
            let leaves = !stays && resident.slot.vacate_if_idle();
            if leaves {
                tracing::info!(model = resident.guest.name, ?rested, "model unloaded");
            }
            !leaves
        });
    }

    /// Waits for a turn to run, for as long as it is held. Called from a model's own thread.
    pub fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let turns = self.0.turns.clone()?;
        tokio::runtime::Handle::current().block_on(turns.acquire_owned()).ok()
    }

    /// Takes out those who leave so that the guest has room: the least recently used first.
    fn leavers(&self, guest: &Guest) -> Vec<Resident> {
        let mut residents = self.residents();
        let mut taken: u64 = residents.iter().map(|resident| resident.guest.bytes).sum();
        residents.sort_by_key(|resident| resident.used);
        let goes = |resident: &mut Resident| {
            let goes = taken.saturating_add(guest.bytes) > self.0.room;
            taken -= if goes { resident.guest.bytes } else { 0 };
            goes
        };
        residents.extract_if(.., goes).collect()
    }

    fn residents(&self) -> MutexGuard<'_, Vec<Resident>> {
        held(&self.0.residents)
    }
}

fn held<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(name: &str, bytes: u64) -> Guest {
        Guest { name: name.to_owned(), bytes, keep_alive: None }
    }

    fn enter(residence: &Residence, guest: &Guest) -> Slot<u32> {
        let slot = Slot::default();
        residence.enter(guest, &slot, || Ok::<_, ()>(7)).unwrap();
        slot
    }

    fn is_in(slot: &Slot<u32>) -> bool {
        slot.lock().unwrap().is_some()
    }

    #[test]
    fn the_least_recently_used_leave_for_whoever_needs_their_room() {
        let residence = Residence::new(100, 0);
        let first = enter(&residence, &guest("first", 40));
        let second = enter(&residence, &guest("second", 40));
        residence.used(&first);
        let third = enter(&residence, &guest("third", 50));
        assert_eq!([&first, &second, &third].map(is_in), [true, false, true]);
        let large = enter(&residence, &guest("large", 1000));
        assert_eq!([&first, &third, &large].map(is_in), [false, false, true], "what is too large goes alone");
    }

    #[test]
    fn who_is_there_is_not_loaded_again_and_who_fails_takes_no_room() {
        let residence = Residence::new(100, 0);
        let slot = enter(&residence, &guest("a", 60));
        residence.enter(&guest("a", 60), &slot, || Err("loaded twice")).unwrap();
        let other = Slot::<u32>::default();
        assert_eq!(residence.enter(&guest("b", 40), &other, || Err("broken")), Err("broken"));
        enter(&residence, &guest("c", 40));
        assert!(is_in(&slot), "what was not loaded needs no room");
    }

    #[test]
    fn whoever_rests_for_long_leaves_unless_it_runs() {
        let residence = Residence::new(0, 0);
        let keep_alive = Some(Duration::from_mins(1));
        let resting = enter(&residence, &Guest { keep_alive, ..guest("resting", 1) });
        let running = enter(&residence, &Guest { keep_alive, ..guest("running", 1) });
        let staying = enter(&residence, &guest("staying", 1));
        let run = running.lock().unwrap();
        residence.rest(Instant::now() + Duration::from_secs(59));
        assert!(is_in(&resting));
        residence.rest(Instant::now() + Duration::from_secs(61));
        drop(run);
        assert_eq!([&resting, &running, &staying].map(is_in), [false, true, true]);
        residence.rest(Instant::now() + Duration::from_secs(61));
        assert!(!is_in(&running), "its time had come when it ended");
    }

    #[test]
    fn who_leaves_gives_its_room_back_and_takes_no_namesake_along() {
        let residence = Residence::new(100, 0);
        let former = enter(&residence, &guest("a", 60));
        let latter = enter(&residence, &guest("a", 60));
        residence.leave(&former);
        assert_eq!([&former, &latter].map(is_in), [false, true]);
        residence.leave(&latter);
        assert!(!is_in(&latter));
        let other = enter(&residence, &guest("b", 90));
        assert!(is_in(&other) && residence.residents().len() == 1);
    }

    #[test]
    fn a_model_that_is_replaced_and_the_one_that_replaces_it_are_both_known() {
        let residence = Residence::new(100, 0);
        let former = enter(&residence, &guest("a", 40));
        let latter = enter(&residence, &guest("a", 40));
        assert_eq!(residence.loaded().len(), 2, "both are in memory");
        residence.leave(&former);
        assert_eq!(residence.loaded().len(), 1, "the one that stays is told of");
        let large = enter(&residence, &guest("large", 90));
        assert_eq!([&latter, &large].map(is_in), [false, true], "and leaves for whoever needs its room");
        let again = enter(&residence, &guest("large", 90));
        assert_eq!([&large, &again].map(is_in), [false, true], "a namesake leaves like any other");
        residence.unload("large");
        assert!(!is_in(&again) && residence.loaded().is_empty());
    }

    #[test]
    fn whoever_is_to_leave_goes_when_nothing_runs_and_may_come_again() {
        let residence = Residence::new(0, 0);
        let [idle, running] = ["idle", "running"].map(|name| enter(&residence, &guest(name, 1)));
        let run = running.lock().unwrap();
        residence.unload("idle");
        residence.unload("running");
        residence.unload("unknown");
        assert!(!is_in(&idle));
        drop(run);
        assert!(is_in(&running), "it is not taken from a run");
        residence.rest(Instant::now());
        assert!(!is_in(&running));
        let again = enter(&residence, &guest("idle", 1));
        residence.rest(Instant::now() + Duration::from_hours(1));
        assert!(is_in(&again), "the wish was about that time only");
    }

    #[test]
    fn how_long_a_model_stays_can_be_said_before_and_after_it_comes() {
        let residence = Residence::new(0, 0);
        let minute = Some(Duration::from_mins(1));
        residence.keep("early", minute);
        let [early, late] = ["early", "late"].map(|name| enter(&residence, &guest(name, 1)));
        residence.keep("late", minute);
        let stays: Vec<_> = residence.loaded().into_iter().map(|stay| stay.keep_alive).collect();
        assert_eq!(stays, [minute; 2]);
        residence.rest(Instant::now() + Duration::from_secs(59));
        assert!(is_in(&early) && is_in(&late));
        residence.keep("late", None);
        residence.rest(Instant::now() + Duration::from_mins(2));
        assert_eq!([&early, &late].map(is_in), [false, true]);
    }

    #[test]
    fn as_many_run_at_once_as_are_allowed() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _entered = runtime.enter();
        assert!(Residence::new(0, 0).turn().is_none(), "there is nothing to wait for");
        let residence = Residence::new(0, 1);
        let turn = residence.turn();
        assert!(turn.is_some());
        assert_eq!(residence.0.turns.as_ref().unwrap().available_permits(), 0);
        drop(turn);
        assert_eq!(residence.0.turns.as_ref().unwrap().available_permits(), 1);
    }
}
