//! Kept answers: found by their owner, for their time, with their objects.

use std::time::Duration;

use super::Ground;
use crate::cache::CacheKey;
use crate::store::{KeptAt, NewKept};

const DAY: Duration = Duration::from_hours(24);

fn key(number: u8) -> CacheKey {
    CacheKey([number; 32])
}

fn small(owner: &str, number: u8, answer: &str) -> NewKept {
    NewKept { owner: owner.to_owned(), key: key(number), at: KeptAt::Row(answer.to_owned()) }
}

fn large(number: u8, object: &str, (offset, length): (u64, u64)) -> NewKept {
    let at = KeptAt::Object { key: object.to_owned(), offset, length };
    NewKept { owner: "alice".to_owned(), key: key(number), at }
}

async fn found(ground: &Ground, owner: &str, numbers: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let asked: Vec<_> = numbers.into_iter().map(|number| (owner.to_owned(), key(number))).collect();
    let mut found: Vec<u8> =
        ground.store.cached(&asked).await.unwrap().into_iter().map(|((_, key), _)| key.0[0]).collect();
    found.sort_unstable();
    found
}

pub async fn a_kept_answer_is_found_as_it_was(ground: &Ground) {
    let answers = [small("alice", 1, r#"{"output":"ü"}"#), large(2, "cache/a", (10, 90))];
    assert_eq!(ground.store.keep_cached(&answers, DAY).await.unwrap().len(), 2);
    let asked: Vec<_> = (0..4).map(|number| ("alice".to_owned(), key(number))).collect();
    let mut found = ground.store.cached(&asked).await.unwrap();
    found.sort_by_key(|((_, key), _)| *key);
    assert_eq!(found, answers.map(|answer| ((answer.owner, answer.key), answer.at)));
    assert!(ground.store.cached(&[]).await.unwrap().is_empty());
}

pub async fn an_answer_is_its_owners_alone(ground: &Ground) {
    ground.store.keep_cached(&[small("alice", 1, "1"), small("bob", 2, "2")], DAY).await.unwrap();
    assert_eq!(found(ground, "alice", 0..4).await, [1]);
    assert_eq!(found(ground, "bob", 0..4).await, [2]);
    assert_eq!(ground.store.forget_cached("alice", 10).await.unwrap(), 1);
    assert_eq!((found(ground, "alice", 0..4).await, found(ground, "bob", 0..4).await), (vec![], vec![2]));
}

pub async fn the_first_answer_under_a_key_stands(ground: &Ground) {
    assert_eq!(ground.store.keep_cached(&[small("alice", 1, "1")], DAY).await.unwrap(), [key(1)]);
    let again = [small("alice", 1, "other"), large(2, "cache/a", (0, 5)), large(2, "cache/a", (5, 5))];
    assert_eq!(ground.store.keep_cached(&again, DAY).await.unwrap(), [key(2)]);
    let asked = ("alice".to_owned(), key(1));
    let kept = ground.store.cached(std::slice::from_ref(&asked)).await.unwrap();
    assert_eq!(kept, [(asked, KeptAt::Row("1".to_owned()))]);
}

pub async fn an_answer_is_not_found_after_its_time(ground: &Ground) {
    ground.store.keep_cached(&[small("alice", 1, "1"), small("alice", 2, "2")], DAY).await.unwrap();
    ground.clock.advance(DAY / 2);
    ground.store.keep_cached(&[small("alice", 3, "3")], DAY).await.unwrap();
    assert_eq!(ground.store.expire_cached(10).await.unwrap(), 0);
    ground.clock.advance(DAY / 2);
    assert_eq!(found(ground, "alice", 0..4).await, [3], "it is over before it is removed");
    assert_eq!(ground.store.expire_cached(1).await.unwrap(), 1, "no more than asked");
    assert_eq!(ground.store.expire_cached(10).await.unwrap(), 1);
    let again = ground.store.keep_cached(&[small("alice", 1, "new")], DAY).await.unwrap();
    assert_eq!(again, [key(1)], "its key is free again");
}

pub async fn the_oldest_answers_go_when_room_is_needed(ground: &Ground) {
    for number in 1..=5 {
        ground.store.keep_cached(&[small("alice", number, "12345678")], DAY).await.unwrap();
        ground.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(ground.store.trim_cached(40, 10).await.unwrap(), 0);
    assert_eq!(ground.store.trim_cached(30, 10).await.unwrap(), 2);
    assert_eq!(found(ground, "alice", 0..9).await, [3, 4, 5]);
    assert_eq!(ground.store.trim_cached(0, 1).await.unwrap(), 1, "no more than asked");
    assert_eq!(ground.store.trim_cached(0, 10).await.unwrap(), 2);
    assert_eq!(ground.store.trim_cached(0, 10).await.unwrap(), 0);
}

pub async fn an_object_goes_with_the_last_answer_in_it(ground: &Ground) {
    let answers = [large(1, "cache/a", (0, 5)), large(2, "cache/b", (0, 5)), large(3, "cache/b", (5, 5))];
    ground.store.keep_cached(&answers, DAY).await.unwrap();
    ground.clock.advance(Duration::from_secs(1));
    ground.store.keep_cached(&[large(4, "cache/a", (5, 5))], DAY).await.unwrap();
    let objects = ["cache/a", "cache/b", "cache/c"].map(str::to_owned);
    let mut named = ground.store.named_cached(&objects).await.unwrap();
    named.sort();
    assert_eq!(named, ["cache/a", "cache/b"]);
    ground.clock.advance(DAY.saturating_sub(Duration::from_secs(1)));
    assert_eq!(ground.store.expire_cached(10).await.unwrap(), 3);
    assert_eq!(ground.store.garbage(10).await.unwrap(), ["cache/b"]);
    assert_eq!(ground.store.named_cached(&objects).await.unwrap(), ["cache/a"]);
    assert_eq!(ground.store.forget_cached("alice", 10).await.unwrap(), 1);
    assert_eq!(ground.store.garbage(10).await.unwrap(), ["cache/a", "cache/b"]);
}
