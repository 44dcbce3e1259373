//! The private Postgres, RabbitMQ and S3 that `cargo xtask bench` starts.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;

use crate::environment::{told, told_path};

/// Where they are.
#[derive(Clone, Debug)]
pub struct Services {
    /// The folder in whose folders they run.
    pub folder: PathBuf,
    /// `http://…` of the broker's management, with the well-known password of a private broker.
    pub management: String,
    postgres: String,
    rabbitmq: String,
    s3: String,
    access_key: String,
    secret_key: String,
    bucket: String,
}

impl Services {
    /// As the environment tells.
    pub fn running() -> anyhow::Result<Self> {
        Ok(Self {
            folder: told_path("FOREBAY_TEST_SERVICES")?.canonicalize()?,
            management: told("FOREBAY_TEST_RABBITMQ_MANAGEMENT")?.replace("http://", "http://guest:guest@"),
            postgres: told("FOREBAY_TEST_POSTGRES")?,
            rabbitmq: told("FOREBAY_TEST_RABBITMQ")?,
            s3: told("FOREBAY_TEST_S3")?,
            access_key: told("FOREBAY_TEST_S3_ACCESS_KEY")?,
            secret_key: told("FOREBAY_TEST_S3_SECRET_KEY")?,
            bucket: told("FOREBAY_TEST_S3_BUCKET")?,
        })
    }

    /// Configuration with an empty database, and with queues and a prefix that nobody else uses.
    pub fn fresh(&self) -> anyhow::Result<Vec<(String, String)>> {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let word = format!("bench{}x{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        self.ask_postgres(&format!("create database {word}"))?;
        let (server, _) = self.postgres.rsplit_once('/').context("the database's URL names no database")?;
        let environment = [
            ("FOREBAY_STORE__URL", format!("{server}/{word}")),
            ("FOREBAY_QUEUE__URL", self.rabbitmq.clone()),
            ("FOREBAY_QUEUE__PREFIX", word.clone()),
            ("FOREBAY_BLOBS__URL", format!("s3://{}/{word}", self.bucket)),
            ("FOREBAY_BLOBS__ENDPOINT", self.s3.clone()),
            ("FOREBAY_BLOBS__ACCESS_KEY_ID", self.access_key.clone()),
            ("FOREBAY_BLOBS__SECRET_ACCESS_KEY", self.secret_key.clone()),
            ("FOREBAY_BLOBS__ALLOW_HTTP", "true".to_owned()),
        ];
        Ok(environment.map(|(key, value)| (key.to_owned(), value)).to_vec())
    }

    /// Asks with `psql`, which comes with the server, and answers with what it prints.
    pub fn ask_postgres(&self, statement: &str) -> anyhow::Result<String> {
        let output = Command::new("psql").args(["-qAt", "-c", statement, &self.postgres]).output();
        let output = output.context("starting psql, which comes with Postgres")?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "psql: {}", said.trim());
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
