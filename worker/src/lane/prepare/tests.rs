use forebay_shared::blobs::Blobs;
use forebay_shared::clock::ManualClock;
use forebay_shared::config::{FetchConfig, Size, Span};
use forebay_shared::events::LocalEvents;
use forebay_shared::fetch::Fetcher;
use forebay_shared::job::{Class, Cost, OWN_CRASHES, Output};
use forebay_shared::store::conformance::Ground;
use forebay_shared::store::{Route, Sqlite};
use forebay_shared::testing::no_moderation;
use serde_json::json;

use super::*;
use crate::cache::Cache;
use crate::lane::lines::LineSource;
use crate::lane::reader::Bounds;
use crate::lease::Board;
use crate::model::{ModelError, Runtime};
use crate::pipeline::Answer;
use crate::rate::Rates;
use crate::residence::Residence;
use crate::shelf::Shelf;

/// Says that it prepares, and then does not come back, as if it had taken the process down.
struct Deadly(mpsc::UnboundedSender<()>);

impl Pipeline for Deadly {
    type Prepared = ();
    type Tensors = ();
    type Engine = ();
    type Raw = ();

    fn read(_: &ModelFiles) -> Result<Self, ModelError> {
        unreachable!("the test brings its own")
    }

    fn load(_: &ModelFiles, _: Option<&Runtime>) -> Result<(), ModelError> {
        Ok(())
    }

    fn prepare(&self, _: Material, _: Params) -> Result<(), Failure> {
        self.0.send(()).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        Ok(())
    }

    fn length((): &()) -> u32 {
        1
    }

    fn collate(&self, _: &[&()]) -> Result<(), Failure> {
        Ok(())
    }

    fn run((): &mut (), (): &()) -> Result<Vec<()>, Failure> {
        Ok(Vec::new())
    }

    fn finish(&self, (): (), (): ()) -> Result<Answer, Failure> {
        Ok(Output::Echo { echo: json!(null) }.into())
    }
}

fn parts(ground: &Ground) -> LaneParts {
    let second = Span::new(Duration::from_secs(1));
    let fetch = FetchConfig { allow: Vec::new(), timeout: second, max_redirects: 0, max_bytes: Size::new(1) };
    let bounds =
        Bounds { fetches: 1, processors: 1, memory: Size::new(1 << 20), largest_file: Size::new(1 << 10) };
    let lines = LineSource { store: ground.store.clone(), moderation: Arc::new(no_moderation()) };
    LaneParts {
        residence: Residence::new(0, 0),
        warm_up: false,
        keep_alive: None,
        reader: Reader::new(Blobs::in_memory(), Fetcher::new(&fetch), lines, bounds),
        runtime: None,
        quarantine: Quarantine::new(ground.store.clone()),
        events: Arc::new(LocalEvents::new()),
        settle: mpsc::channel(1).0,
        hold: 2,
        shelf: Shelf { blobs: Blobs::in_memory(), board: Board::default(), cache: Cache::off() },
        rates: Rates::default(),
        tasks: Tasks::new(),
    }
}

/// What crashes while it is prepared must be found like what crashes while it runs, or it would take down one worker
/// after the other for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_the_worker_down_while_it_is_prepared_is_convicted() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, tasks) = (ManualClock::default(), Tasks::new());
    let store = Sqlite::open(&folder.path().join("forebay.db"), Arc::new(clock.clone()), &tasks).await;
    let ground = Ground::new(Arc::new(store.unwrap()), clock);
    let id = ground.submitted(1).await[0];
    let route = Route { model: "echo".to_owned(), class: Class::Interactive };
    let mut crashes = 0;
    loop {
        let worker = ground.worker().await;
        let claimed = ground.store.claim(worker, &[id]).await.unwrap().remove(0);
        let (begun, mut begins) = mpsc::unbounded_channel();
        let (ready, mut sent) = mpsc::channel(8);
        let preparer = Preparer::<Deadly>::new(ModelFiles::echo(), &parts(&ground), ready);
        preparer.0.pipeline.set(Arc::new(Deadly(begun))).ok().unwrap();
        preparer.begin(claimed);
        tokio::select! {
            begun = begins.recv() => assert_eq!(begun, Some(())),
            batch = sent.recv() => {
                let (_, outcome, _) = batch.unwrap().items.remove(0);
                let Step::Ended(Err(failure)) = outcome else { panic!("it does not run again") };
                assert_eq!(failure.code, FailureCode::WorkerCrashed);
                break;
            }
        }
        crashes += 1;
        assert!(crashes < 10, "the item is never convicted");
        ground.store.bury("here").await.unwrap();
        assert_eq!(ground.store.reap().await.unwrap().jobs, 1);
        ground.store.due(&route, Cost::new(1000), 10).await.unwrap();
    }
    assert_eq!(crashes, u32::from(OWN_CRASHES) + 2);
}

/// A name may pass from one owner to another while jobs for it wait: the claim does not know, the lane does.
#[tokio::test]
async fn an_owners_model_does_nobody_elses_job() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, tasks) = (ManualClock::default(), Tasks::new());
    let store = Sqlite::open(&folder.path().join("forebay.db"), Arc::new(clock.clone()), &tasks).await;
    let ground = Ground::new(Arc::new(store.unwrap()), clock);
    for (owner, begins) in [(None, true), (Some("alice"), true), (Some("bob"), false)] {
        let (_, claimed) = ground.claimed().await;
        let mut model = ModelFiles::echo();
        model.card.owner = owner.map(str::to_owned);
        let (begun, mut heard) = mpsc::unbounded_channel();
        let (ready, mut sent) = mpsc::channel(8);
        let preparer = Preparer::<Deadly>::new(model, &parts(&ground), ready);
        preparer.0.pipeline.set(Arc::new(Deadly(begun))).ok().unwrap();
        preparer.begin(claimed);
        let (_, outcome, _) = sent.recv().await.unwrap().items.remove(0);
        assert_eq!(heard.try_recv().is_ok(), begins, "alice's job on the model of {owner:?}");
        if let Step::Ended(Err(failure)) = outcome {
            assert_eq!((failure.code, failure.retryable), (FailureCode::ModelUnavailable, true));
            assert!(!begins, "{failure:?}");
        }
    }
}
