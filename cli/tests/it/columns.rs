//! The two columns: everything in one process, or a fleet on real servers.

use std::time::Duration;

use forebay_shared::config::{BlobConfig, Secret, Span};

use super::house::{House, Plan};

/// SQLite, a queue inside the process, local files.
pub async fn embedded(plan: Plan) -> House {
    let mut house = embedded_unstarted(&plan);
    house.start_worker().await;
    house
}

/// The same before its process is started.
pub fn embedded_unstarted(plan: &Plan) -> House {
    let nowhere = BlobConfig {
        url: String::new(),
        endpoint: String::new(),
        region: "us-east-1".to_owned(),
        access_key_id: String::new(),
        secret_access_key: Secret::new(""),
        allow_http: false,
        timeout: Span::new(Duration::from_secs(5)),
        signed_urls: false,
        signed_url_life: Span::new(Duration::from_mins(5)),
        public_endpoint: String::new(),
    };
    let mut house = House::prepared(plan, Vec::new(), nowhere, false);
    house.set_worker(vec!["serve", "--listen", "127.0.0.1:0"]);
    house
}

/// Postgres, RabbitMQ and S3; api, scheduler and one worker.
#[cfg(feature = "services")]
pub async fn fleet(plan: Plan) -> House {
    use super::process::Process;
    use forebay_shared::testing::Services;
    let services = Services::running();
    let (database, queue, blobs) = (services.database().await, services.queue(), services.blobs());
    let environment = [
        ("FOREBAY_STORE__URL", database.url.expose()),
        ("FOREBAY_QUEUE__URL", queue.url.expose()),
        ("FOREBAY_QUEUE__PREFIX", &queue.prefix),
        ("FOREBAY_BLOBS__URL", &blobs.url),
        ("FOREBAY_BLOBS__ENDPOINT", &blobs.endpoint),
        ("FOREBAY_BLOBS__ACCESS_KEY_ID", &blobs.access_key_id),
        ("FOREBAY_BLOBS__SECRET_ACCESS_KEY", blobs.secret_access_key.expose()),
        ("FOREBAY_BLOBS__ALLOW_HTTP", "true"),
    ];
    let environment = environment.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    let mut house = House::prepared(&plan, environment, blobs, true);
    Process::run(&["migrate"], &house.environment, house.folder.path());
    house.set_worker(vec!["worker"]);
    house.start(&["scheduler"]);
    let greeting = house.start(&["api", "--listen", "127.0.0.1:0"]).says("listening on");
    house.listen_to(&greeting).await;
    house.start_worker().await;
    house
}

/// Makes each function a test of both columns.
macro_rules! on_both {
    ($($plan:expr => [$($name:ident),+ $(,)?]);+ $(;)?) => {
        mod embedded {
            use super::*;
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(crate::columns::embedded($plan).await).await;
                }
            )+)+
        }

        #[cfg(feature = "services")]
        mod fleet {
            use super::*;
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(crate::columns::fleet($plan).await).await;
                }
            )+)+
        }
    };
}

pub(crate) use on_both;
