//! What a worker is offered of the registry, while fetching takes its time.

use std::path::Path;

use forebay_shared::clock::SystemClock;
use forebay_shared::events::LocalEvents;
use forebay_shared::id::Ids;
use forebay_shared::registry::{Import, Silent};
use forebay_shared::store::{Models, Registry, Removal, Sqlite};
use forebay_shared::testing::{Watched, fresh_ids, registrar};

use super::*;
use crate::model::RuntimeError;

/// How long a test waits for what must come, on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

/// A registry, and the folder of a worker's copies.
struct Bench {
    store: Arc<Watched>,
    blobs: Blobs,
    ids: Ids,
    data: tempfile::TempDir,
    tasks: Tasks,
    keepers: Tasks,
}

/// A worker, as the supply sees it.
struct Lanes(mpsc::Receiver<Change>);

impl Bench {
    async fn new() -> Self {
        let (data, keepers) = (tempfile::tempdir().unwrap(), Tasks::new());
        let file = data.path().join("forebay.db");
        let store = Sqlite::open(&file, Arc::new(SystemClock), &keepers).await.unwrap();
        let store = Arc::new(Watched::new(Arc::new(store)));
        Self { store, blobs: Blobs::in_memory(), ids: fresh_ids(), data, tasks: Tasks::new(), keepers }
    }

    fn parts(&self) -> SupplyParts {
        SupplyParts {
            store: self.store.clone(),
            events: Arc::new(LocalEvents::new()),
            blobs: self.blobs.clone(),
            tasks: self.tasks.clone(),
            folder: self.data.path().join("registry"),
            reserve: Size::new(0),
            every: Duration::from_millis(20),
            patience: LIMIT,
            wanted: Vec::new(),
            own: HashSet::new(),
            max_pixels: u64::MAX,
        }
    }

    fn start(&self, parts: SupplyParts) -> Lanes {
        let (offers, changes) = mpsc::channel(1);
        self.tasks.spawn("supply", Supply::new(parts, offers).run());
        Lanes(changes)
    }

    /// Registers a model whose files these words are in.
    async fn import(&self, owner: Option<&str>, name: &str, words: &str) -> ContentDigest {
        let (scratch, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("model.onnx"), "weights").unwrap();
        let manifest = format!("kind = \"echo\"\ndescription = \"{words}\"");
        std::fs::write(folder.path().join("forebay.toml"), manifest).unwrap();
        let registrar = registrar(self.store.clone(), &self.blobs, &self.ids, scratch.path());
        let (owner, name) = (owner.map(str::to_owned), name.to_owned());
        let import = Import { from: folder.path().to_owned(), owner, name, source: "test".to_owned() };
        registrar.import(import, Arc::new(Silent)).await.unwrap().model.digest
    }

    async fn delete(&self, owner: Option<&str>, name: &str) {
        assert_eq!(self.store.delete_model(owner, name).await.unwrap(), Removal::Deleted);
    }

    /// The digest of a model that is yet to be imported with these words.
    async fn digest(&self, words: &str) -> ContentDigest {
        let digest = self.import(None, "for-its-digest", words).await;
        self.delete(None, "for-its-digest").await;
        digest
    }

    /// Another worker of this machine is at this model, and takes as long as this is held.
    fn slow(&self, digest: ContentDigest) -> std::fs::File {
        let aside = self.data.path().join("registry/models").join(format!(".{digest}"));
        std::fs::create_dir_all(&aside).unwrap();
        let held = std::fs::File::open(aside).unwrap();
        held.lock().unwrap();
        held
    }

    fn folder(&self, digest: ContentDigest) -> PathBuf {
        self.data.path().join("registry/models").join(digest.to_string())
    }

    /// Waits until the registry has been looked at twice from now on.
    async fn looks(&self) {
        let before = self.store.calls("all_registered");
        until("the registry is looked at", || self.store.calls("all_registered") >= before + 3).await;
    }

    async fn told(&self) -> Vec<(String, Option<String>)> {
        let models = self.store.models().await.unwrap();
        models.into_iter().map(|model| (model.card.name, model.card.owner)).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.tasks.halt();
        self.keepers.halt();
    }
}

impl Lanes {
    async fn next(&mut self) -> Change {
        tokio::time::timeout(LIMIT, self.0.recv())
            .await
            .expect("something changes")
            .expect("the supply lives")
    }

    /// The model that is to be served next, and is.
    async fn served(&mut self) -> ModelFiles {
        match self.next().await {
            Change::Serve(files, started) => {
                started.send(Ok(())).unwrap();
                *files
            }
            Change::Stop(name) => panic!("{name} is to stop"),
        }
    }

    /// The name that is to be served no longer.
    async fn stopped(&mut self) -> String {
        match self.next().await {
            Change::Stop(name) => name,
            Change::Serve(files, _) => panic!("{} is to be served", files.card.name),
        }
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let reached = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, reached).await.unwrap_or_else(|_| panic!("{what}"));
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test]
async fn what_comes_and_goes_is_heard_while_a_large_model_is_fetched() {
    let bench = Bench::new().await;
    let large = bench.slow(bench.digest("large").await);
    bench.import(None, "a-large-one", "large").await;
    bench.import(None, "small", "first").await;
    let mut lanes = bench.start(bench.parts());
    assert_eq!(lanes.served().await.card.name, "small");
    bench.delete(None, "small").await;
    assert_eq!(lanes.stopped().await, "small");
    bench.import(None, "other", "second").await;
    assert_eq!(lanes.served().await.card.name, "other");
    drop(large);
    assert_eq!(lanes.served().await.card.name, "a-large-one");
}

#[tokio::test]
async fn a_name_that_is_somebody_elses_by_now_is_not_served_on_while_his_model_is_fetched() {
    let bench = Bench::new().await;
    bench.import(Some("alice"), "mood", "hers").await;
    let mut lanes = bench.start(bench.parts());
    assert_eq!(lanes.served().await.card.owner.as_deref(), Some("alice"));
    let his = bench.slow(bench.digest("his").await);
    bench.delete(Some("alice"), "mood").await;
    bench.import(Some("bob"), "mood", "his").await;
    assert_eq!(lanes.stopped().await, "mood");
    drop(his);
    assert_eq!(lanes.served().await.card.owner.as_deref(), Some("bob"));
}

#[tokio::test]
async fn a_model_that_was_deleted_while_it_was_fetched_is_neither_listed_nor_served() {
    let bench = Bench::new().await;
    let late = bench.slow(bench.digest("late").await);
    bench.import(None, "mood", "late").await;
    bench.store.forget_calls();
    // It looks once, and so hears nothing of what happens later.
    let mut lanes = bench.start(SupplyParts { every: Duration::from_hours(1), ..bench.parts() });
    until("it is fetched", || bench.store.calls("registered_files") == 1).await;
    bench.delete(None, "mood").await;
    drop(late);
    until("it has come", || bench.store.calls("announce_registered") == 1).await;
    assert_eq!(bench.told().await, []);
    assert!(lanes.0.try_recv().is_err());
}

#[tokio::test]
async fn a_model_whose_lane_cannot_start_stays_listed_and_is_tried_again() {
    let bench = Bench::new().await;
    bench.import(None, "mood", "first").await;
    let mut lanes = bench.start(SupplyParts { patience: Duration::from_millis(50), ..bench.parts() });
    for _ in 0..2 {
        let Change::Serve(files, started) = lanes.next().await else { panic!("it is to be served") };
        assert_eq!(files.card.name, "mood");
        started.send(Err(RuntimeError::Missing { looked: Vec::new() })).unwrap();
    }
    lanes.served().await;
    assert_eq!(bench.told().await, [("mood".to_owned(), None)]);
}

#[tokio::test]
async fn copies_that_are_left_from_before_are_removed() {
    let bench = Bench::new().await;
    let root = bench.data.path().join("registry");
    for left in ["models/0123", "models/.4567", "contents"] {
        std::fs::create_dir_all(root.join(left)).unwrap();
    }
    std::fs::write(root.join("contents/89ab"), "weights").unwrap();
    let _lanes = bench.start(bench.parts());
    until("they are gone", || count(&root.join("models")) + count(&root.join("contents")) == 0).await;
}

#[tokio::test]
async fn a_folder_that_a_lane_uses_is_there_until_it_has_left() {
    let bench = Bench::new().await;
    let first = bench.import(None, "mood", "first").await;
    let mut lanes = bench.start(bench.parts());
    let used = lanes.served().await;
    bench.import(None, "mood", "second").await;
    assert_eq!(lanes.stopped().await, "mood");
    let _second = lanes.served().await;
    bench.looks().await;
    assert!(used.root.join("model.onnx").is_file(), "it may be loaded again");
    drop(used);
    until("it is removed", || !bench.folder(first).exists()).await;
}

#[tokio::test]
async fn workers_of_one_machine_remove_nothing_that_another_has_fetched() {
    let bench = Bench::new().await;
    let slow = bench.slow(bench.digest("slow").await);
    bench.import(None, "slow", "slow").await;
    bench.store.forget_calls();
    let only = |name: &str| SupplyParts { wanted: vec![name.to_owned()], ..bench.parts() };
    let mut one = bench.start(only("slow"));
    until("it is fetched", || bench.store.calls("registered_files") == 1).await;
    let late = bench.import(None, "late", "late").await;
    let mut other = bench.start(only("late"));
    let files = other.served().await;
    drop(slow);
    let _slow = one.served().await;
    bench.looks().await;
    assert!(files.root.join("model.onnx").is_file());
    assert!(bench.folder(late).is_dir());
}

#[tokio::test]
async fn a_model_that_the_disk_has_no_room_for_is_not_fetched_and_tried_again() {
    let bench = Bench::new().await;
    let digest = bench.import(None, "mood", "first").await;
    bench.store.forget_calls();
    let patience = Duration::from_millis(20);
    let full = SupplyParts { reserve: Size::new(u64::MAX), patience, ..bench.parts() };
    let mut lanes = bench.start(full);
    until("it is tried again", || bench.store.calls("registered_files") >= 3).await;
    assert!(lanes.0.try_recv().is_err());
    assert_eq!(count(&bench.data.path().join("registry/contents")), 0);
    assert!(!bench.folder(digest).exists());
}
