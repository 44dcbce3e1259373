//! `compose.yaml`.

use std::collections::{BTreeMap, BTreeSet};

use forebay_shared::config::Span;
use serde_json::{Map, Value};

use super::{Check, Declared, ROLES, assert_mentions_exist, image, read, texts, yaml};

/// What end by themselves.
const ONE_SHOT: [&str; 1] = ["migrate"];
/// What other machines may reach through this one.
const PUBLISHED: [&str; 2] = ["api", "rabbitmq"];

fn file() -> Value {
    yaml(&interpolated(&read("compose.yaml"))).remove(0)
}

fn services() -> Map<String, Value> {
    file()["services"].as_object().unwrap().clone()
}

/// `${NAME:-default}` as its default, `$$` as `$`: the environment is empty.
fn interpolated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else {
            let (variable, after) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).unwrap();
            let (_, default) = variable.split_once(":-").expect("each variable has a default");
            out.push_str(default);
            rest = after;
        }
    }
    out + rest
}

/// The processes of the fleet.
pub fn fleet() -> Vec<Declared> {
    let services = services();
    ROLES.map(|role| declared(role, &services[role])).to_vec()
}

fn declared(role: &'static str, service: &Value) -> Declared {
    assert!(service.get("entrypoint").is_none(), "the image's entry point stays");
    let mut environment = image::environment();
    for (key, value) in service["environment"].as_object().unwrap() {
        environment.insert(key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let grace = service["stop_grace_period"].as_str().unwrap_or("10s");
    Declared {
        role,
        arguments: texts(&service["command"]),
        environment,
        checks: check(&service["healthcheck"]).into_iter().collect(),
        grace: Span::parse(grace).unwrap().get(),
    }
}

/// The command that asks, unless it is disabled.
fn check(health: &Value) -> Option<Check> {
    let test = texts(health.get("test").filter(|_| health["disable"] != true)?);
    assert_eq!(test[0], "CMD", "without a shell in between");
    let asked = test.last()?.split("/dev/tcp/127.0.0.1/").nth(1)?.split(' ').next()?;
    Some(Check::Command(test[1..].to_vec(), asked.parse().unwrap()))
}

#[test]
fn what_compose_starts_is_sound() {
    for process in fleet() {
        process.assert_sound();
    }
    assert_mentions_exist(&read("compose.yaml"));
}

#[test]
fn every_service_tells_how_it_is_or_ends() {
    for (name, service) in services() {
        let waits: Vec<_> = services()
            .values()
            .filter_map(|other| Some(other["depends_on"].get(&name)?["condition"].clone()))
            .collect();
        if ONE_SHOT.contains(&name.as_str()) {
            assert_eq!(service["restart"], "no", "{name}");
            assert!(
                !waits.is_empty()
                    && waits.iter().all(|condition| condition == "service_completed_successfully")
            );
        } else {
            assert!(service["healthcheck"]["test"].is_array(), "{name} is asked how it is");
            assert_eq!(service["restart"], "unless-stopped", "{name}");
            assert!(waits.iter().all(|condition| condition == "service_healthy"), "{name}: {waits:?}");
        }
        let image = service["image"].as_str().unwrap();
        assert!(image.contains(':') && !image.ends_with(":latest"), "{name} has a version: {image}");
        for needed in service["depends_on"].as_object().into_iter().flatten() {
            assert!(services().contains_key(needed.0), "{name} needs {}", needed.0);
        }
    }
}

#[test]
fn workers_can_be_many_and_little_is_published() {
    for (name, service) in services() {
        assert!(service.get("container_name").is_none(), "{name} has a name that only one can have");
        let ports = service.get("ports").map(texts).unwrap_or_default();
        assert_eq!(!ports.is_empty(), PUBLISHED.contains(&name.as_str()), "{name}: {ports:?}");
        for port in ports {
            assert!(
                port.starts_with("127.0.0.1:"),
                "{name} is open to everybody with a known password: {port}"
            );
        }
        if ROLES.contains(&name.as_str()) {
            assert!(service.get("user").is_none(), "{name} runs as the image says: not as root");
            assert_eq!(
                (&service["read_only"], texts(&service["cap_drop"])),
                (&Value::Bool(true), vec!["ALL".to_owned()])
            );
        }
    }
}

#[test]
fn every_volume_is_declared_and_used() {
    let declared: BTreeSet<String> = file()["volumes"].as_object().unwrap().keys().cloned().collect();
    let mounts =
        services().into_iter().flat_map(|(_, service)| service.get("volumes").map(texts).unwrap_or_default());
    let used: BTreeSet<String> = mounts.map(|mount| mount.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(declared, used);
}

/// A rehearsal replaces addresses and credentials, so that they fit together is looked at here.
#[test]
fn the_servers_and_the_fleet_agree_on_addresses_and_credentials() {
    let services = services();
    let set = |service: &str| -> BTreeMap<String, String> {
        let all = services[service]["environment"].as_object().unwrap();
        all.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
    };
    let (postgres, rabbitmq, s3) = (set("postgres"), set("rabbitmq"), set("s3"));
    let store = format!(
        "postgres://{}:{}@postgres:5432/{}",
        postgres["POSTGRES_USER"], postgres["POSTGRES_PASSWORD"], postgres["POSTGRES_DB"]
    );
    let queue = format!(
        "amqp://{}:{}@rabbitmq:5672/%2f",
        rabbitmq["RABBITMQ_DEFAULT_USER"], rabbitmq["RABBITMQ_DEFAULT_PASS"]
    );
    for process in fleet() {
        assert_eq!(process.configured("store.url"), store);
        if process.role != "migrate" {
            assert_eq!(process.configured("queue.url"), queue);
            assert_eq!(process.configured("blobs.url"), format!("s3://{}", s3["GARAGE_DEFAULT_BUCKET"]));
            assert_eq!(process.configured("blobs.access_key_id"), s3["GARAGE_DEFAULT_ACCESS_KEY"]);
            assert_eq!(process.configured("blobs.secret_access_key"), s3["GARAGE_DEFAULT_SECRET_KEY"]);
        }
    }
    let written = file()["configs"]["garage"]["content"].as_str().unwrap().to_owned();
    let garage: toml::Table = written.parse().unwrap();
    let worker = &fleet()[3];
    let address = garage["s3_api"]["api_bind_addr"].as_str().unwrap();
    assert_eq!(
        worker.configured("blobs.endpoint"),
        format!("http://s3:{}", address.rsplit(':').next().unwrap())
    );
    assert_eq!(worker.configured("blobs.region"), garage["s3_api"]["s3_region"].as_str().unwrap());
    for (mount, key) in [("s3-meta", "metadata_dir"), ("s3-data", "data_dir")] {
        let mounted = format!("{mount}:{}", garage[key].as_str().unwrap());
        assert!(texts(&services["s3"]["volumes"]).contains(&mounted), "{mounted}");
    }
}

#[test]
fn the_same_key_is_for_strangers_and_long_enough() {
    let api = &fleet()[1];
    assert!(api.configured("auth.bootstrap_key").len() >= 32);
    assert!(
        fleet()
            .iter()
            .filter(|other| other.role != "api")
            .all(|other| other.configured("auth.bootstrap_key").is_empty())
    );
}

#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compose_starts_a_fleet_that_works() {
    super::rehearsal::rehearse(fleet()).await;
}
