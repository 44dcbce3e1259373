//! What every handler may touch.

use std::sync::Arc;

use forebay_shared::blobs::Blobs;
use forebay_shared::catalog::Catalog;
use forebay_shared::clock::{Clock, Timestamp};
use forebay_shared::entropy::Entropy;
use forebay_shared::events::Events;
use forebay_shared::fetch::{Fetcher, Guard};
use forebay_shared::handover::Filler;
use forebay_shared::id::Ids;
use forebay_shared::registry::Registrar;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Store;
use forebay_shared::webhook::Postman;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use crate::auth::Keyring;
use crate::config::ApiConfig;
use crate::follow::{Follower, Tail};
use crate::limits::Memory;
use crate::place::Places;
use crate::rates::Purses;
use crate::residency::Wishes;
use crate::room::Room;
use crate::routes::health::Probe;
use crate::seats::Seats;
use crate::submit::Door;
use crate::tally::Tallies;
use crate::works::Works;

/// Webhooks that are tested at once; each test may take as long as a receiver may.
const TESTS: usize = 16;

/// Whether callers must show a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody is the owner `default`, and keys are ignored.
    Open,
    /// The same for everybody on this machine; not for web pages that somebody on it looks at.
    Local,
    /// Everybody must show a key, but for what is public.
    Keys,
}

/// What the api is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Which models there are.
    pub catalog: Arc<Catalog>,
    /// Hands new jobs over.
    pub filler: Arc<Filler>,
    /// Tells when jobs end.
    pub events: Arc<dyn Events>,
    /// Where inputs and results are.
    pub blobs: Blobs,
    /// What is done with models.
    pub registrar: Registrar,
    /// Which addresses a URL may name.
    pub guard: Guard,
    /// Leads to the receivers of webhooks, for the test button.
    pub fetcher: Fetcher,
    /// Makes secrets.
    pub entropy: Arc<dyn Entropy>,
    /// How old what is cached is. Leases and retention go by the store's clock.
    pub clock: Arc<dyn Clock>,
    /// Makes ids of jobs and requests.
    pub ids: Ids,
    /// Renders metrics. `None`: this process collects none.
    pub metrics: Option<PrometheusHandle>,
    /// What runs beside the requests, and the stop.
    pub tasks: Tasks,
    /// Whether callers must show a key.
    pub access: Access,
}

/// What every handler may touch.
#[derive(Debug)]
pub struct State {
    /// The sections of the configuration.
    pub config: ApiConfig,
    /// What it was made of.
    pub parts: Parts,
    /// The one door to the store for new jobs.
    pub door: Door,
    /// Those who wait for jobs to end.
    pub follower: Follower,
    /// The one reader of the log of events.
    pub tail: Tail,
    /// Where jobs that wait stand.
    pub places: Places,
    /// Room for streams.
    pub seats: Seats,
    /// Keys that were seen lately.
    pub keyring: Arc<Keyring>,
    /// Who may bring more.
    pub room: Room,
    /// What is leased of everybody's limits.
    pub purses: Purses,
    /// Room for bodies.
    pub memory: Memory,
    /// What is being done with models.
    pub works: Works,
    /// What the object store said when it was last probed.
    pub probe: Probe,
    /// What owners' jobs have come to lately.
    pub tallies: Tallies,
    /// What calls wish of their models besides their work.
    pub wishes: Wishes,
    /// When this began.
    pub began: Timestamp,
    /// Brings the test button's messages.
    pub postman: Postman,
    /// Places for tests of webhooks.
    pub tests: Semaphore,
}

/// As handlers are given it.
pub type App = Arc<State>;

impl State {
    /// Starts what runs beside the requests.
    pub fn new(config: ApiConfig, parts: Parts) -> App {
        let keyring = Arc::new(Keyring::new(config.auth.key_cache.get()));
        let door = Door::open(&parts, &config.limits, keyring.clone());
        let follower = Follower::start(&parts);
        let tail = Tail::start(&parts, &follower);
        let places = Places::new(parts.store.clone(), parts.catalog.clone());
        let seats = Seats::new(&config.limits);
        let room = Room::new(config.limits.room());
        let memory = Memory::new(config.limits.bodies_in_memory);
        let purses = Purses::new(&parts);
        let wishes = Wishes::start(parts.store.clone(), parts.events.clone(), &parts.tasks);
        let began = parts.clock.now();
        let postman = Postman::new(parts.fetcher.clone(), &config.webhooks);
        Arc::new(Self {
            config,
            parts,
            door,
            follower,
            tail,
            places,
            seats,
            keyring,
            room,
            purses,
            memory,
            works: Works::default(),
            probe: Probe::default(),
            tallies: Tallies::default(),
            wishes,
            began,
            postman,
            tests: Semaphore::new(TESTS),
        })
    }
}
