//! `k8s/`: the base and its overlay for GPUs.

mod pods;

use serde_json::{Value, json};

use super::{ROLES, assert_mentions_exist, image, read, texts, yaml};
use pods::{container, declared};

const BASE: &str = "k8s/base";
const GPU: &str = "k8s/overlays/gpu";

/// Every object that a kustomization lists by file, in order.
fn objects(folder: &str) -> Vec<Value> {
    let files = texts(&kustomization(folder)["resources"]);
    files.iter().flat_map(|file| yaml(&read(&format!("{folder}/{file}")))).collect()
}

fn kustomization(folder: &str) -> Value {
    yaml(&read(&format!("{folder}/kustomization.yaml"))).remove(0)
}

/// The objects of a kind that run pods.
fn workloads() -> Vec<Value> {
    let runs = |object: &Value| object.pointer("/spec/template").is_some();
    objects(BASE).into_iter().filter(runs).collect()
}

fn deployments() -> Vec<Value> {
    objects(BASE).into_iter().filter(|object| object["kind"] == "Deployment").collect()
}

fn named(kind: &str, name: &Value) -> Value {
    let found = objects(BASE)
        .into_iter()
        .find(|object| object["kind"] == kind && &object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is a {kind} {name}"))
}

/// The workload of a role.
fn workload(role: &str) -> Value {
    let name = json!(format!("forebay-{role}"));
    named(if role == "migrate" { "Job" } else { "Deployment" }, &name)
}

/// The processes of the fleet.
fn fleet() -> Vec<super::Declared> {
    ROLES.map(|role| declared(role, &workload(role))).to_vec()
}

#[test]
fn what_kubernetes_starts_is_sound() {
    for process in fleet() {
        process.assert_sound();
    }
    for folder in [BASE, GPU] {
        for entry in std::fs::read_dir(format!("{}/../{folder}", env!("CARGO_MANIFEST_DIR"))).unwrap() {
            let name = entry.unwrap().file_name();
            let text = read(&format!("{folder}/{}", name.to_str().unwrap()));
            // One mention is not meant as a setting: what the cluster would set by itself.
            assert_mentions_exist(&text.replace("FOREBAY_API_PORT", ""));
        }
    }
}

#[test]
fn every_file_is_applied_but_the_example() {
    let mut there: Vec<String> = std::fs::read_dir(format!("{}/../{BASE}", env!("CARGO_MANIFEST_DIR")))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["kustomization.yaml", "secret.example.yaml"].contains(&name.as_str()))
        .collect();
    let mut applied = texts(&kustomization(BASE)["resources"]);
    there.sort();
    applied.sort();
    assert_eq!(there, applied);
    assert!(
        objects(BASE).iter().all(|object| object["kind"] != "Secret"),
        "no secret is applied by accident"
    );
}

#[test]
fn pods_may_do_nothing_special() {
    for object in workloads() {
        let pod = &object["spec"]["template"]["spec"];
        let name = &object["metadata"]["name"];
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        // The cluster would set FOREBAY_API_PORT and its like, and the program refuses what it does not know.
        assert_eq!(pod["enableServiceLinks"], false, "{name}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_eq!(pod["securityContext"]["runAsUser"], image::user(), "{name}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        let own = &container(&object)["securityContext"];
        assert_eq!(own["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(own["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(own["capabilities"]["drop"], json!(["ALL"]), "{name}");
        let resources = &container(&object)["resources"];
        assert!(
            resources["requests"]["cpu"].is_string() && resources["requests"]["memory"].is_string(),
            "{name}"
        );
        assert!(resources["limits"]["memory"].is_string(), "{name}");
    }
}

#[test]
fn every_deployment_is_probed_spread_served_and_guarded() {
    for object in deployments() {
        let name = &object["metadata"]["name"];
        let labels = &object["spec"]["template"]["metadata"]["labels"];
        assert!(object["spec"]["replicas"].as_u64() > Some(1), "{name} survives a node");
        assert_eq!(&object["spec"]["selector"]["matchLabels"], labels, "{name}");
        for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
            assert_eq!(container(&object)[probe]["httpGet"]["path"], path, "{name}");
        }
        let spread = &object["spec"]["template"]["spec"]["topologySpreadConstraints"][0];
        assert_eq!(&spread["labelSelector"]["matchLabels"], labels, "{name}");
        let guard = named("PodDisruptionBudget", name);
        assert_eq!(&guard["spec"]["selector"]["matchLabels"], labels, "{name}");
        assert!(guard["spec"]["minAvailable"] == 1 || guard["spec"]["maxUnavailable"] == 1, "{name}");
        let service = named("Service", name);
        assert_eq!(&service["spec"]["selector"], labels, "{name}");
        assert_eq!(
            service["spec"]["ports"][0]["targetPort"],
            container(&object)["ports"][0]["name"],
            "{name}"
        );
    }
    assert_eq!(deployments().len(), 3);
}

#[test]
fn images_are_named_once_and_have_a_version() {
    let base = kustomization(BASE);
    for object in workloads() {
        assert_eq!(container(&object)["image"], base["images"][0]["name"]);
    }
    let gpu = kustomization(GPU);
    assert_eq!(gpu["images"][0]["newTag"], base["images"][0]["newTag"], "both are built from one version");
    assert_eq!(base["images"][0]["newTag"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_overlay_gives_the_workers_gpus_and_tells_them_to_use_them() {
    let gpu = kustomization(GPU);
    assert_eq!(texts(&gpu["resources"]), ["../../base"]);
    let patch = yaml(&read(&format!("{GPU}/{}", gpu["patches"][0]["path"].as_str().unwrap()))).remove(0);
    let base = workload("worker");
    assert_eq!((&patch["kind"], &patch["metadata"]["name"]), (&base["kind"], &base["metadata"]["name"]));
    let (patched, whole) = (container(&patch), container(&base));
    assert_eq!(patched["name"], whole["name"], "containers are matched by name");
    assert_eq!(patched["image"], gpu["images"][0]["name"]);
    assert_ne!(patched["image"], whole["image"], "the other image");
    assert_eq!(patched["resources"]["limits"]["nvidia.com/gpu"], "1");
    let set = &patched["env"][0];
    assert_eq!(set["name"], "FOREBAY_WORKER__PROVIDERS");
    let providers: Value = serde_json::from_str(set["value"].as_str().unwrap()).expect("lists are JSON");
    assert_eq!(providers, json!(["cuda"]), "the image has CUDA, and no TensorRT");
}

#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubernetes_starts_a_fleet_that_works() {
    super::rehearsal::rehearse(fleet()).await;
}
