//! What is in memory: wished, carried out, told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Ground;
use crate::clock::Clock as _;
use crate::job::Kind;
use crate::residency::{KeepAlive, Loaded, Wish};
use crate::testing::card;

pub async fn the_latest_wish_about_a_model_stands(ground: &Ground) {
    let keep = KeepAlive::For(Duration::from_mins(5));
    let all = [
        Wish::Load(None),
        Wish::Load(Some(keep)),
        Wish::Load(Some(KeepAlive::Forever)),
        Wish::Keep(keep),
        Wish::Keep(KeepAlive::Forever),
        Wish::Unload,
    ];
    ground.store.wish("other", Wish::Unload).await.unwrap();
    for (number, wish) in (1..).zip(all) {
        ground.clock.advance(Duration::from_secs(1));
        ground.store.wish("mood", wish).await.unwrap();
        let wishes = ground.store.wishes().await.unwrap();
        let told: Vec<_> = wishes.iter().map(|wished| (wished.model.as_str(), wished.number)).collect();
        assert_eq!(told, [("mood", number), ("other", 1)]);
        assert_eq!((wishes[0].wish, wishes[0].at), (wish, ground.clock.now()));
    }
}

pub async fn a_model_is_loaded_where_a_living_worker_has_it(ground: &Ground) {
    ground.store.announce(&[card("echo", Kind::Echo), card("mood", Kind::Echo)]).await.unwrap();
    let now = ground.clock.now();
    let [first, second] = [ground.worker().await, ground.worker().await];
    let tell = async |worker, since, expires_at| {
        let loaded = BTreeMap::from([("mood".to_owned(), Loaded { since, expires_at })]);
        ground.store.tell_loaded(worker, &loaded).await.unwrap();
    };
    let loaded = async || {
        let models = ground.store.models().await.unwrap();
        assert_eq!(models[0].loaded, None, "nobody has it");
        models[1].loaded
    };
    assert_eq!(loaded().await, None);
    let (soon, later) = (now.plus(Duration::from_secs(1)), now.plus(Duration::from_secs(2)));
    tell(first, soon, Some(soon)).await;
    tell(second, now, Some(later)).await;
    assert_eq!(loaded().await, Some(Loaded { since: now, expires_at: Some(later) }));
    tell(first, soon, None).await;
    assert_eq!(loaded().await, Some(Loaded { since: now, expires_at: None }), "one of them keeps it");
    ground.store.retire(first).await.unwrap();
    ground.store.tell_loaded(second, &BTreeMap::new()).await.unwrap();
    assert_eq!(loaded().await, None);
}
