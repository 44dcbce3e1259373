//! Real models through the whole line of a worker.

use forebay_shared::job::{ImageSource, Input, Item, Object};
use serde_json::Value;

use super::{assert_close, expected, picture};
use crate::ground::{Ground, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_models_answer_through_the_whole_line() {
    let mut ground = Ground::with_models(&["all-minilm-l6-v2", "emotion", "efficientnet-lite0"]).await;
    let worker = ground.start().await;
    let cases = expected("all-minilm-l6-v2");
    let items: Vec<_> = cases.iter().map(|case| text(case.name())).collect();
    let jobs = [
        ground.job("all-minilm-l6-v2", &items),
        ground.job("emotion", &[text("I can't wait for the concert tonight!!"), text("今天天气不错。")]),
    ];
    let ids = ground.submit(&jobs).await;
    let ended = ground.ended(&ids).await;
    let embeddings = ground.result(&ended[0]).await;
    for (index, case) in cases.iter().enumerate() {
        let got: Vec<f32> =
            serde_json::from_value(embeddings["items"][index]["output"]["embedding"].clone()).unwrap();
        assert_close(&got, &case.numbers("embedding"), case.name());
    }
    let emotions = ground.result(&ended[1]).await;
    let labels = emotions["items"][0]["output"]["labels"].as_array().unwrap();
    assert_eq!((labels.len(), &labels[0]["label"]), (6, &Value::from("excited")));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_model_does_not_know_fails_its_item_alone() {
    let mut ground = Ground::with_models(&["all-minilm-l6-v2", "emotion", "efficientnet-lite0"]).await;
    let worker = ground.start().await;
    let tokens = |ids: &[u32]| Item { input: Input::Tokens(ids.to_vec()), params: Object::new() };
    let long = vec![7592; 1000];
    let items = [tokens(&[101, 7592, 102]), tokens(&[7592, 30_522]), tokens(&long), text("hello")];
    let mut uncut = ground.job("all-minilm-l6-v2", &[tokens(&long), text("hello")]);
    uncut.params.insert("truncate".to_owned(), false.into());
    let ids = ground.submit(&[ground.job("all-minilm-l6-v2", &items), uncut]).await;
    let jobs = ground.ended(&ids).await;
    let result = ground.result(&jobs[0]).await;
    let item = |index: usize| &result["items"][index];
    assert_eq!(item(1)["error"]["code"], "unknown_token", "{result}");
    let why = item(1)["error"]["message"].as_str().unwrap();
    assert_eq!(why, "there is no token 30522: the model's ids are below 30522");
    assert_eq!(item(0)["output"], item(3)["output"], "a word and its token are one and the same");
    assert_eq!((&item(0)["output"]["tokens"], &item(2)["output"]["tokens"]), (&3.into(), &256.into()));
    let result = ground.result(&jobs[1]).await;
    assert_eq!(result["items"][0]["error"]["code"], "input_too_long", "{result}");
    assert_eq!(result["items"][1]["status"], "succeeded");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_torn_picture_among_sixteen_fails_alone() {
    let mut ground = Ground::with_models(&["all-minilm-l6-v2", "emotion", "efficientnet-lite0"]).await;
    let worker = ground.start().await;
    let cat = picture("photo-cat.png");
    let item =
        |bytes: Vec<u8>| Item { input: Input::Image(ImageSource::Inline(bytes)), params: Object::new() };
    let mut items: Vec<_> = (0..16).map(|_| item(cat.clone())).collect();
    items[7] = item(cat[..cat.len() / 2].to_vec());
    let ids = ground.submit(&[ground.job("efficientnet-lite0", &items)]).await;
    let job = ground.ended(&ids).await.remove(0);
    assert_eq!((job.succeeded, job.failed), (15, 1));
    let result = ground.result(&job).await;
    assert_eq!(result["items"][7]["error"]["code"], "image_undecodable");
    assert!(result["items"][8]["output"]["labels"][0]["label"].as_str().unwrap().contains("cat"));
    worker.stop().await;
}
