//! Pictures in every layout, on graphs so small that the right answer is plain.

use std::io::Cursor;
use std::path::Path;

use forebay_shared::job::{Kind, Object, Output, Params};
use forebay_worker::model::{Provider, Runtime, scan};
use forebay_worker::pipeline::{ImageClassification, Material, Pipeline};
use image::{ImageFormat, Rgb, RgbImage};

use super::ground::data;

const RED: [u8; 3] = [200, 100, 50];

/// Classifies a picture with one of the graphs in `colours/`; answers with its labels and scores, best first.
fn labels(graph: &str, manifest: &str, pictures: &[RgbImage]) -> Vec<Vec<(String, f32)>> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("colours");
    std::fs::create_dir_all(root.join("onnx")).unwrap();
    let graph = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/colours/{graph}.onnx"));
    std::fs::copy(graph, root.join("onnx/model.onnx")).unwrap();
    let config = r#"{"id2label": {"0": "red", "1": "green", "2": "blue"}}"#;
    std::fs::write(root.join("config.json"), config).unwrap();
    let preparation = r#"{"do_resize": false, "do_normalize": false, "rescale_factor": 0.00392156862745098}"#;
    std::fs::write(root.join("preprocessor_config.json"), preparation).unwrap();
    std::fs::write(root.join("forebay.toml"), format!("kind = \"image_classification\"\n{manifest}"))
        .unwrap();

    let model = scan(folder.path(), &[], 1_000_000).remove(0);
    let runtime = Runtime::load(Path::new(""), &[data().join("lib")], &[Provider::Cpu], 2).unwrap();
    let pipeline = ImageClassification::read(&model).unwrap();
    let mut engine = ImageClassification::load(&model, Some(&runtime)).unwrap();
    let prepare = |picture: &RgbImage| {
        let mut file = Vec::new();
        picture.write_to(&mut Cursor::new(&mut file), ImageFormat::Png).unwrap();
        let params = Params::parse(Kind::ImageClassification, &Object::new()).unwrap();
        pipeline.prepare(Material::Image(file.into()), params).unwrap()
    };
    let prepared: Vec<_> = pictures.iter().map(prepare).collect();
    let tensors = pipeline.collate(&prepared.iter().collect::<Vec<_>>()).unwrap();
    let raw = ImageClassification::run(&mut engine, &tensors).unwrap();
    let answers =
        prepared.into_iter().zip(raw).map(|(prepared, raw)| pipeline.finish(prepared, raw).unwrap());
    answers
        .map(|answer| match answer.output {
            Output::Labels { labels } => labels.into_iter().map(|label| (label.label, label.score)).collect(),
            other => panic!("labels were meant: {other:?}"),
        })
        .collect()
}

fn names(labels: &[(String, f32)]) -> Vec<&str> {
    labels.iter().map(|(label, _)| label.as_str()).collect()
}

#[test]
fn channels_stand_first_or_last_as_the_graph_has_them() {
    // Wider than high, so that a confusion of axes shows; and two of them, so that a confusion of rows does.
    let pictures = [RgbImage::from_pixel(5, 2, Rgb(RED)), RgbImage::from_pixel(5, 2, Rgb([10, 20, 250]))];
    let first = labels("channels_first", "", &pictures);
    assert_eq!(names(&first[0]), ["red", "green", "blue"]);
    assert_eq!(names(&first[1]), ["blue", "green", "red"]);
    assert_eq!(labels("channels_last", "", &pictures), first);
}

#[test]
fn channels_come_in_the_order_that_the_model_wants() {
    let picture = [RgbImage::from_pixel(5, 2, Rgb(RED))];
    for graph in ["channels_first", "channels_last"] {
        let labels = labels(graph, "[image]\nbgr = true", &picture);
        assert_eq!(names(&labels[0]), ["blue", "green", "red"]);
    }
}
