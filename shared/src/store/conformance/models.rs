//! The catalogue of models.

use super::Ground;
use crate::job::Kind;
use crate::testing::card;

pub async fn the_latest_announcement_stands(ground: &Ground) {
    let mut echo = card("echo", Kind::Echo);
    ground.store.announce(&[echo.clone(), card("org/a:b", Kind::TextEmbedding)]).await.unwrap();
    echo.aliases = vec!["parrot".into()];
    ground.store.announce(&[echo.clone()]).await.unwrap();
    let models = ground.store.models().await.unwrap();
    assert_eq!(models.iter().map(|model| model.card.name.as_str()).collect::<Vec<_>>(), ["echo", "org/a:b"]);
    assert_eq!(models[0].card, echo);
}

pub async fn who_serves_a_model_is_counted(ground: &Ground) {
    ground.store.announce(&[card("echo", Kind::Echo), card("mood", Kind::Echo)]).await.unwrap();
    let worker = ground.worker().await;
    ground.store.serve(worker, &["mood".to_owned()]).await.unwrap();
    let models = ground.store.models().await.unwrap().into_iter();
    let served: Vec<_> = models.map(|model| (model.card.name, model.workers)).collect();
    assert_eq!(served, [("echo".to_owned(), 0), ("mood".to_owned(), 1)]);
}

pub async fn a_model_outlives_its_workers(ground: &Ground) {
    ground.store.announce(&[card("echo", Kind::Echo)]).await.unwrap();
    let worker = ground.worker().await;
    assert_eq!(ground.store.models().await.unwrap()[0].workers, 1);
    ground.store.retire(worker).await.unwrap();
    assert_eq!(ground.store.models().await.unwrap()[0].workers, 0);
}
