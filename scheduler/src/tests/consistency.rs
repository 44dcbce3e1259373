//! No object without a row, and no row without its object, whatever happened before.
//!
//! A seeded life: jobs with inputs in objects, results in shared segments, media; files of their own objects and of ranges
//! of results, uploads in parts; models of shared files; deletions, expiries, and deaths between any two steps. Then every
//! object and every row is read. Whoever gives rows objects of another kind adds where those stand to [`NAMED`], and what happens to them to [`Life::step`].

use std::collections::{BTreeMap, BTreeSet};
#[cfg(feature = "services")]
use std::path::Path;

use forebay_shared::cache::{self, CacheKey};
use forebay_shared::config::{BlobConfig, Secret};
use forebay_shared::entropy::{Entropy, SeededEntropy};
use forebay_shared::file::{self, FileStatus, NewFile, NewPart, NewUpload, Piece, Purpose};
use forebay_shared::id::{FileId, Ids};
use forebay_shared::job::{ItemsAt, Keep, MediaFile, NewJob, ResultAt, Settlement};
use forebay_shared::segment;
use forebay_shared::store::{KeptAt, NewKept, NewSegment, Settled};
use futures::TryStreamExt;
use serde_json::Value;

use super::*;

/// What happens in one life.
const STEPS: usize = 200;
/// Where rows name objects: as a text, as a list of texts, or as a list of objects with a `key`.
const NAMED: [&str; 9] = [
    "select items_blob from jobs where items_blob is not null",
    "select cast(blobs as text) from jobs",
    "select cast(files as text) from jobs",
    "select segment from jobs where segment is not null",
    "select key from segments",
    "select object from file_pieces",
    "select object from upload_parts",
    "select object from cached where object is not null",
    "select object from registry_contents",
];
/// What is still to be done to objects.
const UNDONE: [&str; 2] = ["select key from garbage", "select segment from blanks"];

/// The rows, read past the store.
enum Rows {
    Sqlite(sqlx::SqlitePool),
    #[cfg(feature = "services")]
    Postgres(sqlx::PgPool),
}

impl Rows {
    async fn texts(&self, statement: &'static str) -> Vec<String> {
        match self {
            Self::Sqlite(pool) => sqlx::query_scalar(statement).fetch_all(pool).await.unwrap(),
            #[cfg(feature = "services")]
            Self::Postgres(pool) => sqlx::query_scalar(statement).fetch_all(pool).await.unwrap(),
        }
    }

    /// Every object that any row names.
    async fn named(&self) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        for statement in NAMED {
            for text in self.texts(statement).await {
                match serde_json::from_str(&text) {
                    Ok(Value::Array(values)) => named.extend(values.iter().map(|value| {
                        let key = if value.is_object() { &value["key"] } else { value };
                        key.as_str().expect("an object has a key").to_owned()
                    })),
                    _ => drop(named.insert(text)),
                }
            }
        }
        named
    }
}

/// A life that is being lived.
struct Life {
    bench: Bench,
    rows: Rows,
    entropy: SeededEntropy,
    jobs: Vec<JobId>,
    results: BTreeMap<JobId, Vec<u8>>,
    /// What files say, and the job whose result they name.
    files: BTreeMap<FileId, (Vec<u8>, Option<JobId>)>,
    /// Jobs whose results somebody has deleted: they are blank for all who name them.
    blanked: BTreeSet<JobId>,
}

/// How far a worker gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Until {
    Claimed,
    Media,
    Segment,
    Lapsed,
    Settled,
    Retired,
}

impl Life {
    fn new(bench: Bench, rows: Rows, seed: u64) -> Self {
        Self {
            bench,
            rows,
            entropy: SeededEntropy::new(seed),
            jobs: Vec::new(),
            results: BTreeMap::new(),
            files: BTreeMap::new(),
            blanked: BTreeSet::new(),
        }
    }

    fn pick(&self, of: usize) -> usize {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % of as u64).unwrap()
    }

    fn some_job(&self) -> Option<JobId> {
        (!self.jobs.is_empty()).then(|| self.jobs[self.pick(self.jobs.len())])
    }

    async fn put(&self, key: &str, bytes: &[u8]) {
        self.bench.blobs.put(key, Bytes::copy_from_slice(bytes)).await.unwrap();
    }

    async fn step(&mut self) {
        match self.pick(18) {
            0..=2 => self.submit().await,
            3..=5 => self.work().await,
            6 => self.delete().await,
            7 => self.cancel().await,
            8 => self.give_up_an_upload().await,
            9 => self.keep_a_file().await,
            10 => self.upload_in_parts().await,
            11 => self.delete_a_file().await,
            12 => self.bench.ground.clock.advance(Duration::from_secs(self.pick(40 * 60) as u64)),
            13 => self.bench.chores.clone().retain().await,
            14 => self.keep_answers().await,
            15 => self.bring_a_model_in().await,
            16 => drop(self.bench.ground.store.trim_cached(self.pick(200) as u64, 3).await.unwrap()),
            _ => {
                self.bench.chores.clone().repair().await;
                self.bench.chores.clone().sweep().await;
            }
        }
    }

    /// A job of some shape; or its objects only, because the api died before the row.
    async fn submit(&mut self) {
        let mut job = self.bench.ground.job();
        job.keep = Keep::all(if self.pick(2) == 0 { HOUR / 2 } else { HOUR * 24 * 30 });
        if self.pick(2) == 0 {
            let key = |name: &str| format!("inputs/{}/{name}", job.id);
            job.blobs = vec![key("items"), key("0"), key("1")];
            job.items = ItemsAt::Blob(key("items"));
            for key in &job.blobs {
                self.put(key, b"an input").await;
            }
            if self.pick(4) == 0 {
                return;
            }
        }
        self.jobs.push(job.id);
        self.bench.ground.store.submit(&[NewJob { published: true, ..job }]).await.unwrap();
    }

    /// A worker that claims what there is and gets this far.
    async fn work(&mut self) {
        self.bench.chores.clone().fill().await;
        let until = [
            Until::Claimed,
            Until::Media,
            Until::Segment,
            Until::Lapsed,
            Until::Settled,
            Until::Retired,
            Until::Retired,
            Until::Retired,
        ][self.pick(8)];
        let worker = self.bench.ground.worker().await;
        let wanted: Vec<JobId> = self.jobs.iter().rev().take(1 + self.pick(8)).copied().collect();
        let claimed = self.bench.ground.store.claim(worker, &wanted).await.unwrap();
        if until == Until::Claimed {
            return;
        }
        let (mut builder, mut settlements) = (SegmentBuilder::default(), Vec::new());
        for claim in &claimed {
            settlements.push(self.settlement(worker, claim, &mut builder).await);
        }
        if until == Until::Media {
            return;
        }
        let (segment, bytes) = builder.finish(worker, 1);
        let segment = (!bytes.is_empty()).then_some(segment);
        if let Some(NewSegment { key, .. }) = &segment {
            self.put(key, &bytes).await;
        }
        if until == Until::Segment {
            return;
        }
        if until == Until::Lapsed {
            self.bench.ground.clock.advance(LIFE);
            self.bench.chores.clone().repair().await;
        }
        let settled = self.bench.ground.store.settle(worker, &settlements, segment.as_ref()).await.unwrap();
        for (settled, settlement) in settled.iter().zip(&settlements) {
            if let (Settled::Done { id, .. }, Some((offset, length))) = (settled, settlement.range) {
                let (from, until) =
                    (usize::try_from(offset).unwrap(), usize::try_from(offset + length).unwrap());
                self.results.insert(*id, bytes[from..until].to_vec());
            }
        }
        if until == Until::Retired {
            self.bench.ground.store.retire(worker).await.unwrap();
        }
    }

    /// How one attempt ends, with a result and media or without.
    async fn settlement(
        &self,
        worker: WorkerId,
        claim: &Claimed,
        builder: &mut SegmentBuilder,
    ) -> Settlement {
        let ending = match self.pick(6) {
            0 => Ending::Retry(forebay_shared::store::conformance::away(), Duration::from_secs(1)),
            1 => Ending::Failed(forebay_shared::store::conformance::away()),
            _ => Ending::Succeeded,
        };
        let mut settlement = ended(claim, ending);
        if settlement.range.is_some() {
            settlement.range = Some(builder.push(format!("the result of {}", claim.id).as_bytes()));
            if self.pick(3) == 0 {
                let key = format!("media/{worker}/{}/0", claim.id);
                self.put(&key, b"a picture").await;
                let content_type = "image/png".to_owned();
                settlement.files = vec![MediaFile { item: 0, key, content_type, bytes: 9 }];
            }
        }
        settlement
    }

    /// The api deletes a job; it may die before it has removed its bytes.
    async fn delete(&mut self) {
        let Some(id) = self.some_job() else { return };
        let job = self.bench.ground.store.job("alice", id).await.unwrap();
        if self.bench.ground.store.delete("alice", id).await.unwrap() != DeleteOutcome::Deleted {
            return;
        }
        self.blanked.insert(id);
        if let Some(at) = job.and_then(|job| job.result)
            && self.pick(2) == 0
        {
            segment::clean(self.bench.ground.store.as_ref(), &self.bench.blobs, &at.segment).await.unwrap();
        }
    }

    async fn cancel(&mut self) {
        if let Some(id) = self.some_job() {
            self.bench.ground.store.cancel("alice", id).await.unwrap();
        }
    }

    /// Large answers of one settlement.
    async fn keep_answers(&mut self) {
        let (worker, number) = (self.bench.ground.ids.worker(), self.pick(1000));
        let object = format!("{}/{worker}/{number}", cache::FOLDER);
        self.put(&object, &[b'7'; 30]).await;
        if self.pick(4) == 0 {
            // The worker died before the rows, or the database was away.
            return;
        }
        // Some stand there already; if all do, whoever wrote the object is to remove it, and may die before.
        let answers: Vec<_> = (0..3)
            .map(|place| NewKept {
                owner: "alice".to_owned(),
                key: CacheKey([u8::try_from(self.pick(40)).unwrap(); 32]),
                at: KeptAt::Object { key: object.clone(), offset: place * 10, length: 10 },
            })
            .collect();
        let life = HOUR * u32::try_from(1 + self.pick(20)).unwrap();
        self.bench.ground.store.keep_cached(&answers, life).await.unwrap();
    }

    /// A model of some of a few files; or some of these only, because whoever brought it in died. Or one is deleted.
    async fn bring_a_model_in(&mut self) {
        let (ids, store) = (self.bench.ground.ids.clone(), self.bench.ground.store.clone());
        let name = format!("model-{}", self.pick(4));
        if self.pick(3) == 0 {
            store.delete_model(None, &name).await.unwrap();
            return;
        }
        let mut files = Vec::new();
        for path in ["a", "b"] {
            let digest = ContentDigest([u8::try_from(self.pick(6)).unwrap(); 32]);
            files.push(ModelFile { path: path.to_owned(), digest, bytes: 7 });
            if !store.touch_contents(&[digest]).await.unwrap().is_empty() {
                continue;
            }
            let content = Content::at(digest, ids.uuid(), 7);
            self.put(&content.object, b"weights").await;
            if self.pick(5) == 0 {
                return;
            }
            store.record_content(&content).await.unwrap();
            if self.pick(5) == 0 {
                return;
            }
        }
        store
            .put_model(&NewModel { owner: None, name, source: "test".to_owned(), files, card: None })
            .await
            .unwrap();
    }

    /// A body that is streamed into an object and then given up, by its client or by the api's death.
    async fn give_up_an_upload(&mut self) {
        let id = self.bench.ground.ids.job();
        let mut writer = self.bench.blobs.writer(&format!("inputs/{id}/0"));
        writer.write(Bytes::from_static(b"half a picture")).await.unwrap();
        if self.pick(2) == 0 {
            writer.abort().await;
        }
    }

    /// A file of an object of its own and, if there is one, of a job's result; or the object only.
    async fn keep_a_file(&mut self) {
        let id = self.bench.ground.ids.file();
        let own = format!("{}/{}", file::FOLDER, id.0);
        let (mut pieces, mut content) = (vec![Piece::own(&own, 6)], b"lines\n".to_vec());
        self.put(&own, &content).await;
        if self.pick(4) == 0 {
            return;
        }
        let mut named = None;
        if let Some(job) = self.some_job()
            && let Some(at) = self.result_of(job).await
        {
            pieces.push(Piece::of_segment(at.segment, at.offset, at.length));
            content.extend_from_slice(&self.results[&job]);
            named = Some(job);
        }
        let file = NewFile {
            id,
            owner: "alice".to_owned(),
            filename: "lines.jsonl".to_owned(),
            purpose: Purpose::Batch,
            status: FileStatus::Processed,
            pieces,
            // A file that expires takes its ranges along, as one that is deleted; so those stay until they are.
            life: [None, Some(HOUR / 2)][self.pick(2)].filter(|_| named.is_none()),
        };
        self.bench.ground.store.create_file(&file, None).await.unwrap();
        self.files.insert(id, (content, named));
    }

    /// An upload of up to three parts that is completed with one of them, given up, or forgotten.
    async fn upload_in_parts(&mut self) {
        let (ids, store) = (self.bench.ground.ids.clone(), self.bench.ground.store.clone());
        let upload = NewUpload {
            id: ids.upload(),
            owner: "alice".to_owned(),
            filename: "lines.jsonl".to_owned(),
            purpose: Purpose::Batch,
            bytes: 6,
            mime_type: "text/jsonl".to_owned(),
            file_life: None,
            life: HOUR / 2,
        };
        store.create_upload(&upload).await.unwrap();
        let mut added = Vec::new();
        for _ in 0..self.pick(4) {
            let id = ids.part();
            let object = format!("{}/{}", file::FOLDER, id.0);
            self.put(&object, b"lines\n").await;
            if self.pick(5) == 0 {
                return;
            }
            let part = NewPart { id, upload: upload.id, object, bytes: 6 };
            store.add_part("alice", &part, 100, None).await.unwrap();
            added.push(id);
        }
        match (self.pick(3), added.first()) {
            (0, Some(first)) => {
                let file = ids.file();
                store.complete_upload("alice", upload.id, &[*first], file).await.unwrap();
                self.files.insert(file, (b"lines\n".to_vec(), None));
            }
            (1, _) => drop(store.cancel_upload("alice", upload.id).await.unwrap()),
            _ => {}
        }
    }

    async fn delete_a_file(&mut self) {
        let files: Vec<_> = self.files.keys().copied().collect();
        if !files.is_empty() {
            let id = files[self.pick(files.len())];
            self.blanked.extend(self.files[&id].1);
            self.bench.ground.store.delete_file("alice", id).await.unwrap();
        }
    }

    async fn result_of(&self, id: JobId) -> Option<ResultAt> {
        self.bench.ground.store.job("alice", id).await.unwrap()?.result
    }

    /// Everybody who may still write is gone, and everything that is old enough is removed.
    async fn settle_down(&self) {
        let ground = &self.bench.ground;
        ground.clock.advance(HOUR * 2);
        for _ in 0..3 {
            self.bench.chores.clone().repair().await;
            self.bench.chores.clone().retain().await;
            self.bench.chores.clone().sweep().await;
        }
    }

    async fn objects(&self) -> BTreeSet<String> {
        self.bench.blobs.list("").map_ok(|entry| entry.key).try_collect().await.unwrap()
    }

    /// Reads every object and every row.
    async fn assert_consistent(&self) {
        let (objects, named) = (self.objects().await, self.rows.named().await);
        let without_a_row: Vec<_> = objects.difference(&named).collect();
        let without_an_object: Vec<_> = named.difference(&objects).collect();
        assert!(without_a_row.is_empty(), "objects without a row: {without_a_row:#?}");
        assert!(without_an_object.is_empty(), "rows without an object: {without_an_object:#?}");
        for statement in UNDONE {
            assert_eq!(self.rows.texts(statement).await, [""; 0], "{statement}");
        }
        for id in self.jobs.iter().filter(|id| !self.blanked.contains(id)) {
            let Some(at) = self.result_of(*id).await else { continue };
            let read = self.bench.blobs.range(&at.segment, at.offset..at.offset + at.length).await.unwrap();
            assert_eq!(&read, &self.results[id], "the neighbours' deletion takes nothing of a result");
        }
        for (id, (expected, named)) in &self.files {
            if named.is_some_and(|job| self.blanked.contains(&job)) {
                continue;
            }
            let Some((_, pieces)) = self.bench.ground.store.content("alice", *id).await.unwrap() else {
                continue;
            };
            let mut content = Vec::new();
            for piece in pieces {
                let range = piece.offset..piece.offset + piece.length;
                content.extend_from_slice(&self.bench.blobs.range(&piece.object, range).await.unwrap());
            }
            assert_eq!(&content, expected, "what a file names stays as long as the file");
        }
    }
}

async fn no_object_is_without_a_row_and_no_row_without_its_object(mut life: Life) {
    let mut steps = 0;
    // What happens depends on the hour at which a life begins, so some need longer than others until much has happened.
    while steps < STEPS || life.results.len() <= 5 || life.files.len() <= 2 {
        assert!(steps < 10 * STEPS, "little happens in {steps} steps");
        life.step().await;
        steps += 1;
    }
    life.settle_down().await;
    life.assert_consistent().await;
    // In the end all is past its retention, and nothing at all is left.
    for id in life.jobs.clone() {
        life.bench.ground.store.cancel("alice", id).await.unwrap();
    }
    for id in life.files.keys() {
        life.bench.ground.store.delete_file("alice", *id).await.unwrap();
    }
    for model in life.bench.ground.store.all_registered().await.unwrap() {
        life.bench.ground.store.delete_model(None, &model.name).await.unwrap();
    }
    life.bench.ground.clock.advance(HOUR * 24 * 60);
    life.settle_down().await;
    life.assert_consistent().await;
    assert_eq!((life.objects().await, life.rows.named().await), (BTreeSet::new(), BTreeSet::new()));
}

/// SQLite and local files.
async fn embedded(seed: u64) -> Life {
    let folder = tempfile::tempdir().unwrap();
    let (clock, tasks) = (ManualClock::at(SystemClock.now()), Tasks::new());
    let file = folder.path().join("forebay.db");
    let store = Sqlite::open(&file, Arc::new(clock.clone()), &tasks).await.unwrap();
    let here = BlobConfig {
        url: String::new(),
        endpoint: String::new(),
        region: String::new(),
        access_key_id: String::new(),
        secret_access_key: Secret::new(""),
        allow_http: false,
        timeout: Span::new(Duration::from_secs(5)),
        signed_urls: false,
        signed_url_life: Span::new(Duration::from_mins(5)),
        public_endpoint: String::new(),
    };
    let blobs = Blobs::open(&here, &folder.path().join("blobs")).unwrap();
    let rows =
        Rows::Sqlite(sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap());
    let ground = seeded(Ground::new(Arc::new(store), clock.clone()), seed);
    Life::new(Bench::on(ground, blobs, folder).await, rows, seed)
}

/// Other ids for each seed, so that lives in one bucket do not meet.
fn seeded(ground: Ground, seed: u64) -> Ground {
    let ids = Ids::new(Arc::new(ground.clock.clone()), Arc::new(SeededEntropy::new(seed)));
    Ground { ids, ..ground }
}

/// Postgres and S3.
#[cfg(feature = "services")]
async fn fleet(seed: u64) -> Life {
    use forebay_shared::store::Postgres;
    use forebay_shared::testing::Services;
    let services = Services::running();
    let (database, clock) = (services.database().await, ManualClock::at(SystemClock.now()));
    Postgres::migrate(&database).await.unwrap();
    let store = Postgres::with_clock(&database, Arc::new(clock.clone())).await.unwrap();
    let blobs = Blobs::open(&services.blobs(), Path::new(".")).unwrap();
    let rows = Rows::Postgres(sqlx::PgPool::connect(database.url.expose()).await.unwrap());
    let ground = seeded(Ground::new(Arc::new(store), clock), seed);
    Life::new(Bench::on(ground, blobs, tempfile::tempdir().unwrap()).await, rows, seed)
}

macro_rules! lives {
    ($($name:ident = $seed:literal),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                no_object_is_without_a_row_and_no_row_without_its_object(embedded($seed).await).await;
                #[cfg(feature = "services")]
                no_object_is_without_a_row_and_no_row_without_its_object(fleet($seed).await).await;
            }
        )+
    };
}

lives! {
    objects_and_rows_agree_after_a_life = 1,
    objects_and_rows_agree_after_another_life = 2,
    objects_and_rows_agree_after_a_third_life = 3,
}
