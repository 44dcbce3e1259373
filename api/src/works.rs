//! Works on models: how many one process does at once, of one owner and in all.
//!
//! Each has a disk for as long as it lasts, and goes on when its client hangs up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::problem::{Code, Problem};

/// Works of one process: each may have a model's bytes on the disk twice.
const OF_ALL: usize = 8;
/// Works of one owner, so that slow ones leave room for others.
const OF_ONE: usize = 2;

/// Whose works are under way; `None`: on everybody's models.
#[derive(Clone, Debug, Default)]
pub struct Works(Arc<Mutex<Vec<Option<String>>>>);

/// A work under way. Dropping it ends it.
#[derive(Debug)]
pub struct Work {
    works: Works,
    owner: Option<String>,
}

impl Works {
    /// Begins a work on the owner's models, or refuses it for now.
    pub fn begin(&self, owner: Option<&str>) -> Result<Work, Problem> {
        let mut under_way = self.lock();
        let own = under_way.iter().filter(|whose| whose.as_deref() == owner).count();
        if under_way.len() >= OF_ALL || (owner.is_some() && own >= OF_ONE) {
            let detail = "too many models are being made at the same time";
            return Err(Problem::new(Code::Overloaded, detail));
        }
        let owner = owner.map(str::to_owned);
        under_way.push(owner.clone());
        Ok(Work { works: self.clone(), owner })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut under_way = self.works.lock();
        if let Some(place) = under_way.iter().position(|whose| *whose == self.owner) {
            under_way.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn works_are_bounded_of_one_owner_and_in_all() {
        let works = Works::default();
        let begin = |owner: Option<&str>| works.begin(owner);
        let mut alices = [begin(Some("alice")).unwrap(), begin(Some("alice")).unwrap()].map(Some);
        assert_eq!(begin(Some("alice")).unwrap_err().code(), Code::Overloaded);
        let others: Vec<Work> = (0..6).map(|_| begin(None).unwrap()).collect();
        assert_eq!(begin(Some("bob")).unwrap_err().code(), Code::Overloaded);
        alices[0] = None;
        let bobs = begin(Some("bob")).unwrap();
        assert_eq!(begin(None).unwrap_err().code(), Code::Overloaded);
        drop((bobs, others, alices));
        assert!(works.lock().is_empty());
    }
}
