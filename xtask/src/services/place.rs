//! The folder of the services: their ports, where each keeps its things, and what tests are told.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{Service, ports};

/// What is written into the folder, so that another xtask can start and stop the same services.
const NOTE: &str = "services.json";

/// The S3 server's keys and bucket. They guard nothing: it listens on the loopback address and dies with the tests.
pub const ACCESS_KEY: &str = "forebay";
pub const SECRET_KEY: &str = "forebaysecret";
pub const BUCKET: &str = "forebay";

/// The ports of everything that listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ports {
    pub postgres: u16,
    pub amqp: u16,
    pub distribution: u16,
    pub epmd: u16,
    pub management: u16,
    pub s3: u16,
}

impl Ports {
    /// Those of one service.
    pub fn of(&self, service: Service) -> Vec<u16> {
        match service {
            Service::Postgres => vec![self.postgres],
            Service::Rabbitmq => vec![self.amqp, self.distribution, self.epmd, self.management],
            Service::S3 => vec![self.s3],
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    ports: Ports,
    s3_server: PathBuf,
}

/// A folder with services, running or not.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    note: Note,
}

impl Place {
    /// A new folder below the system's temporary one.
    pub fn temporary(s3_server: &Path) -> Result<Self> {
        let name = format!("forebay-services-{:016x}", RandomState::new().hash_one(0));
        let folder = std::env::temp_dir().join(name);
        Self::make(&folder, s3_server)
    }

    /// A folder that somebody named: a new one, or one that has been used before.
    pub fn at(folder: &Path, s3_server: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        if folder.join(NOTE).is_file() { Self::open(&folder) } else { Self::make(&folder, s3_server) }
    }

    /// A folder that services were started in before.
    pub fn open(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        let note = folder.join(NOTE);
        let text = fs::read(&note).with_context(|| format!("reading {}", note.display()))?;
        let note = serde_json::from_slice(&text).with_context(|| format!("reading {}", note.display()))?;
        Ok(Self { folder, note })
    }

    fn make(folder: &Path, s3_server: &Path) -> Result<Self> {
        let [postgres, amqp, distribution, epmd, management, s3] = ports::free()?;
        let ports = Ports { postgres, amqp, distribution, epmd, management, s3 };
        let note = Note { ports, s3_server: s3_server.to_owned() };
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        // Postgres runs under another account than root, and must get through to its own folder.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        fs::write(folder.join(NOTE), serde_json::to_vec_pretty(&note)?)?;
        Ok(Self { folder: folder.to_owned(), note })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The ports.
    pub fn ports(&self) -> &Ports {
        &self.note.ports
    }

    /// The program that speaks S3.
    pub fn s3_server(&self) -> &Path {
        &self.note.s3_server
    }

    /// One service's own folder.
    pub fn folder_of(&self, service: Service) -> PathBuf {
        self.folder.join(service.name())
    }

    /// One service's log.
    pub fn log(&self, service: Service) -> PathBuf {
        self.folder_of(service).join("log")
    }

    /// A command that works in the service's folder, bears its mark, and writes to its log.
    pub fn command(&self, service: Service, program: &Path) -> Result<Command> {
        let folder = self.folder_of(service);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let log = File::options().create(true).append(true).open(self.log(service))?;
        let mut command = Command::new(program);
        command.current_dir(&folder).env("FOREBAY_SERVICE", &folder);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// What tests are told, by name.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let ports = self.ports();
        vec![
            ("FOREBAY_TEST_POSTGRES", format!("postgres://postgres@127.0.0.1:{}/postgres", ports.postgres)),
            ("FOREBAY_TEST_RABBITMQ", format!("amqp://guest:guest@127.0.0.1:{}/%2f", ports.amqp)),
            ("FOREBAY_TEST_RABBITMQ_MANAGEMENT", format!("http://127.0.0.1:{}", ports.management)),
            ("FOREBAY_TEST_S3", format!("http://127.0.0.1:{}", ports.s3)),
            ("FOREBAY_TEST_S3_ACCESS_KEY", ACCESS_KEY.to_owned()),
            ("FOREBAY_TEST_S3_SECRET_KEY", SECRET_KEY.to_owned()),
            ("FOREBAY_TEST_S3_BUCKET", BUCKET.to_owned()),
            ("FOREBAY_TEST_SERVICES", self.folder.display().to_string()),
        ]
    }
}
