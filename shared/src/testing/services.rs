//! The private services of a test run, and fresh places on them.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::OnceCell;

use super::{fresh_word, told};
use crate::clock::{Clock, SystemClock};
use crate::config::{BlobConfig, QueueConfig, Secret, Span, StoreConfig};

/// Whether this process has looked for what others left.
static SWEPT: OnceCell<()> = OnceCell::const_new();

/// Older databases that nobody is connected to are a dead process's.
const LEFT: Duration = Duration::from_mins(1);

/// The private services that `cargo xtask test` starts.
#[derive(Clone, Debug)]
pub struct Services {
    /// `postgres://…` of a server where databases may be made.
    pub postgres: String,
    /// `amqp://…` of a broker.
    pub rabbitmq: String,
    /// `http://…` of an S3 server.
    pub s3: String,
    /// The S3 server's access key.
    pub s3_access_key: String,
    /// The S3 server's secret key.
    pub s3_secret_key: String,
    /// A bucket that exists there.
    pub s3_bucket: String,
}

impl Services {
    /// Where the services are, as the test command tells through the environment. A test that needs them must fail
    /// without them, never skip.
    pub fn running() -> Self {
        Self {
            postgres: told("FOREBAY_TEST_POSTGRES"),
            rabbitmq: told("FOREBAY_TEST_RABBITMQ"),
            s3: told("FOREBAY_TEST_S3"),
            s3_access_key: told("FOREBAY_TEST_S3_ACCESS_KEY"),
            s3_secret_key: told("FOREBAY_TEST_S3_SECRET_KEY"),
            s3_bucket: told("FOREBAY_TEST_S3_BUCKET"),
        }
    }

    /// The broker, with queues that no other test uses.
    pub fn queue(&self) -> QueueConfig {
        QueueConfig {
            url: Secret::new(&self.rabbitmq),
            prefix: fresh_word(),
            publish_timeout: Span::new(Duration::from_secs(10)),
        }
    }

    /// The S3 server, under a prefix that no other test uses.
    pub fn blobs(&self) -> BlobConfig {
        BlobConfig {
            url: format!("s3://{}/{}", self.s3_bucket, fresh_word()),
            endpoint: self.s3.clone(),
            region: "us-east-1".to_owned(),
            access_key_id: self.s3_access_key.clone(),
            secret_access_key: Secret::new(&self.s3_secret_key),
            allow_http: true,
            timeout: Span::new(Duration::from_secs(10)),
            signed_urls: false,
            signed_url_life: Span::new(Duration::from_mins(5)),
            public_endpoint: String::new(),
        }
    }

    /// Makes an empty database and answers with how to open it.
    pub async fn database(&self) -> StoreConfig {
        let name = fresh_word();
        let mut admin = PgConnection::connect(&self.postgres).await.expect("Postgres is running");
        SWEPT.get_or_init(|| sweep(&mut admin)).await;
        let create = AssertSqlSafe(format!("create database {name}"));
        sqlx::query(create).execute(&mut admin).await.expect("databases may be made");
        let mut url = url::Url::parse(&self.postgres).expect("the test command writes a URL");
        url.set_path(&name);
        StoreConfig {
            url: Secret::new(url.as_str()),
            max_connections: 8,
            acquire_timeout: Span::new(Duration::from_secs(10)),
        }
    }
}

/// Drops the databases of test processes that have ended: hundreds of them, a dozen megabytes each, fill a small disk. A
/// name begins with the milliseconds at which it was made, as every id does.
async fn sweep(admin: &mut PgConnection) {
    let until = SystemClock.now().minus(LEFT).to_utc().timestamp_millis();
    let left: Vec<String> = sqlx::query_scalar(
        "select datname::text from pg_database d where datname ~ '^t[0-9a-f]{32}$' and datname < $1 \
         and not exists (select from pg_stat_activity a where a.datid = d.oid)",
    )
    .bind(format!("t{until:012x}"))
    .fetch_all(&mut *admin)
    .await
    .expect("databases are listed");
    for name in left {
        // Somebody else may be sweeping, too.
        let drop = AssertSqlSafe(format!("drop database if exists {name}"));
        let _ = sqlx::query(drop).execute(&mut *admin).await;
    }
}
