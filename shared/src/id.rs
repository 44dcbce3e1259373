//! Identifiers, and the one source that makes them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::entropy::{Entropy, OsEntropy};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "seams", derive(sqlx::Type), sqlx(transparent))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id! {
    /// A job's id. Ids made later sort later.
    JobId
}
id! {
    /// One life of a worker process: a restarted or lapsed worker gets another.
    WorkerId
}
id! {
    /// A bulk's id.
    BulkId
}
id! {
    /// An API key's id, which is not secret.
    KeyId
}

impl JobId {
    /// The millisecond in which the id was made, if it is one of ours (UUIDv7).
    pub fn made_at(self) -> Option<Timestamp> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        Some(Timestamp::from_micros(i64::try_from(seconds).ok()? * 1_000_000 + i64::from(nanos) / 1_000))
    }
}

/// Makes ids from an injected clock and injected randomness.
#[derive(Clone, Debug)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Ids {
    /// Ids from this clock and this randomness.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// Ids from the operating system.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(OsEntropy))
    }

    /// A new job id.
    pub fn job(&self) -> JobId {
        JobId(self.uuid())
    }

    /// A new worker id.
    pub fn worker(&self) -> WorkerId {
        WorkerId(self.uuid())
    }

    /// A new bulk id.
    pub fn bulk(&self) -> BulkId {
        BulkId(self.uuid())
    }

    /// A new key id.
    pub fn key(&self) -> KeyId {
        KeyId(self.uuid())
    }

    /// A new time-ordered UUID, for names that are no row's id.
    pub fn uuid(&self) -> Uuid {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        let millis = u64::try_from(self.clock.now().micros() / 1_000).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}
