//! Meters at the three services, none of them ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use forebay_shared::testing::Services;
use sqlx::{Connection, PgConnection};

use super::super::house::House;
use super::super::proxy::Wire;

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Statements, by the name that each bears.
    pub statements: BTreeMap<String, u64>,
    /// AMQP methods that our programs sent, by name.
    pub frames: BTreeMap<&'static str, u64>,
    /// HTTP requests to the object store.
    pub requests: u64,
}

/// The meters.
pub struct Meters {
    broker: Wire,
    store: Wire,
    broker_url: String,
    methods: Arc<Mutex<BTreeMap<&'static str, u64>>>,
    requests: Arc<AtomicU64>,
}

impl Meters {
    /// Meters at the private services.
    pub async fn new() -> Self {
        let services = Services::running();
        let (methods, requests) = (Arc::new(Mutex::default()), Arc::new(AtomicU64::new(0)));
        let heard: Arc<Mutex<BTreeMap<&'static str, u64>>> = Arc::clone(&methods);
        let address = services.rabbitmq.split('@').nth(1).and_then(|rest| rest.split('/').next()).unwrap();
        let broker = Wire::overheard(address.to_owned(), move || {
            let (mut frames, heard) = (Frames::default(), heard.clone());
            Box::new(move |bytes| {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                frames.read(bytes, |method| *heard.entry(method).or_default() += 1);
            })
        });
        let broker = broker.await;
        let broker_url = services.rabbitmq.replace(address, &broker.address.to_string());
        let seen = requests.clone();
        let store = Wire::overheard(services.s3.trim_start_matches("http://").to_owned(), move || {
            let (mut lines, seen) = (RequestLines::default(), seen.clone());
            Box::new(move |bytes| {
                seen.fetch_add(lines.read(bytes), Ordering::SeqCst);
            })
        });
        Self { broker, store: store.await, broker_url, methods, requests }
    }

    /// The broker, through its meter.
    pub fn broker_url(&self) -> String {
        assert!(self.broker_url.contains(&self.broker.address.port().to_string()));
        self.broker_url.clone()
    }

    /// The object store, through its meter.
    pub fn store_url(&self) -> String {
        format!("http://{}", self.store.address)
    }

    /// What they show.
    pub async fn read(&self, house: &House) -> Counted {
        let url = house.environment.iter().find(|(key, _)| key == "FOREBAY_STORE__URL").unwrap();
        let mut database = PgConnection::connect(&url.1).await.unwrap();
        sqlx::query("create extension if not exists pg_stat_statements")
            .execute(&mut database)
            .await
            .unwrap();
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "select coalesce(substring(query from '-- ([a-z]+\\.[a-z_: ]+)'), query) as name, sum(calls)::bigint
             from pg_stat_statements
             where dbid = (select oid from pg_database where datname = current_database())
               and query not like '%pg_stat_statements%'
             group by 1",
        )
        .fetch_all(&mut database)
        .await
        .unwrap();
        Counted {
            statements: rows.into_iter().map(|(name, calls)| (name, calls.cast_unsigned())).collect(),
            frames: self.methods.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            requests: self.requests.load(Ordering::SeqCst),
        }
    }
}

impl Counted {
    /// What came since then.
    pub fn since(mut self, before: &Self) -> Self {
        for (name, calls) in &mut self.statements {
            *calls -= before.statements.get(name).copied().unwrap_or(0);
        }
        for (name, frames) in &mut self.frames {
            *frames -= before.frames.get(name).copied().unwrap_or(0);
        }
        self.statements.retain(|_, calls| *calls > 0);
        self.requests -= before.requests;
        self
    }

    /// Messages that were handed to the broker.
    pub fn published(&self) -> u64 {
        self.frames.get("basic.publish").copied().unwrap_or(0)
    }
}

/// Cuts an AMQP 0-9-1 connection into frames: type, channel, size, payload, end.
#[derive(Default)]
struct Frames {
    greeted: bool,
    pending: Vec<u8>,
}

impl Frames {
    fn read(&mut self, bytes: &[u8], mut tell: impl FnMut(&'static str)) {
        self.pending.extend_from_slice(bytes);
        if !self.greeted && self.pending.len() >= 8 {
            self.pending.drain(..8);
            self.greeted = true;
        }
        while let Some(size) = self.pending.get(3..7) {
            let end = 7 + u32::from_be_bytes([size[0], size[1], size[2], size[3]]) as usize + 1;
            if self.pending.len() < end {
                return;
            }
            if self.pending[0] == 1 {
                tell(match self.pending[7..11] {
                    [0, 60, 0, 40] => "basic.publish",
                    [0, 60, 0, 80] => "basic.ack",
                    [0, 60, 0, 120 | 90] => "basic.nack",
                    [0, 50, 0, 10] => "queue.declare",
                    _ => "other methods",
                });
            }
            self.pending.drain(..end);
        }
    }
}

/// Counts the lines that begin HTTP/1.1 requests.
#[derive(Default)]
struct RequestLines {
    last: Vec<u8>,
}

impl RequestLines {
    fn read(&mut self, bytes: &[u8]) -> u64 {
        const END: &[u8] = b" HTTP/1.1\r\n";
        self.last.extend_from_slice(bytes);
        let found = self.last.windows(END.len()).filter(|window| *window == END).count();
        let kept = self.last.len().saturating_sub(END.len() - 1);
        self.last.drain(..kept);
        found as u64
    }
}
