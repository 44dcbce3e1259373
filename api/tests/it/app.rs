//! The api as tests hold it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use forebay_api::{
    Access, ApiConfig, AuthConfig, AuthMode, ByOutcome, EmotionConfig, FileConfig, HttpConfig, LimitConfig,
    OllamaConfig, Parts, ProxyHeader, RateConfig, RetentionConfig, TaskConfig, TeiConfig, router,
};
use forebay_shared::apikey;
use forebay_shared::blobs::Blobs;
use forebay_shared::catalog::Catalog;
use forebay_shared::clock::{Clock, ManualClock};
use forebay_shared::config::{
    BlobConfig, FetchConfig, ModelConfig, ModerationConfig, RegistryConfig, Secret, Size, Span, WebhookConfig,
};
use forebay_shared::entropy::OsEntropy;
use forebay_shared::events::LocalEvents;
use forebay_shared::fetch::{Fetcher, Guard};
use forebay_shared::handover::Filler;
use forebay_shared::id::{Ids, JobId};
use forebay_shared::job::{Job, Kind};
use forebay_shared::model::ModelCard;
use forebay_shared::queue::LocalQueue;
use forebay_shared::registry::Registrar;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::{Jobs, KeyLimits, Keys, Models, NewKey, Scope, Sqlite, Store};
use forebay_shared::testing::{
    Watched, bulk_config, cache_config, card, fixed_ids, registrar, registry_config,
};
use serde_json::Value;
use tower::ServiceExt;

use crate::worker::Worker;

/// The owner of everything while no keys are asked for.
pub const OWNER: &str = forebay_api::DEFAULT_OWNER;

/// The api, and what it stands on.
pub struct TestApp {
    pub router: Router,
    pub parts: Parts,
    pub config: ApiConfig,
    pub store: Arc<Watched>,
    pub clock: ManualClock,
    pub queue: LocalQueue,
    pub blobs: Blobs,
    pub ids: Ids,
    folder: tempfile::TempDir,
}

/// What a test wants otherwise.
pub struct Builder {
    access: Access,
    config: ApiConfig,
    metrics: Option<metrics_exporter_prometheus::PrometheusHandle>,
    blobs: Blobs,
    fetch: FetchConfig,
    cards: Vec<ModelCard>,
    models: ModelConfig,
    registry: RegistryConfig,
}

/// The defaults of `cli/config.default.toml`, but for limits that a test would not like to reach.
pub fn config() -> ApiConfig {
    ApiConfig {
        api: HttpConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            stop_timeout: Span::new(Duration::from_secs(5)),
            body_timeout: Span::new(Duration::from_secs(30)),
            upload_timeout: Span::new(Duration::from_mins(30)),
            keep_alive: Span::new(Duration::from_secs(15)),
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::XForwardedFor,
        },
        auth: AuthConfig {
            mode: AuthMode::Auto,
            key_cache: Span::new(Duration::from_secs(5)),
            bootstrap_key: Secret::new(""),
        },
        limits: LimitConfig {
            max_body: Size::new(4 << 20),
            max_upload: Size::new(64 << 20),
            bodies_in_memory: Size::new(256 << 20),
            max_items: 8,
            max_image_bytes: Size::new(25 << 20),
            max_image_pixels: 10_000,
            inline_input: Size::new(16 << 10),
            max_wait: Span::new(Duration::from_mins(1)),
            max_schedules: 3,
            schedule_interval: Span::new(Duration::from_secs(10)),
            max_attempts: 3,
            max_queued_jobs: 1_000_000,
            max_queued_jobs_per_owner: 1_000_000,
            max_queued_batches: 1_000_000,
            max_queued_batches_per_owner: 1_000_000,
            max_streams: 4,
            max_streams_per_owner: 3,
            owner_storage: Size::new(0),
        },
        rate_limits: RateConfig::default(),
        retention: RetentionConfig {
            jobs: Span::new(Duration::from_hours(168)),
            interactive: ByOutcome::default(),
            bulk: ByOutcome::default(),
            min: Span::new(Duration::from_mins(1)),
            max: Span::new(Duration::from_hours(24 * 90)),
            owners: BTreeMap::new(),
            synchronous: Span::new(Duration::from_hours(1)),
            idempotency_keys: Span::new(Duration::from_hours(24)),
            events: Span::new(Duration::from_hours(24)),
        },
        moderation: ModerationConfig {
            model: "emotion".to_owned(),
            threshold: 0.5,
            categories: [("sad".to_owned(), "gloom".to_owned())].into(),
        },
        tasks: TaskConfig { model: "net".to_owned() },
        emotion: EmotionConfig { models: [("A001".to_owned(), "emotion".to_owned())].into() },
        files: FileConfig {
            max_size: Size::new(32 << 20),
            batch_max_size: Size::new(24 << 20),
            upload_max_size: Size::new(64 << 20),
            part_max_size: Size::new(8 << 20),
            upload_life: Span::new(Duration::from_hours(1)),
            batch_life: Span::new(Duration::from_hours(720)),
        },
        bulk: bulk_config(),
        webhooks: WebhookConfig {
            https_only: false,
            public_url: String::new(),
            max_endpoints: 3,
            inline_result: Size::new(16 << 10),
            timeout: Span::new(Duration::from_secs(2)),
            schedule: vec![Span::new(Duration::from_secs(5))],
            jitter: 0.2,
            throttle: Span::new(Duration::from_mins(1)),
            disable_after: Span::new(Duration::from_hours(120)),
            rotation: Span::new(Duration::from_hours(24)),
            concurrency: 64,
            per_owner: 16,
            per_receiver: 4,
            lease: Span::new(Duration::from_mins(1)),
            kept_answer: Size::new(1024),
            keep: Span::new(Duration::from_hours(336)),
        },
        cache: cache_config(),
        ollama: OllamaConfig { listen: String::new(), stream_default: true },
        tei: TeiConfig {
            embed: "minilm".to_owned(),
            predict: "emotion".to_owned(),
            rerank: "ranker".to_owned(),
            similarity: "twin".to_owned(),
        },
    }
}

/// No private network is permitted.
fn fetch() -> FetchConfig {
    FetchConfig {
        allow: Vec::new(),
        timeout: Span::new(Duration::from_secs(5)),
        max_redirects: 3,
        max_bytes: Size::new(1 << 20),
    }
}

/// The models that every test finds.
fn cards() -> Vec<ModelCard> {
    let mut embedding = card("minilm", Kind::TextEmbedding);
    embedding.prompts = vec!["query".to_owned(), "passage".to_owned()];
    embedding.dimensions = Some(384);
    let mut emotion = card("emotion", Kind::TextClassification);
    emotion.labels = vec!["happy".to_owned(), "sad".to_owned()];
    let mut long = card("acme/words:v1.5", Kind::TextEmbedding);
    long.aliases = vec!["words".to_owned()];
    let mut pictures = card("net", Kind::ImageClassification);
    pictures.max_tokens = None;
    let mut things = card("finder", Kind::ObjectDetection);
    things.max_tokens = None;
    vec![long, card("echo", Kind::Echo), embedding, emotion, pictures, things]
}

impl Builder {
    /// One more model is served.
    pub fn serving(mut self, card: ModelCard) -> Self {
        self.cards.push(card);
        self
    }

    pub fn keys(mut self) -> Self {
        self.access = Access::Keys;
        self
    }

    /// Keys are asked for, and remembered for this long.
    pub fn keys_for(mut self, known: Duration) -> Self {
        self.config.auth.key_cache = Span::new(known);
        self.keys()
    }

    pub fn local(mut self) -> Self {
        self.access = Access::Local;
        self
    }

    pub fn limits(mut self, change: impl FnOnce(&mut LimitConfig)) -> Self {
        change(&mut self.config.limits);
        self
    }

    pub fn moderation(mut self, change: impl FnOnce(&mut ModerationConfig)) -> Self {
        change(&mut self.config.moderation);
        self
    }

    pub fn tasks(mut self, change: impl FnOnce(&mut TaskConfig)) -> Self {
        change(&mut self.config.tasks);
        self
    }

    pub fn ollama(mut self, change: impl FnOnce(&mut OllamaConfig)) -> Self {
        change(&mut self.config.ollama);
        self
    }

    pub fn tei(mut self, change: impl FnOnce(&mut TeiConfig)) -> Self {
        change(&mut self.config.tei);
        self
    }

    pub fn emotion(mut self, change: impl FnOnce(&mut EmotionConfig)) -> Self {
        change(&mut self.config.emotion);
        self
    }

    pub fn http(mut self, change: impl FnOnce(&mut HttpConfig)) -> Self {
        change(&mut self.config.api);
        self
    }

    pub fn rates(mut self, change: impl FnOnce(&mut RateConfig)) -> Self {
        change(&mut self.config.rate_limits);
        self
    }

    pub fn retention(mut self, change: impl FnOnce(&mut RetentionConfig)) -> Self {
        change(&mut self.config.retention);
        self
    }

    /// Answers are kept.
    pub fn cached(mut self) -> Self {
        self.config.cache.enabled = true;
        self
    }

    pub fn webhooks(mut self, change: impl FnOnce(&mut WebhookConfig)) -> Self {
        change(&mut self.config.webhooks);
        self
    }

    /// The operator permits this network.
    pub fn permit(mut self, network: &str) -> Self {
        self.fetch.allow.push(network.parse().unwrap());
        self
    }

    pub fn metrics(mut self, handle: metrics_exporter_prometheus::PrometheusHandle) -> Self {
        self.metrics = Some(handle);
        self
    }

    /// Another name of a model.
    pub fn alias(mut self, alias: &str, name: &str) -> Self {
        self.models.aliases.insert(alias.to_owned(), name.to_owned());
        self
    }

    /// What a model may be that is brought in.
    pub fn registry(mut self, change: impl FnOnce(&mut RegistryConfig)) -> Self {
        change(&mut self.registry);
        self
    }

    /// The object store cannot be reached.
    pub fn without_blobs(mut self) -> Self {
        let nowhere = BlobConfig {
            url: "s3://bucket".to_owned(),
            endpoint: "http://127.0.0.1:1".to_owned(),
            region: "us-east-1".to_owned(),
            access_key_id: "key".to_owned(),
            secret_access_key: Secret::new("secret"),
            allow_http: true,
            timeout: Span::new(Duration::from_millis(200)),
            signed_urls: false,
            signed_url_life: Span::new(Duration::from_mins(5)),
            public_endpoint: String::new(),
        };
        self.blobs = Blobs::open(&nowhere, std::path::Path::new(".")).unwrap();
        self
    }

    pub async fn start(self) -> TestApp {
        let folder = tempfile::tempdir().unwrap();
        let (clock, tasks, events) = (ManualClock::default(), Tasks::new(), Arc::new(LocalEvents::new()));
        let file = folder.path().join("forebay.db");
        let sqlite = Sqlite::open(&file, Arc::new(clock.clone()), &tasks).await.unwrap();
        let store = Arc::new(Watched::new(Arc::new(sqlite)));
        store.announce(&self.cards).await.unwrap();
        let seam: Arc<dyn Store> = store.clone();
        let (queue, blobs) = (LocalQueue::new(), self.blobs);
        let catalog = Arc::new(Catalog::new(seam.clone(), self.models));
        let filler = Filler::new(seam.clone(), catalog.clone(), Arc::new(queue.clone()), tasks.clone());
        // Until the first look every job waits in the database.
        filler.fill().await.unwrap();
        let ids = fixed_ids(&clock);
        let parts = Parts {
            registrar: Registrar {
                limits: self.registry,
                ..registrar(seam.clone(), &blobs, &ids, folder.path())
            },
            store: seam,
            catalog,
            filler,
            events,
            blobs: blobs.clone(),
            guard: Guard::new(&self.fetch.allow),
            fetcher: Fetcher::new(&self.fetch),
            entropy: Arc::new(OsEntropy),
            clock: Arc::new(clock.clone()),
            ids: ids.clone(),
            metrics: self.metrics,
            tasks,
            access: self.access,
        };
        let router = router(self.config.clone(), parts.clone());
        store.forget_calls();
        TestApp { router, parts, config: self.config, store, clock, queue, blobs, ids, folder }
    }
}

impl TestApp {
    pub fn build() -> Builder {
        Builder {
            access: Access::Open,
            config: config(),
            metrics: None,
            blobs: Blobs::in_memory(),
            fetch: fetch(),
            cards: cards(),
            models: ModelConfig::default(),
            registry: registry_config(),
        }
    }

    pub async fn start() -> Self {
        Self::build().start().await
    }

    /// The same, as if it had just started: it has not read the catalogue yet.
    pub fn restarted(mut self) -> Self {
        self.parts.catalog = Arc::new(Catalog::new(self.parts.store.clone(), ModelConfig::default()));
        self.router = router(self.config.clone(), self.parts.clone());
        self
    }

    /// Another replica on the same store, which knows nothing yet.
    pub fn replica(&self) -> Router {
        router(self.config.clone(), self.parts.clone())
    }

    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    pub fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }

    pub fn call(&self, method: &str, path: &str) -> Call {
        let request = Request::builder().method(method).uri(path).header("x-request-id", "a-request");
        Call { router: self.router.clone(), request, body: Body::empty() }
    }

    /// A submission that must be accepted; answers with its id.
    pub async fn submit(&self, body: Value) -> JobId {
        // Ids of the same millisecond have no order.
        self.clock.advance(Duration::from_millis(1));
        let answer = self.post("/v1/jobs").json(body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer}");
        answer.id()
    }

    /// The job as its row has it.
    pub async fn row(&self, id: JobId) -> Job {
        self.store.job(OWNER, id).await.unwrap().expect("the job has a row")
    }

    /// A worker that serves every model.
    pub async fn worker(&self) -> Worker {
        Worker::begin(self).await
    }

    /// A key of `owner`'s.
    pub async fn key(&self, owner: &str, scopes: &[Scope]) -> (NewKey, String) {
        let secret = apikey::generate(&OsEntropy);
        let key = NewKey {
            id: self.ids.key(),
            hash: apikey::hash(secret.expose()),
            owner: owner.to_owned(),
            name: "a test".to_owned(),
            scopes: scopes.to_vec(),
            expires_at: Some(self.clock.now().plus(Duration::from_hours(1))),
            limits: KeyLimits::default(),
        };
        self.store.create_key(&key).await.unwrap();
        (key, secret.expose().to_owned())
    }

    /// Webhooks have told of everything that happened, so that it may be forgotten.
    pub async fn pass_webhooks(&self) {
        use sqlx::ConnectOptions;
        let file = self.folder.path().join("forebay.db");
        let mut behind = sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        sqlx::query("update cursors set seq = 1000000 where name = 'webhooks'")
            .execute(&mut behind)
            .await
            .unwrap();
    }

    /// All objects in the object store.
    pub async fn objects(&self) -> Vec<String> {
        use futures::TryStreamExt;
        let listed = self.blobs.list("").map_ok(|entry| entry.key).try_collect::<Vec<_>>();
        let mut keys = listed.await.unwrap();
        keys.sort();
        keys
    }

    /// What is left of models that were looked at before they were stored.
    pub fn scratch(&self) -> usize {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join("scratch")) else { return 0 };
        entries.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
    }

    /// Waits until `holds`, which some task is about to bring about.
    pub async fn eventually(&self, mut holds: impl AsyncFnMut() -> bool) {
        let patience = tokio::time::timeout(Duration::from_secs(20), async {
            while !holds().await {
                tokio::task::yield_now().await;
            }
        });
        patience.await.expect("it does not come about");
    }
}

/// A request on its way.
pub struct Call {
    router: Router,
    request: axum::http::request::Builder,
    body: Body,
}

impl Call {
    /// To another replica.
    pub fn at(self, router: &Router) -> Self {
        Self { router: router.clone(), ..self }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Over a connection from this address.
    pub fn from(mut self, address: &str) -> Self {
        let peer = std::net::SocketAddr::new(address.parse().unwrap(), 4711);
        self.request = self.request.extension(axum::extract::ConnectInfo(peer));
        self
    }

    pub fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub async fn json(self, body: Value) -> Answer {
        self.text(&body.to_string()).await
    }

    pub async fn text(self, json: &str) -> Answer {
        self.header("content-type", "application/json").body(Body::from(json.to_owned())).send().await
    }

    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Sends, and leaves the answer's body to be read as it comes.
    pub async fn open(self) -> Response {
        let request = self.request.body(self.body).expect("the test makes a sane request");
        self.router.oneshot(request).await.unwrap()
    }

    pub async fn send(self) -> Answer {
        let request = self.request.body(self.body).expect("the test makes a sane request");
        Answer::of(self.router.oneshot(request).await.unwrap()).await
    }
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn id(&self) -> JobId {
        self.json()["id"].as_str().expect("a job has an id").parse().unwrap()
    }
}

/// Status, the headers that matter for refusals, and the body: for snapshots.
impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.status)?;
        let shown = [
            header::CONTENT_TYPE,
            header::ALLOW,
            header::CONTENT_RANGE,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
        ];
        for name in shown {
            if let Some(value) = self.headers.get(&name) {
                writeln!(f, "{name}: {}", value.to_str().unwrap_or("?"))?;
            }
        }
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(body) => writeln!(f, "{body:#}"),
            Err(_) => writeln!(f, "{}", String::from_utf8_lossy(&self.body)),
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}
