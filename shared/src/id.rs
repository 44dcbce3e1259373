//! Identifiers, and the one source that makes them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
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
    /// A schedule's id.
    ScheduleId
}
id! {
    /// An API key's id, which is not secret.
    KeyId
}

/// A text that is not an id of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id like `{prefix}` and 32 lower-case hexadecimal digits is needed")]
pub struct NotAnId {
    /// What it must begin with.
    pub prefix: &'static str,
}

/// An id that OpenAI's clients see: a prefix and 32 hexadecimal digits, read as strictly as it is written.
macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "seams", derive(sqlx::Type), sqlx(transparent))]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let digits = text.strip_prefix($prefix);
                let id = digits.and_then(|digits| Uuid::try_parse(digits).ok()).map(Self);
                // A UUID may be written in other ways; one id has one name.
                id.filter(|id| id.to_string() == text).ok_or(NotAnId { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

prefixed_id! {
    /// A file's id.
    FileId, "file-"
}
prefixed_id! {
    /// The id of an upload in parts.
    UploadId, "upload_"
}
prefixed_id! {
    /// The id of an upload's part.
    PartId, "part_"
}
prefixed_id! {
    /// A webhook endpoint's id.
    WebhookId, "wh_"
}
prefixed_id! {
    /// A delivery's id: the `webhook-id` by which a receiver knows a message, on every try.
    DeliveryId, "msg_"
}

impl Default for KeyId {
    /// No key, as rows have it: zeros.
    fn default() -> Self {
        Self(Uuid::nil())
    }
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

    /// A new file id.
    pub fn file(&self) -> FileId {
        FileId(self.uuid())
    }

    /// A new upload id.
    pub fn upload(&self) -> UploadId {
        UploadId(self.uuid())
    }

    /// A new part id.
    pub fn part(&self) -> PartId {
        PartId(self.uuid())
    }

    /// A new schedule id.
    pub fn schedule(&self) -> ScheduleId {
        ScheduleId(self.uuid())
    }

    /// A new key id.
    pub fn key(&self) -> KeyId {
        KeyId(self.uuid())
    }

    /// A new webhook endpoint's id.
    pub fn webhook(&self) -> WebhookId {
        WebhookId(self.uuid())
    }

    /// A new delivery's id.
    pub fn delivery(&self) -> DeliveryId {
        DeliveryId(self.uuid())
    }

    /// A new time-ordered UUID, for names that are no row's id.
    pub fn uuid(&self) -> Uuid {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        let millis = u64::try_from(self.clock.now().micros() / 1_000).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefixed_id_has_one_name() {
        let id = FileId(Uuid::from_u128(0xabc));
        let name = "file-00000000000000000000000000000abc";
        assert_eq!((id.to_string().as_str(), name.parse()), (name, Ok(id)));
        let others = [
            "file-00000000000000000000000000000ABC",
            "file-00000000-0000-0000-0000-000000000abc",
            "file_00000000000000000000000000000abc",
            "00000000000000000000000000000abc",
            "file-abc",
            "file-",
            "",
        ];
        for other in others {
            assert_eq!(other.parse::<FileId>(), Err(NotAnId { prefix: "file-" }), "{other}");
        }
    }
}
