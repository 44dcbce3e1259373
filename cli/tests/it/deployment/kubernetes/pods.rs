//! What a pod's process is started with, once ConfigMap and Secrets are looked up.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::super::{Check, Declared, image, read, texts, yaml};
use super::{BASE, kustomization};

/// The one container of a workload.
pub fn container(workload: &Value) -> Value {
    let all = workload.pointer("/spec/template/spec/containers").and_then(Value::as_array).unwrap();
    assert_eq!(all.len(), 1);
    all[0].clone()
}

/// A role's process.
pub fn declared(role: &'static str, workload: &Value) -> Declared {
    let container = container(workload);
    assert!(container.get("command").is_none(), "the image's entry point stays");
    let probes = ["livenessProbe", "readinessProbe"].iter().filter_map(|probe| container.get(*probe));
    let told = workload.pointer("/spec/template/spec/terminationGracePeriodSeconds").and_then(Value::as_u64);
    let whole = Duration::from_secs(told.unwrap_or(30));
    Declared {
        role,
        arguments: texts(&container["args"]),
        environment: environment(&container),
        checks: probes.map(|probe| check(probe, &container)).collect(),
        grace: whole.saturating_sub(pause(&container)),
    }
}

/// The image's variables, then those of `envFrom` in order, then those of `env`: the later stands over the earlier.
fn environment(container: &Value) -> BTreeMap<String, String> {
    let mut all = image::environment();
    for source in container["envFrom"].as_array().into_iter().flatten() {
        match (source.get("configMapRef"), source.get("secretRef")) {
            (Some(map), None) => all.extend(config_map(&map["name"])),
            (None, Some(secret)) => all.extend(example(&secret["name"])),
            _ => panic!("{source} is neither a ConfigMap nor a Secret"),
        }
    }
    for variable in container["env"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().unwrap().to_owned();
        all.insert(name, value(variable, container));
    }
    all
}

/// The value that an entry of `env` gives or refers to.
fn value(variable: &Value, container: &Value) -> String {
    if let Some(value) = variable["value"].as_str() {
        return value.to_owned();
    }
    let from = &variable["valueFrom"];
    if let Some(secret) = from.get("secretKeyRef") {
        return example(&secret["name"])[secret["key"].as_str().unwrap()].clone();
    }
    let resource =
        from["resourceFieldRef"]["resource"].as_str().unwrap_or_else(|| panic!("{variable} has a value"));
    let (list, name) = resource.split_once('.').unwrap();
    let amount = container["resources"][list][name].as_str().unwrap();
    // The cluster rounds up; whole numbers need no rounding.
    amount.parse::<u64>().expect("a whole number of cores").to_string()
}

fn config_map(name: &Value) -> BTreeMap<String, String> {
    let kustomization = kustomization(BASE);
    let map = kustomization["configMapGenerator"].as_array().unwrap().iter().find(|map| &map["name"] == name);
    let pairs = texts(&map.unwrap_or_else(|| panic!("there is a ConfigMap {name}"))["literals"]);
    pairs
        .iter()
        .map(|pair| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap())
        .collect()
}

fn example(name: &Value) -> BTreeMap<String, String> {
    let secrets = yaml(&read(&format!("{BASE}/secret.example.yaml")));
    let secret = secrets.iter().find(|secret| &secret["metadata"]["name"] == name);
    let pairs = &secret.unwrap_or_else(|| panic!("there is an example of the Secret {name}"))["stringData"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    pairs.as_object().unwrap().iter().map(|(key, value)| (key.clone(), text(value))).collect()
}

/// What a probe asks, with the name of its port looked up.
fn check(probe: &Value, container: &Value) -> Check {
    let asked = &probe["httpGet"];
    let ports = container["ports"].as_array().unwrap();
    let port = ports.iter().find(|port| port["name"] == asked["port"]).expect("a named port");
    let number = port["containerPort"].as_u64().unwrap();
    Check::Get(asked["path"].as_str().unwrap().to_owned(), number.try_into().unwrap())
}

/// How long the pod waits before its process is told to stop.
fn pause(container: &Value) -> Duration {
    let Some(hook) = container.pointer("/lifecycle/preStop/exec/command") else { return Duration::ZERO };
    let command = texts(hook);
    assert_eq!(command[0], "sleep", "what the image surely has");
    Duration::from_secs(command[1].parse().unwrap())
}
