//! The registry: models by name, bytes stored once, and forgotten when nobody has them.

use std::time::Duration;

use super::Ground;
use crate::clock::Clock as _;
use crate::job::Kind;
use crate::model::ModelCard;
use crate::registry::{Content, ContentDigest, ModelFile, NewModel, Registered};
use crate::store::{Change, CopyOutcome, DeleteOutcome, PutOutcome, Removal};
use crate::testing::{card, sample_job};

const HOUR: Duration = Duration::from_hours(1);

fn digest(number: u8) -> ContentDigest {
    ContentDigest([number; 32])
}

/// A file whose bytes are known by this number.
fn file(path: &str, number: u8) -> ModelFile {
    ModelFile { path: path.to_owned(), digest: digest(number), bytes: u64::from(number) }
}

fn model(owner: Option<&str>, name: &str, files: &[ModelFile]) -> NewModel {
    let owner = owner.map(str::to_owned);
    NewModel { owner, name: name.to_owned(), source: "folder".to_owned(), files: files.to_vec(), card: None }
}

/// The same, and what clients are told of it.
fn described(owner: Option<&str>, name: &str, files: &[ModelFile]) -> NewModel {
    let card = ModelCard { owner: owner.map(str::to_owned), registered: true, ..card(name, Kind::Echo) };
    NewModel { card: Some(card), ..model(owner, name, files) }
}

/// The models that clients are told of, and whose they are.
async fn told(ground: &Ground) -> Vec<(String, Option<String>)> {
    let models = ground.store.models().await.unwrap();
    models.into_iter().map(|model| (model.card.name, model.card.owner)).collect()
}

async fn store(ground: &Ground, number: u8) -> Content {
    let content = Content::at(digest(number), ground.ids.uuid(), u64::from(number));
    ground.store.record_content(&content).await.unwrap()
}

async fn put(ground: &Ground, model: &NewModel) -> Registered {
    match ground.store.put_model(model).await.unwrap() {
        PutOutcome::Put(_, put) => put,
        outcome => panic!("{outcome:?}"),
    }
}

async fn paths(ground: &Ground, owner: Option<&str>, name: &str) -> Vec<(String, u8)> {
    let files = ground.store.registered_files(owner, name).await.unwrap();
    files.into_iter().map(|(file, content)| (file.path, content.digest.0[0])).collect()
}

async fn names(ground: &Ground) -> Vec<(String, Option<String>)> {
    let models = ground.store.all_registered().await.unwrap();
    models.into_iter().map(|model| (model.name, model.owner)).collect()
}

pub async fn a_registered_model_reads_back_as_it_was(ground: &Ground) {
    let (weights, config) = (store(ground, 7).await, store(ground, 3).await);
    let files = [file("onnx/model.onnx", 7), file("config.json", 3), file("copy.json", 3)];
    let new = model(None, "org/mood", &files);
    let added = ground.store.put_model(&new).await.unwrap();
    let expected = new.registered(ground.clock.now());
    assert_eq!((&added, expected.bytes), (&PutOutcome::Put(Change::Added, expected.clone()), 13));
    assert_eq!(ground.store.registered(None, "org/mood").await.unwrap(), Some(expected.clone()));
    assert_eq!(ground.store.all_registered().await.unwrap(), [expected]);
    let [first, second, third] = files;
    let stored = ground.store.registered_files(None, "org/mood").await.unwrap();
    assert_eq!(stored, [(second, config.clone()), (third, config), (first, weights)]);
    assert_eq!(ground.store.registered(None, "mood").await.unwrap(), None);
    assert!(ground.store.registered_files(None, "mood").await.unwrap().is_empty());
}

pub async fn a_model_has_only_files_that_are_stored(ground: &Ground) {
    store(ground, 1).await;
    let new = model(None, "mood", &[file("a", 1), file("b", 2)]);
    assert_eq!(ground.store.put_model(&new).await.unwrap(), PutOutcome::Missing(vec![digest(2)]));
    assert!(names(ground).await.is_empty());
    store(ground, 2).await;
    assert!(matches!(ground.store.put_model(&new).await.unwrap(), PutOutcome::Put(Change::Added, _)));
}

pub async fn a_model_may_have_many_files(ground: &Ground) {
    for number in 1..=250 {
        store(ground, number).await;
    }
    let paths_of = |name: &str| (0..1000).map(|at| format!("{name}/ü {at}.json")).collect::<Vec<_>>();
    let files = |name: &str| {
        let file = |(at, path): (usize, String)| file(&path, u8::try_from(250 - at % 250).unwrap());
        paths_of(name).into_iter().enumerate().map(file).collect::<Vec<_>>()
    };
    for (name, change) in [("a", Change::Added), ("b", Change::Replaced)] {
        let put = ground.store.put_model(&model(None, "mood", &files(name))).await.unwrap();
        assert!(matches!(put, PutOutcome::Put(is, _) if is == change), "{put:?}");
        let (mut stored, mut expected) = (paths(ground, None, "mood").await, files(name));
        stored.sort();
        expected.sort();
        let expected: Vec<_> = expected.into_iter().map(|file| (file.path, file.digest.0[0])).collect();
        assert_eq!(stored, expected);
    }
}

pub async fn a_name_means_what_was_put_last(ground: &Ground) {
    store(ground, 1).await;
    store(ground, 2).await;
    let first = put(ground, &model(None, "mood", &[file("a", 1), file("b", 1)])).await;
    ground.clock.advance(HOUR);
    let same = ground.store.put_model(&model(None, "mood", &[file("b", 1), file("a", 1)])).await.unwrap();
    assert_eq!(same, PutOutcome::Put(Change::Unchanged, first.clone()), "the order of files says nothing");
    let other = ground.store.put_model(&model(None, "mood", &[file("a", 2)])).await.unwrap();
    let PutOutcome::Put(Change::Replaced, second) = other else { panic!("{other:?}") };
    assert_eq!((second.created_at, second.updated_at), (first.created_at, ground.clock.now()));
    assert_ne!(second.digest, first.digest);
    assert_eq!(paths(ground, None, "mood").await, [("a".to_owned(), 2)]);
}

pub async fn a_name_is_everybodys_or_one_owners(ground: &Ground) {
    store(ground, 1).await;
    store(ground, 2).await;
    let everybodys = put(ground, &model(None, "mood", &[file("a", 1)])).await;
    let bobs = put(ground, &model(Some("bob"), "secret", &[file("a", 2)])).await;
    for (owner, name, seen) in [
        (None, "mood", Some(&everybodys)),
        (Some("alice"), "mood", Some(&everybodys)),
        (Some("bob"), "secret", Some(&bobs)),
        (Some("alice"), "secret", None),
        (None, "secret", None),
    ] {
        let found = ground.store.registered(owner, name).await.unwrap();
        assert_eq!(found.as_ref(), seen, "{name} as {owner:?} sees it");
    }
    for (owner, name, taken) in [
        (None, "mood", false),
        (Some("alice"), "mood", true),
        (Some("bob"), "secret", false),
        (Some("alice"), "secret", true),
        (None, "secret", true),
        (Some("alice"), "free", false),
    ] {
        assert_eq!(ground.store.is_taken(owner, name).await.unwrap(), taken, "{name} for {owner:?}");
        if taken {
            let new = described(owner, name, &[file("a", 1)]);
            assert_eq!(ground.store.put_model(&new).await.unwrap(), PutOutcome::Taken);
            let copied = ground.store.copy_model((None, "mood"), (owner, name)).await.unwrap();
            assert_eq!(copied, CopyOutcome::Taken);
        }
    }
    assert!(told(ground).await.is_empty(), "what is refused is not told of");
    assert_eq!(paths(ground, Some("bob"), "secret").await, [("a".to_owned(), 2)]);
    assert_eq!(ground.store.delete_model(Some("alice"), "secret").await.unwrap(), Removal::Unknown);
    assert_eq!(ground.store.delete_model(Some("bob"), "secret").await.unwrap(), Removal::Deleted);
    put(ground, &model(Some("alice"), "secret", &[file("a", 1)])).await;
}

pub async fn a_name_in_a_folder_is_no_owners_while_it_is_told_of(ground: &Ground) {
    store(ground, 1).await;
    let folder = ModelCard { aliases: vec!["feeling".to_owned()], ..card("mood", Kind::Echo) };
    ground.store.announce(std::slice::from_ref(&folder)).await.unwrap();
    let worker = ground.worker().await;
    ground.store.serve(worker, &["mood".to_owned()]).await.unwrap();
    let taken = async |owner, name| {
        let new = described(owner, name, &[file("a", 1)]);
        let is_taken = ground.store.is_taken(owner, name).await.unwrap();
        if is_taken {
            assert_eq!(ground.store.put_model(&new).await.unwrap(), PutOutcome::Taken, "{name}");
        }
        is_taken
    };
    for name in ["mood", "feeling"] {
        assert!(taken(None, name).await && taken(Some("alice"), name).await, "{name}: a worker has it");
    }
    ground.store.retire(worker).await.unwrap();
    for name in ["mood", "feeling"] {
        assert!(taken(Some("alice"), name).await, "{name}: its worker may come back");
        assert!(!taken(None, name).await, "{name}: everybody's takes the place of everybody's");
    }
    put(ground, &described(None, "mood", &[file("a", 1)])).await;
    assert_eq!(ground.store.delete_model(None, "mood").await.unwrap(), Removal::Deleted);
    assert!(!taken(Some("alice"), "mood").await, "nobody is told of it any more");
}

pub async fn a_folder_stands_before_a_model_of_its_name(ground: &Ground) {
    store(ground, 1).await;
    let folder = card("mood", Kind::Echo);
    ground.store.announce(std::slice::from_ref(&folder)).await.unwrap();
    put(ground, &described(None, "mood", &[file("a", 1)])).await;
    let worker = ground.worker().await;
    ground.store.serve(worker, &["mood".to_owned()]).await.unwrap();
    assert!(!ground.store.is_taken(None, "mood").await.unwrap(), "a worker has it from the registry");
    ground.store.announce(std::slice::from_ref(&folder)).await.unwrap();
    put(ground, &described(None, "mood", &[])).await;
    assert_eq!(
        ground.store.models().await.unwrap()[0].card,
        folder,
        "a folder that came later is what is served"
    );
    assert_eq!(ground.store.delete_model(None, "mood").await.unwrap(), Removal::Deleted);
    assert_eq!(told(ground).await, [("mood".to_owned(), None)], "and stays when the other goes");
}

pub async fn a_model_is_told_of_from_when_it_is_registered_until_it_is_deleted(ground: &Ground) {
    store(ground, 1).await;
    let new = described(Some("alice"), "mood", &[file("a", 1)]);
    put(ground, &new).await;
    let hers = Some("alice".to_owned());
    let models = ground.store.models().await.unwrap();
    assert_eq!((Some(models[0].card.clone()), models[0].workers), (new.card, 0), "no worker has it yet");
    let copied = ground.store.copy_model((Some("alice"), "mood"), (Some("alice"), "org/mood")).await.unwrap();
    assert!(matches!(copied, CopyOutcome::Copied(_)));
    assert_eq!(
        told(ground).await,
        [("mood".to_owned(), hers.clone()), ("org/mood".to_owned(), hers.clone())]
    );
    let files: Vec<String> =
        ground.store.models().await.unwrap().into_iter().map(|model| model.card.file).collect();
    assert_eq!(files, ["mood/onnx/model.onnx", "org/mood/onnx/model.onnx"]);
    assert_eq!(
        ground.store.delete_model(None, "mood").await.unwrap(),
        Removal::Unknown,
        "it is not everybody's"
    );
    assert_eq!(ground.store.delete_model(Some("alice"), "mood").await.unwrap(), Removal::Deleted);
    assert_eq!(told(ground).await, [("org/mood".to_owned(), hers)]);
}

pub async fn what_a_worker_tells_late_of_a_name_is_not_recorded(ground: &Ground) {
    store(ground, 1).await;
    store(ground, 2).await;
    let told_of = |words: &str| {
        let described = words.to_owned();
        ModelCard { registered: true, description: described, ..card("mood", Kind::Echo) }
    };
    let description = async || {
        let models = ground.store.models().await.unwrap();
        models.first().map(|model| (model.card.owner.clone(), model.card.description.clone()))
    };
    let tell = async |card: &ModelCard, digest| ground.store.announce_registered(card, digest).await.unwrap();
    let first = put(ground, &model(None, "mood", &[file("a", 1)])).await.digest;
    assert!(tell(&told_of("first"), first).await);
    assert_eq!(description().await, Some((None, "first".to_owned())));
    let second = put(ground, &model(None, "mood", &[file("a", 2)])).await.digest;
    assert!(tell(&told_of("second"), second).await);
    assert!(!tell(&told_of("first"), first).await, "the name means other files");
    assert_eq!(description().await, Some((None, "second".to_owned())));
    assert_eq!(ground.store.delete_model(None, "mood").await.unwrap(), Removal::Deleted);
    assert!(!tell(&told_of("second"), second).await, "the model is gone");
    assert_eq!(description().await, None);
    put(ground, &model(Some("bob"), "mood", &[file("a", 2)])).await;
    assert!(!tell(&told_of("second"), second).await, "the name is somebody else's");
    assert_eq!(description().await, None);
    let his = ModelCard { owner: Some("bob".to_owned()), ..told_of("his") };
    assert!(tell(&his, second).await);
    assert_eq!(description().await, Some((Some("bob".to_owned()), "his".to_owned())));
}

pub async fn a_copy_is_a_name_of_its_own(ground: &Ground) {
    store(ground, 1).await;
    store(ground, 2).await;
    put(ground, &model(None, "mood", &[file("a", 1), file("b", 2)])).await;
    put(ground, &model(Some("alice"), "old", &[file("c", 2)])).await;
    ground.clock.advance(HOUR);
    for to in [(None, "mood:v1"), (Some("alice"), "old")] {
        let copied = ground.store.copy_model((None, "mood"), to).await.unwrap();
        let CopyOutcome::Copied(copy) = copied else { panic!("{copied:?}") };
        assert_eq!((copy.owner.as_deref(), copy.name.as_str(), copy.bytes), (to.0, to.1, 3));
        assert_eq!(copy.updated_at, ground.clock.now());
    }
    assert_eq!(ground.store.delete_model(None, "mood").await.unwrap(), Removal::Deleted);
    assert_eq!(names(ground).await, [("mood:v1".into(), None), ("old".into(), Some("alice".into()))]);
    let files = [("a".to_owned(), 1), ("b".to_owned(), 2)];
    assert_eq!(paths(ground, None, "mood:v1").await, files);
    assert_eq!(paths(ground, Some("alice"), "old").await, files);
    let onto_itself = ground.store.copy_model((None, "mood:v1"), (None, "mood:v1")).await.unwrap();
    assert!(matches!(onto_itself, CopyOutcome::Copied(_)));
    assert_eq!(paths(ground, None, "mood:v1").await, files, "nothing is lost by it");
    assert_eq!(ground.store.copy_model((None, "mood"), (None, "x")).await.unwrap(), CopyOutcome::Unknown);
    assert_eq!(
        ground.store.copy_model((Some("bob"), "mood:v1"), (None, "x")).await.unwrap(),
        CopyOutcome::Unknown
    );
}

pub async fn a_model_that_jobs_want_is_not_deleted(ground: &Ground) {
    store(ground, 1).await;
    let register = async |owner| put(ground, &described(owner, "echo", &[file("a", 1)])).await;
    let delete = async |owner| ground.store.delete_model(owner, "echo").await.unwrap();
    register(Some("bob")).await;
    let waiting = ground.submitted(1).await[0];
    assert_eq!(delete(Some("bob")).await, Removal::Deleted, "the job does not see his");
    register(Some("alice")).await;
    assert_eq!(delete(Some("alice")).await, Removal::InUse, "the job is hers");
    assert_eq!(told(ground).await.len(), 1, "it is still told of");
    ground.store.cancel("alice", waiting).await.unwrap();
    assert_eq!(delete(Some("alice")).await, Removal::Deleted);
    register(None).await;
    let waiting = ground.submitted(1).await[0];
    assert_eq!(delete(None).await, Removal::InUse, "a job waits");
    let worker = ground.worker().await;
    assert_eq!(ground.store.claim(worker, &[waiting]).await.unwrap().len(), 1);
    assert_eq!(delete(None).await, Removal::InUse, "the job runs");
    ground.store.retire(worker).await.unwrap();
    ground.store.cancel("alice", waiting).await.unwrap();
    assert_eq!(delete(None).await, Removal::Deleted);
    assert_eq!(delete(None).await, Removal::Unknown);
    let other = crate::job::NewJob { model: "other".to_owned(), ..sample_job(&ground.ids, "alice") };
    put(ground, &model(None, "echo", &[file("a", 1)])).await;
    ground.store.submit(std::slice::from_ref(&other)).await.unwrap();
    assert_eq!(delete(None).await, Removal::Deleted, "the job is another model's");
    assert!(matches!(ground.store.delete("alice", other.id).await.unwrap(), DeleteOutcome::Deleted));
}

pub async fn a_name_that_others_jobs_wait_for_is_no_owners(ground: &Ground) {
    store(ground, 1).await;
    put(ground, &model(None, "mood", &[file("a", 1)])).await;
    let bobs = described(Some("bob"), "echo", &[file("a", 1)]);
    let refused = async |what: &str| {
        assert_eq!(ground.store.put_model(&bobs).await.unwrap(), PutOutcome::Taken, "{what}");
        let copied = ground.store.copy_model((None, "mood"), (Some("bob"), "echo")).await.unwrap();
        assert_eq!(copied, CopyOutcome::Taken, "{what}");
        for (owner, taken) in [(Some("bob"), true), (Some("alice"), false), (None, false)] {
            assert_eq!(ground.store.is_taken(owner, "echo").await.unwrap(), taken, "{what}, {owner:?}");
        }
    };
    let (later, mut jobs) = (ground.clock.now().plus(HOUR), [ground.job(), ground.job(), ground.job()]);
    (jobs[0].run_at, jobs[1].published) = (Some(later), false);
    for job in &jobs {
        ground.store.submit(std::slice::from_ref(job)).await.unwrap();
        refused("alice's job waits").await;
        if job.id != jobs[2].id {
            ground.store.cancel("alice", job.id).await.unwrap();
        }
    }
    let worker = ground.worker().await;
    assert_eq!(ground.store.claim(worker, &[jobs[2].id]).await.unwrap().len(), 1);
    refused("it runs").await;
    ground.store.retire(worker).await.unwrap();
    ground.store.cancel("alice", jobs[2].id).await.unwrap();
    put(ground, &bobs).await;
}

pub async fn bytes_are_stored_once(ground: &Ground) {
    let first = store(ground, 1).await;
    let second = store(ground, 1).await;
    assert_eq!(first, second, "who comes second is told of the first");
    store(ground, 2).await;
    let found = ground.store.touch_contents(&[digest(1), digest(9), digest(1)]).await.unwrap();
    assert_eq!(found, [first]);
    assert!(ground.store.touch_contents(&[]).await.unwrap().is_empty());
}

pub async fn bytes_that_no_model_has_are_forgotten_after_a_while(ground: &Ground) {
    let contents = [store(ground, 1).await, store(ground, 2).await, store(ground, 3).await];
    let objects = contents.clone().map(|content| content.object);
    put(ground, &model(None, "mood", &[file("a", 1)])).await;
    put(ground, &model(None, "other", &[file("a", 1), file("b", 2)])).await;
    ground.clock.advance(HOUR / 2);
    assert_eq!(ground.store.touch_contents(&[digest(3)]).await.unwrap().len(), 1);
    ground.clock.advance(HOUR / 2 + Duration::from_secs(1));
    assert_eq!(ground.store.forget_contents(HOUR, 10).await.unwrap(), 0, "all are named, or were touched");
    assert_eq!(ground.store.delete_model(None, "other").await.unwrap(), Removal::Deleted);
    assert_eq!(ground.store.forget_contents(HOUR, 10).await.unwrap(), 1);
    assert_eq!(ground.store.garbage(10).await.unwrap(), [objects[1].clone()]);
    let mut named = ground.store.named_contents(&objects).await.unwrap();
    named.sort();
    assert_eq!(named, [objects[0].clone(), objects[2].clone()]);
    ground.clock.advance(HOUR);
    assert_eq!(ground.store.delete_model(None, "mood").await.unwrap(), Removal::Deleted);
    assert_eq!(ground.store.forget_contents(HOUR, 1).await.unwrap(), 1, "no more than asked");
    assert_eq!(ground.store.forget_contents(HOUR, 10).await.unwrap(), 1);
    assert_eq!(ground.store.forget_contents(HOUR, 10).await.unwrap(), 0);
    let again = store(ground, 1).await;
    assert_ne!(again.object, objects[0], "what is being removed is not written again");
}

pub async fn bytes_that_no_model_has_are_forgotten_when_asked(ground: &Ground) {
    let contents = [store(ground, 1).await, store(ground, 2).await];
    put(ground, &model(None, "mood", &[file("a", 1)])).await;
    let forget = async |number| ground.store.forget_content(digest(number)).await.unwrap();
    assert_eq!(forget(1).await, Removal::InUse);
    assert_eq!(forget(2).await, Removal::Deleted);
    assert_eq!(ground.store.garbage(10).await.unwrap(), [contents[1].object.clone()]);
    assert_eq!((forget(2).await, forget(9).await), (Removal::Unknown, Removal::Unknown));
    assert_eq!(ground.store.delete_model(None, "mood").await.unwrap(), Removal::Deleted);
    assert_eq!(forget(1).await, Removal::Deleted);
    let missing = ground.store.put_model(&model(None, "mood", &[file("a", 1)])).await.unwrap();
    assert_eq!(missing, PutOutcome::Missing(vec![digest(1)]));
}
