use super::*;
use crate::clock::ManualClock;
use crate::config::ModelConfig;
use crate::events::LocalEvents;
use crate::id::{JobId, WorkerId};
use crate::job::{Class, Kind, NewJob};
use crate::queue::{Consumer, LocalQueue, Queue};
use crate::store::Sqlite;
use crate::store::conformance::Ground;
use crate::testing::{Watched, card};

/// Jobs that fill half a window each, so that each that is claimed makes room for one more.
const JOBS: usize = 60;

fn route() -> Route {
    Route { model: "echo".into(), class: Class::Interactive }
}

/// Two replicas before one store, one queue, and jobs that wait.
struct Scene {
    ground: Ground,
    replicas: Vec<(Arc<Watched>, Tasks)>,
    line: Box<dyn Consumer>,
    events: LocalEvents,
    worker: WorkerId,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::default());
        let file = folder.path().join("forebay.db");
        let store = Sqlite::open(&file, Arc::new(clock.clone()), &Tasks::new()).await.unwrap();
        let ground = Ground::new(Arc::new(store), clock);
        ground.store.announce(&[card("echo", Kind::Echo)]).await.unwrap();
        let worker = ground.worker().await;
        let job = || NewJob { cost: Cost::new(64), published: false, ..ground.job() };
        let jobs: Vec<_> = (0..JOBS).map(|_| job()).collect();
        ground.store.submit(&jobs).await.unwrap();
        let (queue, events) = (LocalQueue::new(), LocalEvents::new());
        let replica = || {
            let (store, tasks) = (Arc::new(Watched::new(ground.store.clone())), Tasks::new());
            let catalog = Arc::new(Catalog::new(store.clone(), ModelConfig::default()));
            let filler = Filler::new(store.clone(), catalog, Arc::new(queue.clone()), tasks.clone());
            tasks.spawn("fill", filler.run(Arc::new(events.clone())));
            (store, tasks)
        };
        let replicas = vec![replica(), replica()];
        let line = queue.consume(&route(), 1).await.unwrap();
        Self { ground, replicas, line, events, worker, _folder: folder }
    }

    /// Takes so many jobs one by one, as a worker does, and says each time that there is room.
    async fn take(&mut self, jobs: usize) {
        for _ in 0..jobs {
            let delivery = loop {
                match tokio::time::timeout(Duration::from_secs(1), self.line.receive(1)).await {
                    Ok(delivery) => break delivery.unwrap(),
                    Err(_) => self.repair().await,
                }
            };
            let ids: Vec<JobId> = delivery.messages.iter().map(|message| message.job_id).collect();
            assert_eq!(self.ground.store.claim(self.worker, &ids).await.unwrap().len(), 1);
            self.line.ack(delivery).await.unwrap();
            self.events.announce(Event::Room(route())).await;
        }
    }

    /// Finds what a replica had marked when it died, and not published yet, as the scheduler does.
    async fn repair(&self) {
        self.ground.clock.advance(OVERDUE + Duration::from_millis(1));
        self.ground.store.recover(&route(), OVERDUE, 0).await.unwrap();
        self.events.announce(Event::Room(route())).await;
    }

    fn looks(&self) -> usize {
        self.replicas.iter().map(|(store, _)| store.calls("due")).sum()
    }
}

#[tokio::test]
async fn of_two_replicas_that_hear_of_room_one_goes_on_to_look() {
    let mut scene = Scene::new().await;
    scene.take(JOBS).await;
    let looks = scene.looks();
    assert!(looks < JOBS * 3 / 2, "{looks} looks");
}

#[tokio::test]
async fn whichever_replica_goes_the_other_hands_everything_over() {
    for gone in 0..2 {
        let mut scene = Scene::new().await;
        scene.take(JOBS / 2).await;
        scene.replicas[gone].1.halt();
        scene.take(JOBS / 2).await;
    }
}
