//! Models of the registry come and go while a worker runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forebay_shared::config::Span;
use forebay_shared::events::{Event, Events};
use forebay_shared::id::JobId;
use forebay_shared::job::Status;
use forebay_shared::registry::{FOLDER, Import, Imported, Silent};
use forebay_shared::store::{Jobs, Models, Registry, Removal, Workers};
use forebay_shared::testing::registrar;
use futures::TryStreamExt;
use serde_json::json;

use super::ground::{Ground, PATIENCE, text, with_params};

/// A model that is none, as files: what it is described as tells one version from another.
fn folder(description: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &format!("kind = \"echo\"\ndescription = \"{description}\""));
    folder
}

fn write(folder: &Path, manifest: &str) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("model.onnx"), "weights").unwrap();
    std::fs::write(folder.join("forebay.toml"), manifest).unwrap();
}

async fn ground() -> Ground {
    let mut ground = Ground::new().await;
    ground.config.registry_poll = Span::new(Duration::from_secs(1));
    ground
}

async fn import(ground: &Ground, name: &str, folder: &Path) -> Imported {
    import_for(ground, None, name, folder).await
}

async fn import_for(ground: &Ground, owner: Option<&str>, name: &str, folder: &Path) -> Imported {
    let (scratch, owner) = (tempfile::tempdir().unwrap(), owner.map(str::to_owned));
    let registrar = registrar(ground.store.clone(), &ground.blobs, &ground.ids, scratch.path());
    let import = Import { from: folder.to_owned(), owner, name: name.to_owned(), source: "test".to_owned() };
    registrar.import(import, Arc::new(Silent)).await.unwrap()
}

/// Waits until a living worker serves a model of this name and description; `None`: until there is no such model.
async fn until_served(ground: &Ground, name: &str, description: Option<&str>) {
    let served = async {
        loop {
            let models = ground.store.models().await.unwrap();
            let found = models.iter().find(|model| model.card.name == name);
            let is_so = match description {
                Some(words) => {
                    found.is_some_and(|model| model.workers > 0 && model.card.description == words)
                }
                None => found.is_none(),
            };
            if is_so {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, served).await.unwrap_or_else(|_| panic!("{name} is {description:?}"));
}

async fn run(ground: &mut Ground, model: &str) -> Status {
    let ids = ground.submit(&[ground.job(model, &[text("hello")])]).await;
    ground.ended(&ids).await.remove(0).status
}

async fn begin_slow(ground: &Ground, model: &str) -> JobId {
    let slow = with_params(text("slow"), json!({"delay_ms": 1500}));
    let id = ground.submit(&[ground.job(model, &[slow])]).await[0];
    ground.until(id, Status::Running).await;
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_is_brought_in_is_served_without_a_restart() {
    let mut ground = ground().await;
    let worker = ground.start().await;
    assert_eq!(run(&mut ground, "echo").await, Status::Succeeded);
    import(&ground, "org/mood", folder("first").path()).await;
    until_served(&ground, "org/mood", Some("first")).await;
    assert_eq!(run(&mut ground, "org/mood").await, Status::Succeeded);
    assert_eq!(run(&mut ground, "echo").await, Status::Succeeded);
    worker.stop().await;
    ground.assert_nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_looks_at_once() {
    let mut ground = ground().await;
    ground.config.registry_poll = Span::new(Duration::from_hours(1));
    let worker = ground.start().await;
    assert_eq!(run(&mut ground, "echo").await, Status::Succeeded);
    import(&ground, "mood", folder("one").path()).await;
    ground.events.announce(Event::Registered).await;
    until_served(&ground, "mood", Some("one")).await;
    assert_eq!(run(&mut ground, "mood").await, Status::Succeeded);
    ground.store.delete_model(None, "mood").await.unwrap();
    ground.events.announce(Event::Registered).await;
    until_served(&ground, "mood", None).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_changes_finishes_its_jobs_and_loses_none() {
    let mut ground = ground().await;
    import(&ground, "mood", folder("first").path()).await;
    let worker = ground.start().await;
    until_served(&ground, "mood", Some("first")).await;
    let slow = begin_slow(&ground, "mood").await;
    let waiting = ground.submit(&[ground.job("mood", &[text("waits")])]).await;
    import(&ground, "mood", folder("second").path()).await;
    until_served(&ground, "mood", Some("second")).await;
    let after = ground.submit(&[ground.job("mood", &[text("after")])]).await;
    for job in ground.ended(&[&[slow], &waiting[..], &after[..]].concat()).await {
        assert_eq!((job.status, job.attempt), (Status::Succeeded, 1), "none is repeated");
    }
    worker.stop().await;
    ground.assert_nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_is_deleted_is_served_no_longer() {
    let mut ground = ground().await;
    import(&ground, "mood", folder("first").path()).await;
    let worker = ground.start().await;
    until_served(&ground, "mood", Some("first")).await;
    let slow = begin_slow(&ground, "mood").await;
    assert_eq!(ground.store.delete_model(None, "mood").await.unwrap(), Removal::InUse);
    assert_eq!(ground.ended(&[slow]).await[0].status, Status::Succeeded);
    assert_eq!(ground.store.delete_model(None, "mood").await.unwrap(), Removal::Deleted);
    until_served(&ground, "mood", None).await;
    let only_echo = async {
        while ground.store.workers().await.unwrap().remove(0).models != ["echo"] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, only_echo).await.expect("the worker serves it no longer");
    // What comes all the same waits, and is not lost: the name may come back.
    let ids = ground.submit(&[ground.job("mood", &[text("early")])]).await;
    import(&ground, "mood", folder("second").path()).await;
    assert_eq!(ground.ended(&ids).await[0].status, Status::Succeeded);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owners_model_is_served_and_announced_as_the_owners() {
    let mut ground = ground().await;
    import_for(&ground, Some("alice"), "hers", folder("first").path()).await;
    let worker = ground.start().await;
    until_served(&ground, "hers", Some("first")).await;
    let models = ground.store.models().await.unwrap();
    let told: Vec<_> = models
        .iter()
        .map(|model| (model.card.name.as_str(), model.card.owner.as_deref(), model.card.registered))
        .collect();
    assert_eq!(told, [("echo", None, false), ("hers", Some("alice"), true)]);
    assert_eq!(run(&mut ground, "hers").await, Status::Succeeded);
    assert_eq!(ground.store.delete_model(Some("alice"), "hers").await.unwrap(), Removal::Deleted);
    import(&ground, "hers", folder("second").path()).await;
    until_served(&ground, "hers", Some("second")).await;
    assert_eq!(ground.store.models().await.unwrap()[1].card.owner, None, "the name is everybody's now");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_job_of_a_lane_that_leaves_can_be_stopped() {
    let mut ground = ground().await;
    import(&ground, "mood", folder("first").path()).await;
    let worker = ground.start().await;
    until_served(&ground, "mood", Some("first")).await;
    let items: Vec<_> = (0..600).map(|_| with_params(text("slow"), json!({"delay_ms": 4000}))).collect();
    let id = ground.submit(&[ground.job("mood", &items)]).await[0];
    ground.until(id, Status::Running).await;
    import(&ground, "mood", folder("second").path()).await;
    until_served(&ground, "mood", Some("second")).await;
    ground.store.cancel("alice", id).await.unwrap();
    assert_eq!(ground.ended(&[id]).await[0].status, Status::Cancelled);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_the_worker_stands_before_the_registry() {
    let mut ground = ground().await;
    let models = tempfile::tempdir().unwrap();
    write(&models.path().join("mood"), "kind = \"echo\"\ndescription = \"its own\"");
    ground.config.models_dir = models.path().to_owned();
    import(&ground, "mood", folder("of the registry").path()).await;
    import(&ground, "other", folder("of the registry").path()).await;
    let worker = ground.start().await;
    until_served(&ground, "other", Some("of the registry")).await;
    until_served(&ground, "mood", Some("its own")).await;
    assert_eq!(run(&mut ground, "mood").await, Status::Succeeded);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_cannot_be_read_leaves_the_others_alone() {
    let mut ground = ground().await;
    let bad = tempfile::tempdir().unwrap();
    write(bad.path(), "kind = \"no such kind\"");
    import(&ground, "a-bad-one", bad.path()).await;
    let away = tempfile::tempdir().unwrap();
    write(away.path(), "kind = \"echo\"");
    std::fs::write(away.path().join("more.bin"), "more weights").unwrap();
    let lost = import(&ground, "a-lost-one", away.path()).await;
    let digest = lost.model.digest;
    for (file, content) in ground.store.registered_files(None, "a-lost-one").await.unwrap() {
        if file.path == "more.bin" {
            ground.blobs.put(&content.object, "other bytes!".into()).await.unwrap();
        }
    }
    import(&ground, "mood", folder("first").path()).await;
    let worker = ground.start().await;
    until_served(&ground, "mood", Some("first")).await;
    assert_eq!(run(&mut ground, "mood").await, Status::Succeeded);
    assert!(!ground.data().join(format!("registry/models/{digest}")).exists(), "wrong bytes are no model");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_whose_lane_cannot_start_stays_listed_and_leaves_the_others_alone() {
    let mut ground = ground().await;
    ground.config.runtime = ground.data().join("no-library.so");
    let needs_it = tempfile::tempdir().unwrap();
    write(needs_it.path(), "kind = \"image_classification\"");
    let digest = import(&ground, "a-real-one", needs_it.path()).await.model.digest;
    let worker = ground.start().await;
    let come = async {
        while !ground.data().join(format!("registry/models/{digest}")).exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, come).await.expect("it is fetched");
    import(&ground, "mood", folder("first").path()).await;
    until_served(&ground, "mood", Some("first")).await;
    assert_eq!(run(&mut ground, "mood").await, Status::Succeeded);
    let models = ground.store.models().await.unwrap().into_iter();
    let told: Vec<_> = models.map(|model| (model.card.name, model.workers)).collect();
    assert_eq!(told, [("a-real-one".to_owned(), 0), ("echo".to_owned(), 1), ("mood".to_owned(), 1)]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_fetched_is_kept_and_what_is_gone_is_removed() {
    let mut ground = ground().await;
    let first = import(&ground, "mood", folder("first").path()).await.model.digest;
    let worker = ground.start().await;
    until_served(&ground, "mood", Some("first")).await;
    worker.stop().await;
    let objects: Vec<String> =
        ground.blobs.list(FOLDER).map_ok(|entry| entry.key).try_collect().await.unwrap();
    ground.blobs.delete(&objects).await.unwrap();
    let worker = ground.start().await;
    assert_eq!(run(&mut ground, "mood").await, Status::Succeeded, "nothing had to be fetched");
    assert_eq!(ground.store.delete_model(None, "mood").await.unwrap(), Removal::Deleted);
    until_served(&ground, "mood", None).await;
    let gone = async {
        while ground.data().join(format!("registry/models/{first}")).exists()
            || std::fs::read_dir(ground.data().join("registry/contents")).unwrap().count() > 0
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("copies go with their model");
    worker.stop().await;
}
