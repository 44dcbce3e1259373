//! Answers that were given before.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use forebay_shared::config::{Size, Span};
use forebay_shared::job::{ImageSource, Input, Item, Job, NewJob, Object, Status};
use forebay_shared::store::{DeleteOutcome, Jobs};
use forebay_shared::testing::{Fault, Watched};
use futures::TryStreamExt;
use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use super::drawing;
use super::ground::{Ground, text, with_params};

const MODEL: &str = "all-minilm-l6-v2";

async fn ground() -> Ground {
    let mut ground = Ground::with_models(&[MODEL]).await;
    ground.cache.enabled = true;
    ground
}

/// Runs a job that is submitted; answers with it and its items.
async fn run(ground: &mut Ground, job: NewJob) -> (Job, Vec<Value>) {
    let ids = ground.submit(&[job]).await;
    let job = ground.ended(&ids).await.remove(0);
    let result = ground.result(&job).await;
    let items = result["items"].as_array().expect("a result has items").clone();
    (job, items)
}

fn cached(items: &[Value]) -> Vec<bool> {
    items.iter().map(|item| item["cached"] == true).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_before_does_not_reach_the_model_again() {
    let mut ground = ground().await;
    let worker = ground.start().await;
    let words = ["a cat", "a dog", "a very long word about cats and dogs"].map(text);
    let job = ground.job(MODEL, &words);
    let (first, before) = run(&mut ground, job).await;
    assert_eq!((cached(&before), first.timings.unwrap().cached), (vec![false; 3], 0));

    let job = ground.job(MODEL, &words);
    let (again, after) = run(&mut ground, job).await;
    let timings = again.timings.unwrap();
    assert_eq!((again.status, again.succeeded), (Status::Succeeded, 3));
    assert_eq!((timings.cached, timings.batches, timings.batch_size), (3, 0, 0), "no batch was formed");
    assert_eq!(cached(&after), [true; 3]);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before["output"], after["output"]);
    }

    let [cat, dog, _] = &words;
    let job = ground.job(MODEL, &[dog.clone(), text("a bird"), cat.clone()]);
    let (partly, items) = run(&mut ground, job).await;
    let timings = partly.timings.unwrap();
    assert_eq!((timings.cached, timings.batches, timings.batch_size), (2, 1, 1));
    assert_eq!(cached(&items), [true, false, true]);
    assert_eq!((&items[0]["output"], &items[2]["output"]), (&before[1]["output"], &before[0]["output"]));
    worker.stop().await;
    ground.assert_nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_owner_other_parameters_or_a_wish_for_a_fresh_answer_reach_the_model() {
    let mut ground = ground().await;
    let worker = ground.start().await;
    let job = ground.job(MODEL, &[text("a cat")]);
    run(&mut ground, job).await;

    let of_bob = NewJob { owner: "bob".into(), ..ground.job(MODEL, &[text("a cat")]) };
    let ids = ground.submit(&[of_bob]).await;
    let bob = ground.ended(&ids).await.remove(0);
    assert_eq!(bob.timings.unwrap().cached, 0);
    for params in [json!({"dimensions": 8}), json!({"cache": false})] {
        let item = with_params(text("a cat"), params.clone());
        let job = ground.job(MODEL, &[item]);
        let (job, items) = run(&mut ground, job).await;
        let ran = (job.succeeded, job.timings.unwrap().batches, cached(&items));
        assert_eq!(ran, (1, 1, vec![false]), "{params}");
    }
    let job = ground.job(MODEL, &[with_params(text("a cat"), json!({"cache": true}))]);
    let (_, items) = run(&mut ground, job).await;
    assert_eq!(cached(&items), [true], "its own answer is still there");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_whose_time_is_over_is_given_no_more() {
    let mut ground = ground().await;
    ground.cache.ttl = Span::new(Duration::ZERO);
    let worker = ground.start().await;
    for _ in 0..2 {
        let job = ground.job(MODEL, &[text("a cat")]);
        let (job, items) = run(&mut ground, job).await;
        assert_eq!((job.timings.unwrap().batches, cached(&items)), (1, vec![false]));
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_answers_share_an_object_and_are_read_together() {
    let mut ground = ground().await;
    ground.cache.inline = Size::new(0);
    let worker = ground.start().await;
    let words: Vec<Item> = (0..20).map(|number| text(&format!("number {number}"))).collect();
    let job = ground.job(MODEL, &words);
    let (_, before) = run(&mut ground, job).await;
    let objects: Vec<_> = ground.blobs.list("cache").try_collect().await.unwrap();
    assert_eq!(objects.len(), 1);

    let job = ground.job(MODEL, &words);
    let (job, after) = run(&mut ground, job).await;
    assert_eq!((job.timings.unwrap().cached, job.timings.unwrap().batches), (20, 0));
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before["output"], after["output"]);
    }
    // Were the object lost, the model would be asked.
    ground.blobs.delete(&[objects[0].key.clone()]).await.unwrap();
    let job = ground.job(MODEL, &words);
    let (job, _) = run(&mut ground, job).await;
    assert_eq!((job.succeeded, job.timings.unwrap().cached), (20, 0));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cache_costs_two_statements_a_job_and_none_where_it_is_off() {
    let mut ground = ground().await;
    for (enabled, statements) in [(true, 1), (false, 0)] {
        ground.cache.enabled = enabled;
        let watched = Arc::new(Watched::new(ground.store.clone()));
        let worker = ground.start_before(watched.clone()).await;
        let words: Vec<Item> = (0..50).map(|number| text(&format!("{enabled} {number}"))).collect();
        let job = ground.job(MODEL, &words);
        let (job, _) = run(&mut ground, job).await;
        assert_eq!(job.succeeded, 50);
        assert_eq!((watched.calls("cached"), watched.calls("keep_cached")), (statements, statements));
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_fails_because_the_cache_does() {
    let mut ground = ground().await;
    let watched = Arc::new(Watched::new(ground.store.clone()));
    watched.set_faults(|method| match method {
        "cached" | "keep_cached" => Fault::Before,
        _ => Fault::None,
    });
    let worker = ground.start_before(watched.clone()).await;
    for _ in 0..2 {
        let job = ground.job(MODEL, &[text("a cat"), text("a dog")]);
        let (job, items) = run(&mut ground, job).await;
        assert_eq!((job.succeeded, cached(&items)), (2, vec![false, false]));
    }
    assert!(watched.calls("cached") == 2 && watched.calls("keep_cached") == 2);
    worker.stop().await;
}

const MASK: [(&str, &str); 2] = [
    ("forebay.toml", "kind = \"background_removal\""),
    (
        "preprocessor_config.json",
        r#"{"size": {"height": 8, "width": 8}, "do_normalize": false, "rescale_factor": 0.00392156862745098}"#,
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_picture_is_every_jobs_own_and_what_failed_is_not_kept() {
    let (mut ground, _models) = drawing::ground("mask", &MASK).await;
    ground.cache.enabled = true;
    let grey = RgbImage::from_pixel(9, 5, Rgb([51; 3]));
    let torn = Item { input: Input::Image(ImageSource::Inline(b"GIF89a".to_vec())), params: Object::new() };
    let items = [drawing::item(&grey, &Value::Null), torn, drawing::item(&grey, &json!({"output": "mask"}))];

    let job = ground.job("mask", &items);
    let (first, before, pictures) = drawing::run(&mut ground, job).await;
    assert_eq!((first.succeeded, first.failed), (2, 1));
    // The first job goes with all that is its own.
    assert_eq!(ground.store.delete("alice", first.id).await.unwrap(), DeleteOutcome::Deleted);
    let garbage = ground.store().garbage(100).await.unwrap();
    assert!(first.files.iter().all(|file| garbage.contains(&file.key)));
    ground.blobs.delete(&garbage).await.unwrap();

    let job = ground.job("mask", &items);
    let (second, after, again) = drawing::run(&mut ground, job).await;
    let timings = second.timings.unwrap();
    assert_eq!((second.succeeded, second.failed, timings.cached), (2, 1, 2));
    assert_eq!(cached(after["items"].as_array().unwrap()), [true, false, true]);
    assert_eq!(after["items"][1]["error"]["code"], "image_undecodable");
    assert_eq!(timings.batches, 0);
    for item in [0, 2] {
        assert_eq!(before["items"][item]["output"], after["items"][item]["output"]);
    }
    for (before, after) in pictures.iter().zip(&again) {
        assert_eq!(before.as_bytes(), after.as_bytes());
    }
    let keys = |job: &Job| job.files.iter().map(|file| file.key.clone()).collect::<BTreeSet<_>>();
    assert!(keys(&first).is_disjoint(&keys(&second)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_model_gives_no_answer_of_the_former() {
    let (mut ground, models) = drawing::ground("mask", &MASK).await;
    ground.cache.enabled = true;
    let manifest = models.path().join("mask/forebay.toml");
    let items = [drawing::item(&RgbImage::from_pixel(9, 5, Rgb([51; 3])), &Value::Null)];
    let mut hits = Vec::new();
    for written in [MASK[0].1, MASK[0].1, "# changed\nkind = \"background_removal\"", MASK[0].1] {
        std::fs::write(&manifest, written).unwrap();
        let job = ground.job("mask", &items);
        let (job, ..) = drawing::run(&mut ground, job).await;
        hits.push(job.timings.unwrap().cached);
    }
    assert_eq!(hits, [0, 1, 0, 1], "by its digest, not its name");
}
