//! The connection to RabbitMQ that queue and events share.
//!
//! Connections are made when they are needed and again when they have failed, one attempt at a time; a caller learns at
//! once that the broker is away and decides itself how long to wait. No broker feature newer than 3.10 is used.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::Mutex;

use crate::config::Secret;

/// How long connecting may take: beyond it the broker counts as away. Chosen; a healthy broker answers in milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that is renewed when it has failed.
#[derive(Clone)]
pub struct Link {
    url: Secret,
    name: &'static str,
    connection: Arc<Mutex<Option<Connection>>>,
}

/// Why the broker cannot be used now.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It said so, or the connection broke.
    #[error("the broker refused")]
    Broker(#[from] lapin::Error),
    /// It did not answer.
    #[error("the broker did not answer in time")]
    Timeout,
}

impl Link {
    /// A link to the broker at `url`, not yet made. `name` is how the broker's operator sees it.
    pub fn new(url: Secret, name: &'static str) -> Self {
        Self { url, name, connection: Arc::default() }
    }

    /// A new channel on the living connection.
    pub async fn channel(&self) -> Result<Channel, LinkError> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| connection.status().connected()) {
            match connection.create_channel().await {
                Ok(channel) => return Ok(channel),
                Err(error) => tracing::debug!(%error, "the connection to the broker is of no use any more"),
            }
        }
        *slot = None;
        let properties = ConnectionProperties::default().with_connection_name(self.name.into());
        let connecting = Connection::connect(self.url.expose(), properties);
        let connection =
            tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| LinkError::Timeout)??;
        let channel = connection.create_channel().await?;
        *slot = Some(connection);
        Ok(channel)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("name", &self.name).finish_non_exhaustive()
    }
}
