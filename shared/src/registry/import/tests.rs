use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::blobs::Blobs;
use crate::clock::SystemClock;
use crate::config::RegistryConfig;
use crate::job::Kind;
use crate::registry::{Assembly, FOLDER, FetchError, Silent, Target, fetch};
use crate::shutdown::Tasks;
use crate::store::Sqlite;
use crate::testing::{card, registrar, registry_config};

struct Ground {
    registrar: Registrar,
    folder: tempfile::TempDir,
    data: tempfile::TempDir,
}

fn target(file: &Path) -> Target<'_> {
    Target { file, reserve: Size::new(0) }
}

impl Ground {
    async fn new() -> Self {
        let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = data.path().join("forebay.db");
        let store = Sqlite::open(&file, Arc::new(SystemClock), &Tasks::new()).await.unwrap();
        let ids = crate::testing::fresh_ids();
        let registrar = registrar(Arc::new(store), &Blobs::in_memory(), &ids, data.path());
        Self { registrar, folder, data }
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let file = self.folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    fn import(&self, name: &str) -> Import {
        let from = self.folder.path().to_owned();
        Import { from, owner: None, name: name.to_owned(), source: "test".to_owned() }
    }

    async fn imported(&self, name: &str) -> Imported {
        self.registrar.import(self.import(name), Arc::new(Silent)).await.unwrap()
    }

    async fn refused(&self, limits: RegistryConfig) -> String {
        let registrar = Registrar { limits, ..self.registrar.clone() };
        registrar.import(self.import("mood"), Arc::new(Silent)).await.unwrap_err().to_string()
    }

    async fn objects(&self) -> Vec<String> {
        let listed = self.registrar.blobs.list(FOLDER);
        listed.map_ok(|entry| entry.key).try_collect().await.unwrap()
    }
}

#[tokio::test]
async fn a_folder_becomes_a_model_and_a_folder_again() {
    let ground = Ground::new().await;
    let weights: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    ground.write("onnx/model.onnx", &weights);
    ground.write("config.json", b"{}");
    ground.write("empty.txt", b"");
    ground.write(".cache/hidden", b"not a part");
    let imported = ground.imported("org/mood").await;
    assert_eq!((imported.change, imported.stored), (Change::Added, 12_000_002));
    assert_eq!((imported.model.name.as_str(), imported.model.bytes), ("org/mood", 12_000_002));
    let out = tempfile::tempdir().unwrap();
    let files = ground.registrar.store.registered_files(None, "org/mood").await.unwrap();
    assert_eq!(files.len(), 3);
    for (file, content) in files {
        assert!(content.object.starts_with(&format!("models/{}/", file.digest)), "{}", content.object);
        let to = out.path().join(file.path.replace('/', "_"));
        fetch(&ground.registrar.blobs, &content, target(&to), &Silent).await.unwrap();
    }
    assert_eq!(std::fs::read(out.path().join("onnx_model.onnx")).unwrap(), weights);
    assert_eq!(std::fs::read(out.path().join("empty.txt")).unwrap(), b"");
}

#[tokio::test]
async fn equal_bytes_are_stored_once() {
    let ground = Ground::new().await;
    ground.write("model.onnx", b"weights");
    ground.write("copy.onnx", b"weights");
    assert_eq!(ground.imported("mood").await.stored, 7);
    let again = ground.imported("mood").await;
    assert_eq!((again.change, again.stored), (Change::Unchanged, 0));
    let other = ground.imported("other").await;
    assert_eq!((other.change, other.stored), (Change::Added, 0));
    ground.write("model.onnx", b"better weights");
    let better = ground.imported("mood").await;
    assert_eq!((better.change, better.stored), (Change::Replaced, 14));
    assert_eq!(ground.objects().await.len(), 2);
}

#[tokio::test]
async fn imports_at_once_agree_on_one_object() {
    let ground = Ground::new().await;
    ground.write("model.onnx", b"weights");
    let (one, two) = tokio::join!(ground.imported("one"), ground.imported("two"));
    assert_eq!(one.model.digest, two.model.digest);
    let files = ground.registrar.store.registered_files(None, "one").await.unwrap();
    assert_eq!(ground.objects().await, [files[0].1.object.clone()], "the slower one's is removed");
}

#[tokio::test]
async fn what_is_too_much_is_refused_before_anything_is_stored() {
    let ground = Ground::new().await;
    assert!(ground.refused(registry_config()).await.contains("there are no files in it"));
    ground.write("a", b"1234");
    ground.write("b/c", b"1234");
    let few = RegistryConfig { max_files: 1, ..registry_config() };
    assert!(ground.refused(few).await.contains("at most 1 files (registry.max_files)"));
    let small = RegistryConfig { max_bytes: Size::new(7), ..registry_config() };
    assert!(ground.refused(small).await.contains("at most 7 B (registry.max_bytes), not 8 B"));
    let bad = ground.registrar.import(ground.import("../mood"), Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(bad, ImportError::Name(_)), "{bad}");
    std::os::unix::fs::symlink(".", ground.folder.path().join("circle")).unwrap();
    let circle = ground.refused(registry_config()).await;
    assert!(circle.contains("deeper than 8 folders") || circle.contains("registry.max_files"), "{circle}");
    assert!(ground.objects().await.is_empty());
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_is_not_stored_under_a_wrong_digest() {
    /// Writes to the file when it has been read once.
    struct Meddler(PathBuf, AtomicU64);
    impl Progress for Meddler {
        fn begin(&self, what: &'static str, _: Option<u64>) {
            if what == "storing" {
                std::fs::write(&self.0, b"meddled").unwrap();
                self.1.fetch_add(1, Ordering::Relaxed);
            }
        }
        fn advance(&self, _: u64) {}
    }
    let ground = Ground::new().await;
    ground.write("model.onnx", b"weights");
    let meddler = Arc::new(Meddler(ground.folder.path().join("model.onnx"), AtomicU64::new(0)));
    let changed = ground.registrar.import(ground.import("mood"), meddler.clone()).await.unwrap_err();
    assert!(matches!(changed, ImportError::Changed { .. }), "{changed}");
    assert_eq!(meddler.1.load(Ordering::Relaxed), 1);
    assert!(ground.objects().await.is_empty());
    assert!(ground.registrar.store.all_registered().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_object_does_not_become_a_file() {
    let ground = Ground::new().await;
    ground.write("model.onnx", b"weights");
    ground.imported("mood").await;
    let content = ground.registrar.store.registered_files(None, "mood").await.unwrap().remove(0).1;
    ground.registrar.blobs.put(&content.object, "WEIGHTS".into()).await.unwrap();
    let out = tempfile::tempdir().unwrap();
    let to = out.path().join("model.onnx");
    let wrong = fetch(&ground.registrar.blobs, &content, target(&to), &Silent).await.unwrap_err();
    assert!(matches!(wrong, FetchError::Wrong { .. }), "{wrong}");
    ground.registrar.blobs.put(&content.object, "short".into()).await.unwrap();
    assert!(fetch(&ground.registrar.blobs, &content, target(&to), &Silent).await.is_err());
    let full = Target { reserve: Size::new(u64::MAX), ..target(&to) };
    let full = fetch(&ground.registrar.blobs, &content, full, &Silent).await.unwrap_err().to_string();
    assert!(full.contains("registry.disk_reserve"), "{full}");
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_no_worker_could_serve_is_not_stored() {
    let ground = Ground::new().await;
    ground.write("model.onnx", b"weights");
    ground.write("unservable", b"");
    let why = ground.refused(registry_config()).await;
    assert_eq!(why, "this is no model that can be served: unservable: it says so itself");
    assert!(ground.objects().await.is_empty());
}

impl Ground {
    /// What is left of archives and of files that were looked at.
    fn left(&self) -> usize {
        let entries = std::fs::read_dir(self.data.path().join("scratch")).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
    }

    /// Makes a model of alice's of these files.
    async fn assembled(&self, files: &[(&str, ContentDigest)]) -> Result<Imported, ImportError> {
        let files = files.iter().map(|(path, digest)| ((*path).to_owned(), *digest)).collect();
        let assembly =
            Assembly { owner: Some("alice".into()), name: "made".into(), source: "files".into(), files };
        self.registrar.assemble(assembly, Arc::new(Silent)).await
    }
}

#[tokio::test]
async fn a_panic_over_an_archive_fails_its_import_alone() {
    let ground = Ground::new().await;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("model.onnx", zip::write::SimpleFileOptions::default()).unwrap();
    let archive = ground.folder.path().join("archive.zip");
    std::fs::write(&archive, zip.finish().unwrap().into_inner()).unwrap();
    let import = || Import { from: archive.clone(), ..ground.import("mood") };
    let panicking =
        Registrar { examine: |_, _| panic!("a graph that nobody thought of"), ..ground.registrar.clone() };
    let refused = panicking.import(import(), Arc::new(Silent)).await.unwrap_err();
    assert_eq!(refused.to_string(), "reading it met a defect of the service; its log says more");
    assert_eq!(ground.left(), 0);
    ground.registrar.import(import(), Arc::new(Silent)).await.unwrap();
}

#[tokio::test]
async fn an_archive_that_has_arrived_becomes_a_model_and_goes() {
    let ground = Ground::new().await;
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in [("mood/model.onnx", &b"weights"[..]), ("mood/config.json", b"{}")] {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, path, bytes).unwrap();
    }
    let archive = archive.into_inner().unwrap();
    let mut arrival = ground.registrar.receive().await.unwrap();
    for piece in archive.chunks(1000) {
        arrival.write(piece).await.unwrap();
    }
    let import = Import { from: arrival.whole().await.unwrap().to_owned(), ..ground.import("mood") };
    let imported = ground.registrar.import(import, Arc::new(Silent)).await.unwrap();
    assert_eq!((imported.change, imported.stored), (Change::Added, 9));
    assert_eq!(ground.left(), 1, "the archive, until nobody wants it any more");
    arrival.discard().await;
    assert_eq!(ground.left(), 0);
}

#[tokio::test]
async fn an_archive_that_arrives_is_bounded() {
    let ground = Ground::new().await;
    let small = RegistryConfig { max_bytes: Size::new(10), ..registry_config() };
    let registrar = Registrar { limits: small, ..ground.registrar.clone() };
    let mut arrival = registrar.receive().await.unwrap();
    arrival.write(b"0123456789").await.unwrap();
    let error = arrival.write(b"0").await.unwrap_err().to_string();
    assert_eq!(error, "the archive has more than 10 B (registry.max_bytes)");
    let full = RegistryConfig { disk_reserve: Size::new(u64::MAX), ..registry_config() };
    let registrar = Registrar { limits: full, ..ground.registrar.clone() };
    let error = registrar.receive().await.unwrap().write(b"0").await.unwrap_err().to_string();
    assert!(error.contains("registry.disk_reserve"), "{error}");
    drop(arrival);
    assert_eq!(ground.left(), 0);
}

#[tokio::test]
async fn stored_bytes_become_a_model() {
    let ground = Ground::new().await;
    ground.write("onnx/model.onnx", b"weights");
    ground.write("config.json", b"{}");
    let whole = ground.imported("mood").await.model;
    let stored = ground.registrar.store.registered_files(None, "mood").await.unwrap();
    let [config, weights] = [stored[0].0.digest, stored[1].0.digest];
    let files = [("config.json", config), ("onnx/model.onnx", weights), (".hidden", weights)];
    let made = ground.assembled(&files).await.unwrap();
    assert_eq!((made.change, made.stored, made.model.digest), (Change::Added, 0, whole.digest));
    assert_eq!((made.model.owner.as_deref(), made.model.bytes), (Some("alice"), 9));
    assert_eq!((ground.left(), ground.objects().await.len()), (0, 2));
}

#[tokio::test]
async fn what_cannot_become_a_model_is_refused() {
    let ground = Ground::new().await;
    ground.write("weights", b"weights");
    ground.imported("mood").await;
    let weights = ground.registrar.store.registered_files(None, "mood").await.unwrap()[0].0.digest;
    let nowhere = ContentDigest([7; 32]);
    let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    let many: Vec<(&str, ContentDigest)> = many.iter().map(|path| (path.as_str(), weights)).collect();
    for (files, why) in [
        (&[][..], "there are no files"),
        (&[(".hidden", weights)], "there are no files"),
        (&[("a", weights), ("b", nowhere)], "no bytes with the SHA-256 0707"),
        (&[("../a", weights)], "leads out of the model's folder"),
        (&[("a", weights), ("a/b/c", weights)], "`a/b/c` stands in `a`, which is a file too"),
        (&[("unservable", weights)], "no model that can be served: unservable: it says so itself"),
        (&many, "at most 20 files (registry.max_files)"),
    ] {
        let error = ground.assembled(files).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let small = RegistryConfig { max_bytes: Size::new(13), ..registry_config() };
    let ground = Ground { registrar: Registrar { limits: small, ..ground.registrar.clone() }, ..ground };
    let error = ground.assembled(&[("a", weights), ("b", weights)]).await.unwrap_err().to_string();
    assert!(error.contains("at most 13 B (registry.max_bytes), not 14 B"), "{error}");
    assert_eq!(ground.left(), 0);
}

#[tokio::test]
async fn an_owner_has_no_more_models_than_it_may() {
    let ground = Ground::new().await;
    ground.write("model.onnx", b"weights");
    let limits = RegistryConfig { max_models: 2, ..registry_config() };
    let registrar = Registrar { limits, ..ground.registrar.clone() };
    let import = async |owner: Option<&str>, name: &str| {
        let import = Import { owner: owner.map(str::to_owned), ..ground.import(name) };
        registrar.import(import, Arc::new(Silent)).await.map(drop).map_err(|error| error.to_string())
    };
    let alice = Some("alice");
    import(alice, "one").await.unwrap();
    assert!(registrar.copy(alice, "one", "two").await.is_ok());
    let refused = import(alice, "three").await.unwrap_err();
    assert_eq!(refused, "an owner has at most 2 models (registry.max_models); delete one first");
    assert_eq!(registrar.copy(alice, "one", "three").await.unwrap_err().to_string(), refused);
    let files = registrar.store.registered_files(alice, "one").await.unwrap();
    let assembly = Assembly {
        owner: Some("alice".to_owned()),
        name: "three".to_owned(),
        source: "test".to_owned(),
        files: files.into_iter().map(|(file, _)| (file.path, file.digest)).collect(),
    };
    let assembled = registrar.assemble(assembly, Arc::new(Silent)).await.map(drop);
    assert_eq!(assembled.unwrap_err().to_string(), refused);
    import(alice, "two").await.unwrap();
    for (owner, name) in [(Some("bob"), "bobs"), (None, "a"), (None, "b"), (None, "c")] {
        import(owner, name).await.unwrap();
    }
    registrar.store.delete_model(alice, "two").await.unwrap();
    import(alice, "three").await.unwrap();
}

#[tokio::test]
async fn an_owners_model_says_so_much_of_itself_and_no_more() {
    fn wordy(folder: &Path, name: &str) -> Result<ModelCard, String> {
        let words = std::fs::read_to_string(folder.join("words")).map_err(|error| error.to_string())?;
        Ok(ModelCard { labels: vec![words], ..card(name, Kind::Echo) })
    }
    let ground = Ground::new().await;
    let registrar = Registrar { examine: wordy, ..ground.registrar.clone() };
    let import = async |owner: Option<&str>, words: usize| {
        ground.write("words", "x".repeat(words).as_bytes());
        let import = Import { owner: owner.map(str::to_owned), ..ground.import("mood") };
        registrar.import(import, Arc::new(Silent)).await.map(drop).map_err(|error| error.to_string())
    };
    let refused = import(Some("alice"), 64 * 1024).await.unwrap_err();
    assert!(refused.ends_with("most of them in `labels`; at most 65536 are taken"), "{refused}");
    assert!(ground.objects().await.is_empty());
    import(Some("alice"), 60 * 1024).await.unwrap();
    registrar.store.delete_model(Some("alice"), "mood").await.unwrap();
    import(None, 64 * 1024).await.unwrap();
}
