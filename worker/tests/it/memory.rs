//! Too little memory: of a device for a batch, here of a graph that asks for four tebibytes when it gets three pictures; and
//! of a worker for all its models; and what a run leaves behind.

use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use forebay_shared::config::Size;
use forebay_shared::job::{ImageSource, Input, Item, Kind, Object, Params};
use forebay_worker::model::{Arenas, Provider, Runtime, scan};
use forebay_worker::pipeline::{ImageClassification, Material, Pipeline};
use image::{ImageFormat, Rgb, RgbImage};

use super::ground::{Ground, data};

/// Pictures of a job: as many as the manifest lets into one batch.
const PICTURES: u32 = 8;

fn picture(red: u8) -> Item {
    let mut file = Vec::new();
    RgbImage::from_pixel(4, 4, Rgb([red, 100, 50]))
        .write_to(&mut Cursor::new(&mut file), ImageFormat::Png)
        .unwrap();
    Item { input: Input::Image(ImageSource::Inline(file)), params: Object::new() }
}

/// Adds a model of this name, with more in its manifest.
fn add(models: &Path, name: &str, manifest: &str) {
    add_graph(models, (name, "short"), manifest);
}

fn add_graph(models: &Path, (name, graph): (&str, &str), manifest: &str) {
    let root = models.join(name);
    std::fs::create_dir_all(root.join("onnx")).unwrap();
    let graph = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/memory/{graph}.onnx"));
    std::fs::copy(graph, root.join("onnx/model.onnx")).unwrap();
    let manifest = format!("kind = \"image_classification\"\n[batch]\nimages = 8\n{manifest}");
    std::fs::write(root.join("forebay.toml"), manifest).unwrap();
    let preparation = r#"{"do_resize": false, "do_normalize": false}"#;
    std::fs::write(root.join("preprocessor_config.json"), preparation).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_too_large_is_halved_and_no_other_is_as_large() {
    let models = tempfile::tempdir().unwrap();
    add(models.path(), "short", "");
    let mut ground = Ground::with_models(&["short"]).await;
    ground.config.models_dir = models.path().to_owned();
    ground.config.runtime = data().join("lib/libonnxruntime.so");
    let worker = ground.start().await;

    let mut sizes = Vec::new();
    for _ in 0..2 {
        let items: Vec<_> = (0..8).map(|n| picture(n * 30)).collect();
        let ids = ground.submit(&[ground.job("short", &items)]).await;
        let job = ground.ended(&ids).await.remove(0);
        assert_eq!((job.succeeded, job.failed), (PICTURES, 0));
        let result = ground.result(&job).await;
        let best = |n: usize| &result["items"][n]["output"]["labels"][0]["label"];
        assert_eq!(
            (best(0), best(7)),
            (&"LABEL_1".into(), &"LABEL_0".into()),
            "each item got its own answer"
        );
        let account = ground.store().explain("alice", job.id).await.unwrap().unwrap().account.unwrap();
        sizes.push(account.batches.iter().map(|batch| (batch.items, batch.split)).collect::<Vec<_>>());
    }
    assert!(sizes[0].iter().any(|(items, split)| *items > 2 && *split), "{sizes:?}");
    assert!(sizes[1].iter().all(|(items, split)| *items <= 2 && !split), "{sizes:?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_that_do_not_fit_together_take_turns() {
    let models = tempfile::tempdir().unwrap();
    for (name, manifest) in [("one", ""), ("two", "[load]\nwarm_up = true"), ("three", "")] {
        add(models.path(), name, manifest);
    }
    let mut ground = Ground::with_models(&["one", "two", "three"]).await;
    ground.config.models_dir = models.path().to_owned();
    ground.config.runtime = data().join("lib/libonnxruntime.so");
    // Each has some hundred bytes of files: no two fit.
    ground.config.model_memory = Size::new(800);
    ground.config.runs_at_once = 1;
    let worker = ground.start().await;
    for _ in 0..3 {
        let jobs = ["one", "two", "three", "one"].map(|name| ground.job(name, &[picture(0), picture(200)]));
        let ids = ground.submit(&jobs).await;
        for job in ground.ended(&ids).await {
            assert_eq!((job.succeeded, job.failed), (2, 0), "{}", job.model);
        }
    }
    worker.stop().await;
}

/// What this tells the process that looks at its own memory.
const SHRINK: &str = "FOREBAY_TEST_SHRINK";

#[test]
fn a_run_gives_its_memory_back_where_that_is_asked_for() {
    if let Some(shrink) = forebay_shared::testing::asked(SHRINK) {
        println!("\nleft {}", left_behind(shrink == "true"));
        return;
    }
    // A process that does nothing else tells how much it holds.
    let [kept, given_back] = ["false", "true"].map(|shrink| {
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args([
            "--exact",
            "memory::a_run_gives_its_memory_back_where_that_is_asked_for",
            "--nocapture",
        ]);
        let output = String::from_utf8(process.env(SHRINK, shrink).output().unwrap().stdout).unwrap();
        let left = output.lines().find_map(|line| line.strip_prefix("left ")).expect("the process tells");
        left.parse::<u64>().unwrap()
    });
    assert!(kept >= 400, "the next run finds {kept} MiB");
    assert!(given_back <= 100, "{given_back} MiB are left");
}

/// Mebibytes that a process has more after a run that needs 512 of them.
fn left_behind(shrink: bool) -> u64 {
    let models = tempfile::tempdir().unwrap();
    add_graph(models.path(), ("wide", "wide"), "");
    let model = scan(models.path(), &[], 100).pop().unwrap();
    let runtime = Runtime::load(Path::new(""), &[data().join("lib")], &[Provider::Cpu], 2).unwrap();
    let runtime = runtime.with_arenas(Arenas { gpu_memory: 0, shrink });
    let mut engine = ImageClassification::load(&model, Some(&runtime)).unwrap();
    let pipeline = ImageClassification::read(&model).unwrap();
    let Item { input: Input::Image(ImageSource::Inline(file)), .. } = picture(7) else { unreachable!() };
    let params = Params::parse(Kind::ImageClassification, &Object::new()).unwrap();
    let prepared = pipeline.prepare(Material::Image(file.into()), params).unwrap();
    let tensors = pipeline.collate(&[&prepared]).unwrap();
    let before = resident();
    ImageClassification::run(&mut engine, &tensors).unwrap();
    resident().saturating_sub(before)
}

/// Mebibytes that this process has in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
