use std::sync::Mutex;
use std::time::Instant;

use super::*;
use crate::config::{Secret, Size};
use crate::fetch::Guard;
use crate::hub::{Reference, choose};
use crate::job::FailureCode;
use crate::testing::{Manner, StandIn, hub_config};

const REPOSITORY: &str = "org/toy";
const GRAPH: &str = "onnx/model.onnx";
const LENGTH: usize = 300_000;

/// Remembers all that it hears.
#[derive(Debug, Default)]
struct Heard {
    fetched: Mutex<Vec<(String, u64)>>,
    waits: Mutex<Vec<Duration>>,
}

impl Watch for Heard {
    fn fetched(&self, file: &Wanted, completed: u64) {
        self.fetched.lock().unwrap().push((file.to.clone(), completed));
    }

    fn verifying(&self, _: &Wanted) {}

    fn waiting(&self, host: &str, wait: Duration) {
        assert_eq!(host, "127.0.0.1");
        self.waits.lock().unwrap().push(wait);
    }
}

/// Bytes of which no two ranges are alike.
fn weights() -> Vec<u8> {
    (0..LENGTH / 4)
        .flat_map(|n| u32::try_from(n).unwrap().wrapping_mul(2_654_435_761).to_le_bytes())
        .collect()
}

async fn stand_in() -> StandIn {
    let files = [("config.json", b"{}".to_vec()), ("README.md", b"# Toy".to_vec()), (GRAPH, weights())];
    StandIn::serving([(REPOSITORY, files.into())]).await
}

fn loopback() -> Guard {
    "127.0.0.0/8".parse().unwrap()
}

fn hub(stand_in: &StandIn) -> Hub {
    Hub::new(&hub_config(&stand_in.url), loopback()).unwrap()
}

struct Ground {
    hub: Hub,
    folder: tempfile::TempDir,
    heard: Heard,
}

impl Ground {
    fn new(stand_in: &StandIn) -> Self {
        Self::with(hub(stand_in))
    }

    fn with(hub: Hub) -> Self {
        Self { hub, folder: tempfile::tempdir().unwrap(), heard: Heard::default() }
    }

    /// Whoever has this token.
    fn known_by(stand_in: &StandIn, token: &str) -> Self {
        let config = crate::config::HubConfig { token: Secret::new(token), ..hub_config(&stand_in.url) };
        Self::with(Hub::new(&config, loopback()).unwrap())
    }

    async fn plan(&self, reference: &str) -> Result<Download, HubError> {
        let reference: Reference = reference.parse().unwrap();
        let snapshot = self.hub.look(&reference, &self.heard).await?;
        let stated = self.hub.stated(&snapshot, &self.heard).await?;
        let choice = choose(&reference, &snapshot.listed, stated.as_ref()).unwrap();
        let (folder, reserve) = (self.folder.path().to_owned(), Size::new(0));
        Ok(Download { snapshot, choice, folder, reserve })
    }

    async fn fetch(&self) -> Result<Download, HubError> {
        self.fetch_as(REPOSITORY).await
    }

    async fn fetch_as(&self, reference: &str) -> Result<Download, HubError> {
        let download = self.plan(reference).await?;
        self.hub.download(&download, &self.heard).await?;
        Ok(download)
    }
}

/// What came, by path.
fn brought(download: &Download) -> Vec<(String, Vec<u8>)> {
    let read =
        |wanted: &Wanted| (wanted.to.clone(), std::fs::read(download.model().join(&wanted.to)).unwrap());
    let files = download.choice.files.iter().map(read).collect();
    assert_eq!(count(&download.model()), download.choice.files.len(), "and nothing else");
    files
}

fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
}

/// A configuration and a graph that tell which revision they are of.
fn revision(name: &str) -> Vec<(String, Vec<u8>)> {
    vec![
        ("config.json".to_owned(), format!("{{\"of\": \"{name}\"}}").into_bytes()),
        (GRAPH.to_owned(), format!("the graph of {name}").into_bytes()),
    ]
}

fn code(error: &HubError) -> FailureCode {
    error.failure().code
}

#[tokio::test]
async fn a_model_comes_from_two_hosts_and_the_token_goes_to_one() {
    let stand_in = stand_in().await;
    stand_in.require("hf_secret");
    let ground = Ground::known_by(&stand_in, "hf_secret");
    let download = ground.plan(REPOSITORY).await.unwrap();
    assert_eq!(download.snapshot.commit, stand_in.commit(REPOSITORY));
    assert_eq!(download.missing().await, LENGTH as u64 + 2);
    ground.hub.download(&download, &ground.heard).await.unwrap();
    assert_eq!(download.missing().await, 0);
    assert_eq!(std::fs::read(download.model().join(GRAPH)).unwrap(), weights());
    assert!(!download.model().join("README.md").exists());
    let small = &stand_in.asked("config.json")[0];
    let large = &stand_in.asked(GRAPH)[0];
    assert!(small.with_token && !large.with_token, "{small:?} {large:?}");
    let heard = ground.heard.fetched.into_inner().unwrap();
    assert!(heard.contains(&(GRAPH.to_owned(), LENGTH as u64)), "the end is told");
}

#[tokio::test]
async fn a_branch_a_tag_and_a_commit_bring_their_own_bytes() {
    let stand_in = StandIn::serving([(REPOSITORY, revision("the beginning"))]).await;
    let beginning = stand_in.commit(REPOSITORY);
    let tag = stand_in.revise(REPOSITORY, "v1.0", revision("v1.0"));
    let branch = stand_in.revise(REPOSITORY, "refs/pr/1", revision("a branch"));
    let main = stand_in.revise(REPOSITORY, "main", revision("main"));
    for (wish, commit, of) in [
        (String::new(), &main, "main"),
        ("@main".to_owned(), &main, "main"),
        ("@v1.0".to_owned(), &tag, "v1.0"),
        ("@refs/pr/1".to_owned(), &branch, "a branch"),
        (format!("@{tag}"), &tag, "v1.0"),
        (format!("@{beginning}"), &beginning, "the beginning"),
    ] {
        let ground = Ground::new(&stand_in);
        let download = ground.fetch_as(&format!("{REPOSITORY}{wish}")).await.unwrap();
        assert_eq!(&download.snapshot.commit, commit, "{wish}");
        assert_eq!(brought(&download), revision(of), "{wish}");
    }
}

#[tokio::test]
async fn a_branch_that_moves_meanwhile_changes_nothing() {
    let stand_in = StandIn::serving([(REPOSITORY, revision("the beginning"))]).await;
    let ground = Ground::new(&stand_in);
    let download = ground.plan(REPOSITORY).await.unwrap();
    stand_in.revise(REPOSITORY, "main", revision("main"));
    ground.hub.download(&download, &ground.heard).await.unwrap();
    assert_eq!(brought(&download), revision("the beginning"));
}

#[tokio::test]
async fn a_commit_has_its_own_files_alone() {
    let stand_in = StandIn::serving([(REPOSITORY, revision("main"))]).await;
    let mut more = revision("v2");
    more.push(("vocab.txt".to_owned(), b"a".to_vec()));
    stand_in.revise(REPOSITORY, "v2", more);
    let hub = hub(&stand_in);
    let of = async |revision: &str| {
        hub.look(&format!("{REPOSITORY}@{revision}").parse().unwrap(), &Heard::default()).await
    };
    let (main, v2) = (of("main").await.unwrap(), of("v2").await.unwrap());
    let open = async |snapshot: &Snapshot| hub.open(snapshot, ("vocab.txt", 0), &Heard::default()).await;
    assert!(open(&v2).await.is_ok());
    let missing = open(&main).await.unwrap_err().to_string();
    assert_eq!(missing, format!("`{}` has no file `vocab.txt` in the repository `{REPOSITORY}`", hub.host()));
    let unknown = of(&"0".repeat(40)).await.unwrap_err();
    assert_eq!(code(&unknown), FailureCode::NotInHub, "{unknown}");
}

#[tokio::test]
async fn a_precision_or_a_file_is_fetched_and_no_other() {
    let paths = [
        "config.json",
        GRAPH,
        "onnx/model.onnx_data",
        "onnx/model_fp16.onnx",
        "onnx/model_fp16.onnx_data",
        "onnx/model_quantized.onnx",
        "nets/other.onnx",
    ];
    let files = paths.map(|path| (path, path.as_bytes().to_vec())).to_vec();
    let stand_in = StandIn::serving([(REPOSITORY, files)]).await;
    let mut asked = Vec::new();
    for (pick, data, graph) in [
        ("", Some("onnx/model.onnx_data"), GRAPH),
        (":fp32", Some("onnx/model.onnx_data"), GRAPH),
        (":fp16", Some("onnx/model_fp16.onnx_data"), "onnx/model_fp16.onnx"),
        (":onnx/model_fp16.onnx", Some("onnx/model_fp16.onnx_data"), "onnx/model_fp16.onnx"),
        (":q8", None, "onnx/model_quantized.onnx"),
        (":nets/other.onnx", None, "nets/other.onnx"),
    ] {
        let ground = Ground::new(&stand_in);
        let download = ground.fetch_as(&format!("{REPOSITORY}{pick}")).await.unwrap();
        let as_it_is = |path: &str| (path.to_owned(), path.as_bytes().to_vec());
        let mut expected = vec![as_it_is("config.json"), (GRAPH.to_owned(), graph.as_bytes().to_vec())];
        // The graph knows them by this name.
        expected.extend(data.map(as_it_is));
        assert_eq!(brought(&download), expected, "{pick}");
        asked.extend(["config.json", graph].into_iter().chain(data));
        asked.sort_unstable();
        assert_eq!(stand_in.paths(), asked, "{pick}");
    }
}

#[tokio::test]
async fn a_picked_graph_stands_where_the_manifest_names_it() {
    let manifest = b"kind = \"tensor\"\nfile = \"nets/own.onnx\"".to_vec();
    let graphs =
        ["nets/own.onnx", GRAPH, "onnx/model_fp16.onnx"].map(|path| (path, path.as_bytes().to_vec()));
    let files = [vec![("forebay.toml", manifest.clone())], graphs.to_vec()].concat();
    let stand_in = StandIn::serving([(REPOSITORY, files)]).await;
    for (pick, graph) in [("", "nets/own.onnx"), (":fp16", "onnx/model_fp16.onnx")] {
        let ground = Ground::new(&stand_in);
        let download = ground.fetch_as(&format!("{REPOSITORY}{pick}")).await.unwrap();
        let expected = [("forebay.toml", manifest.clone()), ("nets/own.onnx", graph.as_bytes().to_vec())];
        assert_eq!(brought(&download), expected.map(|(path, bytes)| (path.to_owned(), bytes)), "{pick}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_gone_on_with_from_where_it_broke() {
    let stand_in = stand_in().await;
    stand_in.send(GRAPH, Manner::Cut(120_000));
    let ground = Ground::new(&stand_in);
    let download = ground.fetch().await.unwrap();
    assert_eq!(std::fs::read(download.model().join(GRAPH)).unwrap(), weights());
    let ranges: Vec<_> = stand_in.asked(GRAPH).iter().map(|asked| (asked.from, asked.sent)).collect();
    assert_eq!(ranges, [(0, 120_000), (120_000, 120_000), (240_000, 60_000)], "no byte comes twice");
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_sends_all_again() {
    let stand_in = stand_in().await;
    let ground = Ground::new(&stand_in);
    let download = ground.plan(REPOSITORY).await.unwrap();
    std::fs::create_dir_all(ground.folder.path().join(PARTS)).unwrap();
    let graph = download.choice.files.iter().find(|wanted| wanted.to == GRAPH).unwrap();
    std::fs::write(download.part(graph), &weights()[..100_000]).unwrap();
    assert_eq!(download.missing().await, LENGTH as u64 + 2 - 100_000);
    stand_in.send(GRAPH, Manner::Whole);
    ground.hub.download(&download, &ground.heard).await.unwrap();
    assert_eq!(std::fs::read(download.model().join(GRAPH)).unwrap(), weights());
}

#[tokio::test]
async fn a_disk_that_fills_meanwhile_ends_a_download_and_what_had_come_stays() {
    let stand_in = stand_in().await;
    let ground = Ground::new(&stand_in);
    let download = ground.plan(REPOSITORY).await.unwrap();
    std::fs::create_dir_all(ground.folder.path().join(PARTS)).unwrap();
    let graph = download.choice.files.iter().find(|wanted| wanted.to == GRAPH).unwrap();
    std::fs::write(download.part(graph), &weights()[..100_000]).unwrap();
    let full = Download { reserve: Size::new(u64::MAX), ..download.clone() };
    let error = ground.hub.download(&full, &Heard::default()).await.unwrap_err();
    assert_eq!(code(&error), FailureCode::DiskFull);
    assert!(error.to_string().contains("registry.disk_reserve"), "{error}");
    assert_eq!(std::fs::metadata(download.part(graph)).unwrap().len(), 100_000);
    ground.hub.download(&download, &Heard::default()).await.unwrap();
    assert_eq!(std::fs::read(download.model().join(GRAPH)).unwrap(), weights());
    assert!(stand_in.asked(GRAPH).iter().all(|asked| asked.from >= 100_000));
}

#[tokio::test]
async fn a_file_of_which_the_hub_tells_no_digest_is_refused() {
    let stand_in = stand_in().await;
    for path in [GRAPH, "config.json"] {
        let ground = Ground::new(&stand_in);
        let mut download = ground.plan(REPOSITORY).await.unwrap();
        let wanted = download.choice.files.iter_mut().find(|wanted| wanted.to == path).unwrap();
        wanted.file.expected = None;
        let error = ground.hub.download(&download, &Heard::default()).await.unwrap_err();
        let why = format!("it does not tell the digest of `{path}`");
        assert!(error.to_string().ends_with(&why), "{error}");
        assert!(!download.model().join(path).exists());
    }
}

#[tokio::test]
async fn bytes_that_the_hub_did_not_tell_of_are_refused_and_forgotten() {
    let stand_in = stand_in().await;
    for path in [GRAPH, "config.json"] {
        let ground = Ground::new(&stand_in);
        stand_in.send(path, Manner::Wrong);
        let error = ground.fetch().await.unwrap_err();
        assert_eq!(code(&error), FailureCode::WrongChecksum, "{error}");
        assert!(
            error.to_string().starts_with(&format!("`{path}` is not what the hub told of it")),
            "{error}"
        );
        assert!(!ground.folder.path().join(WHOLE).join(path).exists());
        stand_in.send(path, Manner::Whole);
        ground.fetch().await.unwrap();
    }
}

#[tokio::test]
async fn what_the_hub_refuses_is_said_in_words() {
    let stand_in = stand_in().await;
    let ground = Ground::new(&stand_in);
    let host = ground.hub.host();
    let error = |reference: &'static str| {
        let ground = &ground;
        async move { ground.plan(reference).await.unwrap_err() }
    };
    let missing = error("org/none").await;
    assert_eq!(missing.to_string(), format!("`{host}` has no repository `org/none`"));
    assert_eq!(code(&missing), FailureCode::NotInHub);
    let revision = error("org/toy@v9").await.to_string();
    assert_eq!(revision, format!("`{host}` has no revision `v9` of the repository `org/toy`"));
    stand_in.require("hf_secret");
    let closed = error(REPOSITORY).await;
    assert_eq!(
        closed.to_string(),
        format!(
            "`{host}` does not show the repository `org/toy`: there is none, or it wants a token (hub.token)"
        )
    );
    assert_eq!(code(&closed), FailureCode::HubRefused);
    let unknown = Ground::known_by(&stand_in, "hf_other").plan(REPOSITORY).await.unwrap_err();
    assert_eq!(
        unknown.to_string(),
        format!("`{host}` does not show the repository `org/toy`: it does not take the token (hub.token)")
    );
    let none = Ground::known_by(&stand_in, "hf_secret").plan("org/none").await.unwrap_err();
    assert_eq!(
        none.to_string(),
        format!("`{host}` has no repository `org/none`, or none that the token (hub.token) may see")
    );
}

#[tokio::test]
async fn a_gated_repository_tells_whose_token_would_do() {
    let stand_in = stand_in().await;
    stand_in.gate(REPOSITORY, "hf_granted");
    for (token, would_do) in [
        ("", "; set hub.token to a token of the account that did"),
        ("hf_other", ", by the owner of the token (hub.token)"),
    ] {
        let ground = Ground::known_by(&stand_in, token);
        let error = ground.fetch().await.unwrap_err();
        let host = ground.hub.host();
        assert_eq!(
            error.to_string(),
            format!(
                "`{host}` does not show the repository `org/toy`: its terms have to be accepted there first{would_do}"
            )
        );
        assert_eq!((code(&error), error.is_transient()), (FailureCode::HubRefused, false));
    }
    assert_eq!(stand_in.paths(), [""; 0], "nobody was given anything");
    let granted = Ground::known_by(&stand_in, "hf_granted");
    assert_eq!(brought(&granted.fetch().await.unwrap())[1].1, weights());
    assert!(stand_in.asked(GRAPH).iter().all(|asked| !asked.with_token));
}

#[tokio::test]
async fn what_another_host_forbids_is_not_said_of_the_token() {
    let stand_in = stand_in().await;
    stand_in.send(GRAPH, Manner::Forbidden);
    let error = Ground::known_by(&stand_in, "hf_secret").fetch().await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), code(&error)),
        ("`127.0.0.1` answered 403", FailureCode::FetchFailed)
    );
}

#[tokio::test]
async fn a_hub_that_is_asked_too_often_is_waited_for_and_that_is_told() {
    let stand_in = stand_in().await;
    let (ground, started) = (Ground::new(&stand_in), Instant::now());
    stand_in.turn_away(1, "retry-after: 1");
    let download = ground.plan(REPOSITORY).await.unwrap();
    stand_in.turn_away(2, "ratelimit: \"resolvers\";r=0;t=1");
    ground.hub.download(&download, &ground.heard).await.unwrap();
    assert_eq!(brought(&download)[1].1, weights());
    assert_eq!(*ground.heard.waits.lock().unwrap(), [Duration::from_secs(1); 3]);
    assert!(started.elapsed() >= Duration::from_secs(2), "two files wait at once");
}

#[tokio::test]
async fn a_hub_that_wants_too_much_patience_is_left_to_the_next_attempt() {
    let long = Duration::from_hours(1);
    for (requests, header, waits, wait) in
        [(1, "retry-after: 3600", 0, long), (9, "retry-after: 0", 4, Duration::ZERO)]
    {
        let stand_in = stand_in().await;
        let ground = Ground::new(&stand_in);
        stand_in.turn_away(requests, header);
        let error = ground.plan(REPOSITORY).await.unwrap_err();
        assert!(
            error.to_string().starts_with("`127.0.0.1` is asked too often; it wants to be left alone for ")
        );
        let failure = error.failure();
        assert_eq!((failure.code, failure.retryable), (FailureCode::FetchFailed, true));
        assert_eq!(failure.retry_after, Some(wait));
        assert_eq!(ground.heard.waits.lock().unwrap().len(), waits);
    }
    let stand_in = stand_in().await;
    let ground = Ground::new(&stand_in);
    let download = ground.plan(REPOSITORY).await.unwrap();
    stand_in.turn_away(1, "retry-after: 3600");
    let error = ground.hub.download(&download, &ground.heard).await.unwrap_err();
    assert_eq!(error.to_string(), "`127.0.0.1` is asked too often; it wants to be left alone for 1h");
}

#[tokio::test]
async fn a_redirect_to_an_address_that_is_closed_is_not_followed() {
    let stand_in = stand_in().await;
    // The hub itself may be anywhere; the operator named it.
    let hub = Hub::new(&hub_config(&stand_in.url), Guard::new(&[])).unwrap();
    let ground = Ground::with(hub);
    let error = ground.fetch().await.unwrap_err();
    assert_eq!(code(&error), FailureCode::FetchRefused, "{error}");
    assert!(stand_in.asked(GRAPH).is_empty());
}

#[tokio::test]
async fn only_so_many_files_are_fetched_at_once() {
    let names: Vec<String> = (0..9).map(|n| format!("onnx/model.onnx_data_{n}")).collect();
    let mut files: Vec<(String, Vec<u8>)> = names.iter().map(|name| (name.clone(), weights())).collect();
    files.push((GRAPH.to_owned(), b"graph".to_vec()));
    let stand_in = StandIn::serving([(REPOSITORY, files)]).await;
    let config = crate::config::HubConfig { files: 2, ..hub_config(&stand_in.url) };
    let ground = Ground::with(Hub::new(&config, loopback()).unwrap());
    for name in &names {
        stand_in.send(name, Manner::Held(1000));
    }
    let released = async {
        stand_in.sending(2).await;
        stand_in.release();
    };
    let (fetched, ()) = tokio::join!(ground.fetch(), released);
    fetched.unwrap();
    assert_eq!(stand_in.most_at_once(), 2);
}
