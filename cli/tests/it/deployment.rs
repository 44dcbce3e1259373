//! The deployment files: what they declare makes sense, and it runs.
//!
//! No container is started here. What the files say each process is started with is read out of them, by rules as small
//! as the files need; [`rehearsal`] then starts these very processes on this machine.

mod compose;
mod image;
mod kubernetes;
#[cfg(feature = "services")]
mod rehearsal;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use forebay_shared::config::Span;
use serde_json::Value;

/// The roles of a fleet, in the order in which they start.
const ROLES: [&str; 4] = ["migrate", "api", "scheduler", "worker"];

/// A process of the fleet as a file declares it.
#[derive(Clone, Debug)]
struct Declared {
    role: &'static str,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    /// How it is asked how it is.
    checks: Vec<Check>,
    /// How long after SIGTERM it is killed, less what is spent before SIGTERM.
    grace: Duration,
}

/// A question to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Check {
    /// A command inside the container, and the port that it asks.
    Command(Vec<String>, u16),
    /// GET of a path on a port.
    Get(String, u16),
}

impl Check {
    fn port(&self) -> u16 {
        match self {
            Self::Command(_, port) | Self::Get(_, port) => *port,
        }
    }
}

impl Declared {
    /// Where it is told to listen, on whatever address.
    fn port(&self) -> Option<u16> {
        let told = match self.role {
            "api" => self.arguments.windows(2).find(|pair| pair[0] == "--listen").map(|pair| &pair[1]),
            _ => self.environment.get("FOREBAY_TELEMETRY__LISTEN"),
        };
        told.map(|address| address.strip_prefix("0.0.0.0:").expect("all addresses").parse().unwrap())
    }

    /// The value of a configuration key that is in force in it.
    fn configured(&self, key: &str) -> String {
        let variable = format!("FOREBAY_{}", key.to_uppercase().replace('.', "__"));
        self.environment.get(&variable).cloned().unwrap_or_else(|| default(key).expect("the key exists"))
    }

    fn duration(&self, key: &str) -> Duration {
        Span::parse(&self.configured(key)).unwrap().get()
    }

    /// Everything that holds for a process, whichever file declares it.
    fn assert_sound(&self) {
        assert_eq!(self.arguments[0], self.role, "the program's first argument is the role");
        for variable in self.environment.keys() {
            assert_exists(variable);
        }
        if self.role == "migrate" {
            return;
        }
        let port = self.port().expect("it listens");
        assert!(!self.checks.is_empty(), "{} is asked how it is", self.role);
        assert!(
            self.checks.iter().all(|check| check.port() == port),
            "{} is asked where it listens",
            self.role
        );
        let own = match self.role {
            "api" => self.duration("api.stop_timeout"),
            "worker" => self.duration("worker.drain"),
            _ => Duration::ZERO,
        };
        // Leases are given back and connections closed after that: at most five seconds, see `roles.rs`.
        let needed = own + Duration::from_secs(5);
        assert!(self.grace > needed, "{} needs {needed:?} to stop and gets {:?}", self.role, self.grace);
    }
}

/// The only variable that is not ours: what the image says to the C library of memory.
const OF_THE_C_LIBRARY: &str = "MALLOC_MMAP_THRESHOLD_";

/// Refuses a variable that no key of the defaults stands behind.
fn assert_exists(variable: &str) {
    if variable == OF_THE_C_LIBRARY {
        return;
    }
    let key = variable.strip_prefix("FOREBAY_").expect("only our own variables are set");
    let key = key.to_lowercase().replace("__", ".");
    assert!(default(&key).is_some(), "{variable} is no key of cli/config.default.toml");
}

/// The default of a configuration key, if there is such a key.
fn default(key: &str) -> Option<String> {
    let defaults: toml::Table = include_str!("../../config.default.toml").parse().unwrap();
    let mut found = &toml::Value::Table(defaults);
    for part in key.split('.') {
        found = found.get(part)?;
    }
    match found {
        toml::Value::Table(_) => None,
        value => Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
    }
}

/// Every variable of ours that a text mentions, be it in a comment.
fn assert_mentions_exist(text: &str) {
    for (at, _) in text.match_indices("FOREBAY_") {
        let end = text[at..].find(|letter: char| !(letter.is_ascii_uppercase() || letter == '_'));
        assert_exists(&text[at..end.map_or(text.len(), |end| at + end)]);
    }
}

/// A file of the checkout.
fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every document of a YAML text, with its merge keys resolved.
fn yaml(text: &str) -> Vec<Value> {
    use serde::Deserialize;
    let documents = yaml_serde::Deserializer::from_str(text);
    let read = documents.map(|document| {
        let mut value = yaml_serde::Value::deserialize(document).unwrap();
        // What is merged may merge something itself; each pass resolves one more layer.
        for _ in 0..4 {
            value.apply_merge().unwrap();
        }
        yaml_serde::from_value(value).unwrap()
    });
    read.collect()
}

/// A list of texts.
fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().unwrap_or_else(|| panic!("{value} is a list"));
    list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_check_for_settings_knows_a_slip_of_the_pen() {
    assert_eq!(default("worker.retry.base").as_deref(), Some("1s"));
    assert_eq!(default("worker.retry"), None, "a section is no key");
    assert!(std::panic::catch_unwind(|| assert_exists("FOREBAY_WORKER__DRAINS")).is_err());
}
