//! Kinds that give pictures, on graphs so small that the right answer is plain.

use std::io::Cursor;
use std::path::Path;

use forebay_shared::config::Size;
use forebay_shared::job::{ImageSource, Input, Item, Job, NewJob, Object, Status};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use super::ground::{Ground, data};

/// A worker's ground with one model of a graph beside this file.
pub async fn ground(graph: &str, files: &[(&str, &str)]) -> (Ground, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join(graph);
    std::fs::create_dir_all(root.join("onnx")).unwrap();
    let onnx = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/drawing/{graph}.onnx"));
    std::fs::copy(onnx, root.join("onnx/model.onnx")).unwrap();
    for (name, content) in files {
        std::fs::write(root.join(name), content).unwrap();
    }
    let mut ground = Ground::with_models(&[]).await;
    assert!(data().join("lib").is_dir(), "`cargo xtask setup` fetches the runtime library");
    folder.path().clone_into(&mut ground.config.models_dir);
    (ground, folder)
}

/// An item of a picture.
pub fn item(picture: &RgbImage, params: &Value) -> Item {
    let mut file = Vec::new();
    picture.write_to(&mut Cursor::new(&mut file), ImageFormat::Png).unwrap();
    let params = params.as_object().cloned().unwrap_or_default();
    Item { input: Input::Image(ImageSource::Inline(file)), params }
}

/// Runs a job of these items; answers with it, its result and its files as pictures.
pub async fn run(ground: &mut Ground, job: NewJob) -> (Job, Value, Vec<DynamicImage>) {
    let worker = ground.start().await;
    let ids = ground.submit(&[job]).await;
    let job = ground.ended(&ids).await.remove(0);
    let result = ground.result(&job).await;
    let mut pictures = Vec::new();
    for file in &job.files {
        let bytes = ground.blobs.get(&file.key).await.unwrap();
        assert_eq!(file.bytes, bytes.len() as u64);
        let format = image::guess_format(&bytes).unwrap();
        assert_eq!(file.content_type, format.to_mime_type());
        pictures.push(image::load_from_memory_with_format(&bytes, format).unwrap());
    }
    worker.stop().await;
    (job, result, pictures)
}

const MASK: [(&str, &str); 2] = [
    ("forebay.toml", "kind = \"background_removal\""),
    (
        "preprocessor_config.json",
        r#"{"size": {"height": 8, "width": 8}, "do_normalize": false, "rescale_factor": 0.00392156862745098}"#,
    ),
];

/// White on the left, black on the right.
fn half(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| Rgb([if x < width / 2 { 255 } else { 0 }; 3]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_takes_one_picture_at_a_time_gives_each_its_own_mask() {
    let (mut ground, _models) = ground("mask", &MASK).await;
    let grey = |shade: u8| RgbImage::from_pixel(9, 5, Rgb([shade; 3]));
    let webp = json!({"format": "webp"});
    let torn = Item { input: Input::Image(ImageSource::Inline(b"GIF89a".to_vec())), params: Object::new() };
    let items = [
        item(&half(32, 8), &Value::Null),
        item(&grey(255), &webp),
        torn,
        item(&grey(51), &json!({"output": "mask"})),
        item(&half(16, 4), &json!({"background": "#0000ff"})),
    ];
    let job = ground.job("mask", &items);
    let (job, result, pictures) = run(&mut ground, job).await;
    assert_eq!((job.status, job.succeeded, job.failed), (Status::Succeeded, 4, 1));

    assert_eq!(job.files.iter().map(|file| file.item).collect::<Vec<_>>(), [0, 1, 3, 4]);
    let said = |item: usize| result["items"][item]["output"].clone();
    for (n, file) in job.files.iter().enumerate() {
        let (item, picture) = (file.item as usize, &pictures[n]);
        let (width, height) = (picture.width(), picture.height());
        let told =
            json!({"width": width, "height": height, "content_type": file.content_type, "bytes": file.bytes});
        assert_eq!((said(item), &result["items"][item]["files"]), (told, &json!([n])));
    }
    let cut = pictures[0].to_rgba8();
    assert_eq!((cut.dimensions(), cut[(0, 0)].0, cut[(31, 7)].0[3]), ((32, 8), [255; 4], 0));
    assert_eq!(job.files[1].content_type, "image/webp");
    assert!(pictures[1].to_rgba8().pixels().all(|pixel| pixel.0 == [255; 4]));
    assert_eq!(pictures[2], DynamicImage::ImageLuma8(image::GrayImage::from_pixel(9, 5, image::Luma([51]))));
    let painted = pictures[3].to_rgb8();
    assert_eq!((painted[(0, 0)].0, painted[(15, 3)].0), ([255; 3], [0, 0, 255]));
}

/// Media go to the object store as they are made: a job whose media together need more than the room for pictures ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_many_pictures_needs_no_more_room_than_a_few_of_them() {
    let (mut ground, _models) = ground("mask", &MASK).await;
    // Half of it holds one of these pictures, and not two.
    ground.config.decode_memory = Size::new(2 << 20);
    let items: Vec<_> = (0..12).map(|_| item(&half(240, 200), &Value::Null)).collect();
    let job = ground.job("mask", &items);
    let (job, _, pictures) = run(&mut ground, job).await;
    assert_eq!((job.succeeded, pictures.len()), (12, 12));
    assert!(pictures.iter().all(|picture| *picture == pictures[0]));
}
