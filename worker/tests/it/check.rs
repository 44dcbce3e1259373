//! Models tried out before they serve: a healthy one, one whose own graph ties an item to its neighbours, none at all.

use std::path::Path;

use forebay_worker::check::check;
use forebay_worker::model::{Manifest, Provider, Runtime};

use super::ground::data;

fn runtime() -> Runtime {
    Runtime::load(Path::new(""), &[data().join("lib")], &[Provider::Cpu], 2).unwrap()
}

/// A folder with one of the graphs of these tests, which classifies pictures of one size.
fn classifier(graph: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("onnx")).unwrap();
    let graph = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(graph);
    std::fs::copy(graph, folder.path().join("onnx/model.onnx")).unwrap();
    let config = r#"{"architectures": ["ResNetForImageClassification"]}"#;
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    std::fs::write(folder.path().join("preprocessor_config.json"), r#"{"size": 16, "do_normalize": false}"#)
        .unwrap();
    // Few items, so that the trial is short.
    std::fs::write(folder.path().join("forebay.toml"), "aliases = [\"hues\"]\n[batch]\nitems = 4").unwrap();
    folder
}

#[test]
fn a_healthy_model_may_run_in_batches_and_its_manifest_says_in_which() {
    let folder = classifier("colours/channels_first.onnx");
    let report = check(folder.path(), Vec::new(), &runtime(), 1_000_000).unwrap();
    assert!(report.may_batch(), "{report}");
    assert!(report.to_string().contains("image_classification"), "the kind is told from the files: {report}");
    let manifest = report.manifest();
    std::fs::write(folder.path().join("forebay.toml"), &manifest).unwrap();
    let read = Manifest::read(folder.path()).expect("what is printed is a manifest");
    assert!(read.batch.images.is_some_and(|images| images >= 1), "{manifest}");
    assert_eq!((read.aliases, read.batch.items), (vec!["hues".to_owned()], Some(4)), "its own words stay");
}

#[test]
fn a_graph_that_ties_an_item_to_its_neighbours_is_found_and_told() {
    let folder = classifier("check/quantised.onnx");
    let report = check(folder.path(), Vec::new(), &runtime(), 1_000_000).unwrap();
    assert!(!report.may_batch(), "{report}");
    assert!(report.to_string().contains("an answer depends on what shares its batch"), "{report}");
    let manifest = report.manifest();
    assert!(manifest.contains("items = 1"), "{manifest}");
    std::fs::write(folder.path().join("forebay.toml"), &manifest).unwrap();
    assert_eq!(Manifest::read(folder.path()).unwrap().batch.items, Some(1));
}

#[test]
fn what_is_no_model_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let error = check(folder.path(), Vec::new(), &runtime(), 1_000_000).unwrap_err().to_string();
    assert!(error.contains("it has no onnx/model.onnx"), "{error}");
    std::fs::write(folder.path().join("model.onnx"), "no graph").unwrap();
    std::fs::write(folder.path().join("forebay.toml"), "kind = \"image_classification\"").unwrap();
    let error = check(folder.path(), Vec::new(), &runtime(), 1_000_000).unwrap_err().to_string();
    assert!(error.contains("model.onnx"), "{error}");
}
