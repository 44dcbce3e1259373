//! Media by URLs that lead to the object store.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use serde_json::json;

use super::columns::fleet;
use super::house::Plan;

const KEY: &str = "a-key-of-more-than-32-characters-for-tests";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_read_from_the_object_store_by_its_owner() {
    let plan = Plan::echo()
        .with("FOREBAY_AUTH__MODE", "keys")
        .with("FOREBAY_AUTH__BOOTSTRAP_KEY", KEY)
        .with("FOREBAY_BLOBS__SIGNED_URLS", "true")
        .with("FOREBAY_BLOBS__SIGNED_URL_LIFE", "1m");
    let house = fleet(plan).await;
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/samples");
    let cat = std::fs::read(samples.join("cat.jpg")).unwrap();
    let body = json!({"model": "echo", "input": {"image": {"base64": STANDARD.encode(&cat)}}});
    let id = house.submit(&body).await;
    let job = house.ended(&id).await;
    assert_eq!(job["files"][0]["content_type"], "image/jpeg", "{job}");
    let path = job["files"][0]["url"].as_str().unwrap();

    let stays = client();
    let led = stays.get(format!("{}{path}", house.url)).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(led.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(led.headers()["cache-control"], "no-store");
    let url = led.headers()["location"].to_str().unwrap().to_owned();
    let read = stays.get(&url).header("range", "bytes=1-3").send().await.unwrap();
    assert_eq!(
        (read.status(), read.headers()["content-type"].to_str().unwrap()),
        (StatusCode::PARTIAL_CONTENT, "image/jpeg")
    );
    assert_eq!(read.bytes().await.unwrap(), cat[1..4]);

    // Clients follow it by themselves.
    let file = house.request(Method::GET, path).send().await.unwrap();
    assert_eq!(
        (file.status(), file.headers()["content-type"].to_str().unwrap()),
        (StatusCode::OK, "image/jpeg")
    );
    assert_eq!(file.bytes().await.unwrap(), cat);
    // Whoever only asks about it is answered here.
    let about = stays.head(format!("{}{path}", house.url)).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(
        (about.status(), about.headers()["content-length"].to_str().unwrap()),
        (StatusCode::OK, cat.len().to_string().as_str())
    );

    let nobody = stays.get(format!("{}{path}", house.url)).send().await.unwrap();
    assert_eq!((nobody.status(), nobody.headers().get("location")), (StatusCode::UNAUTHORIZED, None));
    let other = format!("{}/v1/jobs/{id}/files/1", house.url);
    let none = stays.get(other).bearer_auth(KEY).send().await.unwrap();
    assert_eq!((none.status(), none.headers().get("location")), (StatusCode::NOT_FOUND, None));

    let mut logs = 0;
    for entry in std::fs::read_dir(house.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "log") {
            logs += 1;
            assert!(!std::fs::read_to_string(&path).unwrap().contains("X-Amz-"), "{}", path.display());
        }
    }
    assert!(logs >= 3, "api, scheduler and worker have logs");
    house.stop();
}

/// Somebody who does not go where an answer leads.
#[expect(clippy::disallowed_methods, reason = "it asks our own servers on this machine")]
fn client() -> Client {
    Client::builder().no_proxy().redirect(Policy::none()).build().unwrap()
}
