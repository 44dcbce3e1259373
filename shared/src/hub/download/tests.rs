use std::sync::Mutex;

use super::*;
use crate::config::Secret;
use crate::fetch::Guard;
use crate::hub::{Reference, choose};
use crate::job::FailureCode;
use crate::testing::{Manner, StandIn, hub_config};

const REPOSITORY: &str = "org/toy";
const GRAPH: &str = "onnx/model.onnx";
const LENGTH: usize = 300_000;

/// Remembers all that it hears.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<(String, u64)>>);

impl Watch for Heard {
    fn fetched(&self, file: &Wanted, completed: u64) {
        self.0.lock().unwrap().push((file.to.clone(), completed));
    }

    fn verifying(&self, _: &Wanted) {}
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
}

impl Ground {
    fn new(stand_in: &StandIn) -> Self {
        Self { hub: hub(stand_in), folder: tempfile::tempdir().unwrap() }
    }

    async fn plan(&self, reference: &str) -> Result<Download, HubError> {
        let reference: Reference = reference.parse().unwrap();
        let snapshot = self.hub.look(&reference).await?;
        let choice = choose(&reference, &snapshot.listed).unwrap();
        Ok(Download { snapshot, choice, folder: self.folder.path().to_owned() })
    }

    async fn fetch(&self) -> Result<Download, HubError> {
        let download = self.plan(REPOSITORY).await?;
        self.hub.download(&download, &Heard::default()).await?;
        Ok(download)
    }
}

fn code(error: &HubError) -> FailureCode {
    error.failure().code
}

#[tokio::test]
async fn a_model_comes_from_two_hosts_and_the_token_goes_to_one() {
    let stand_in = stand_in().await;
    stand_in.require("hf_secret");
    let mut ground = Ground::new(&stand_in);
    let config = crate::config::HubConfig { token: Secret::new("hf_secret"), ..hub_config(&stand_in.url) };
    ground.hub = Hub::new(&config, loopback()).unwrap();
    let download = ground.plan(REPOSITORY).await.unwrap();
    assert_eq!(download.snapshot.commit, stand_in.commit(REPOSITORY));
    assert_eq!(download.missing().await, LENGTH as u64 + 2);
    let heard = Heard::default();
    ground.hub.download(&download, &heard).await.unwrap();
    assert_eq!(download.missing().await, 0);
    assert_eq!(std::fs::read(download.model().join(GRAPH)).unwrap(), weights());
    assert!(!download.model().join("README.md").exists());
    let small = &stand_in.asked("config.json")[0];
    let large = &stand_in.asked(GRAPH)[0];
    assert!(small.with_token && !large.with_token, "{small:?} {large:?}");
    let heard = heard.0.into_inner().unwrap();
    assert!(heard.contains(&(GRAPH.to_owned(), LENGTH as u64)), "the end is told");
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
    ground.hub.download(&download, &Heard::default()).await.unwrap();
    assert_eq!(std::fs::read(download.model().join(GRAPH)).unwrap(), weights());
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
    let config = crate::config::HubConfig { token: Secret::new("hf_other"), ..hub_config(&stand_in.url) };
    let other = Ground { hub: Hub::new(&config, loopback()).unwrap(), folder: tempfile::tempdir().unwrap() };
    let error = other.plan(REPOSITORY).await.unwrap_err().to_string();
    assert!(error.ends_with("or not for this token (hub.token)") && !error.contains("hf_"), "{error}");
}

#[tokio::test]
async fn a_redirect_to_an_address_that_is_closed_is_not_followed() {
    let stand_in = stand_in().await;
    // The hub itself may be anywhere; the operator named it.
    let hub = Hub::new(&hub_config(&stand_in.url), Guard::new(&[])).unwrap();
    let ground = Ground { hub, folder: tempfile::tempdir().unwrap() };
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
    let mut ground = Ground::new(&stand_in);
    let config = crate::config::HubConfig { files: 2, ..hub_config(&stand_in.url) };
    ground.hub = Hub::new(&config, loopback()).unwrap();
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
