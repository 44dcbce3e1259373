//! A model that is one owner's: everybody else's requests find nothing there.

use axum::http::StatusCode;
use forebay_shared::job::Kind;
use forebay_shared::model::ModelCard;
use forebay_shared::store::{Models, Scope};
use forebay_shared::testing::card;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::bodies::{base64, png};

const ALL: [Scope; 3] = [Scope::Read, Scope::Write, Scope::Admin];

/// An api on which `alice` has a model for texts and one for pictures, and the keys of `alice` and `bob`.
async fn app() -> (TestApp, [String; 2]) {
    let hers = |card| ModelCard { owner: Some("alice".to_owned()), registered: true, ..card };
    let texts = ModelCard { aliases: vec!["mine".to_owned()], ..card("hers", Kind::TextEmbedding) };
    let builder = TestApp::build()
        .keys()
        .serving(hers(texts))
        .serving(hers(card("her-net", Kind::ImageClassification)));
    let app = builder.start().await;
    let alice = app.key("alice", &ALL).await.1;
    let bob = app.key("bob", &ALL).await.1;
    (app, [alice, bob])
}

/// What is asked of a model for texts by its name.
fn questions(name: &str) -> Vec<(&'static str, String, Value)> {
    let schedule = json!({"name": name, "cron": "0 * * * *", "template": {"model": name, "input": "a"}});
    vec![
        ("GET", format!("/v1/models/{name}"), Value::Null),
        ("POST", "/v1/jobs".to_owned(), json!({"model": name, "input": "a"})),
        ("POST", "/v1/schedules".to_owned(), schedule),
        ("POST", "/v1/bulk".to_owned(), json!({"model": name, "file": "file-000000000000000000000000"})),
        ("POST", "/v1/embeddings".to_owned(), json!({"model": name, "input": "a"})),
        ("POST", "/v1/images/generations".to_owned(), json!({"model": name, "prompt": "a"})),
        ("POST", "/api/show".to_owned(), json!({"model": name})),
        ("POST", "/api/embed".to_owned(), json!({"model": name, "input": "a"})),
        ("POST", "/api/embeddings".to_owned(), json!({"model": name, "prompt": "a"})),
        ("GET", format!("/v2/models/{name}"), Value::Null),
        ("GET", format!("/v2/models/{name}/ready"), Value::Null),
        (
            "POST",
            format!("/v2/models/{name}/infer"),
            json!({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}]}),
        ),
    ]
}

/// The same of a model for pictures.
fn pictures(name: &str) -> Vec<(&'static str, String, Value)> {
    let picture = json!({"data": base64(&png(2, 2))});
    vec![
        ("POST", format!("/tasks?model={name}"), picture.clone()),
        ("POST", format!("/process?model={name}"), picture),
    ]
}

async fn asked(app: &TestApp, key: &str, (method, path, body): (&str, String, Value)) -> Answer {
    let call = app.call(method, &path).bearer(key);
    if body.is_null() { call.send().await } else { call.json(body).await }
}

#[tokio::test]
async fn an_owners_model_is_to_others_as_unknown_as_one_that_does_not_exist() {
    let (app, [_, bob]) = app().await;
    let both = |name: &str, net: &str| [questions(name), pictures(net)].concat();
    for (hers, none) in both("hers", "her-net").into_iter().zip(both("nope", "none-net")) {
        let path = hers.1.clone();
        let (hers, none) = (asked(&app, &bob, hers).await, asked(&app, &bob, none).await);
        assert_eq!(hers.status, StatusCode::NOT_FOUND, "{path}: {hers}");
        let body = hers.text().replace("hers", "nope").replace("her-net", "none-net");
        let same = |body: &str| body.split("request_id").next().unwrap_or_default().to_owned();
        assert_eq!((same(&body), none.status), (same(none.text()), hers.status), "{path}");
    }
    assert_eq!(app.store.calls("submit"), 0);
}

#[tokio::test]
async fn an_owners_model_is_the_owners_by_every_name() {
    let (app, [alice, _]) = app().await;
    for name in ["hers", "mine"] {
        for (question, expected) in [(0, 200), (1, 202), (2, 201), (6, 200), (9, 200), (10, 503)] {
            let answer = asked(&app, &alice, questions(name).swap_remove(question)).await;
            assert_eq!(answer.status.as_u16(), expected, "{answer}");
        }
    }
    let task = asked(&app, &alice, pictures("her-net").swap_remove(0)).await;
    assert!(task.status.is_success(), "{task}");
}

#[tokio::test]
async fn lists_have_everybodys_models_and_ones_own() {
    let (app, keys) = app().await;
    for (path, method, list, name) in [
        ("/v1/models", "GET", "/data", "id"),
        ("/api/tags", "GET", "/models", "name"),
        ("/v2/repository/index", "POST", "", "name"),
    ] {
        let [alices, bobs] = {
            let mut lists = Vec::new();
            for key in &keys {
                let answer = app.call(method, path).bearer(key).send().await;
                assert_eq!(answer.status, StatusCode::OK, "{path}: {answer}");
                let models = answer.json().pointer(list).cloned().unwrap();
                let models = models.as_array().unwrap().iter();
                lists.push(models.map(|model| model[name].as_str().unwrap().to_owned()).collect::<Vec<_>>());
            }
            <[Vec<String>; 2]>::try_from(lists).unwrap()
        };
        let hers: Vec<&String> = alices.iter().filter(|name| !bobs.contains(name)).collect();
        assert_eq!(hers.len(), 2, "{path}: {alices:?}, {bobs:?}");
        assert!(hers.iter().all(|name| name.starts_with("her")), "{path}: {hers:?}");
        assert!(bobs.iter().any(|name| name.starts_with("echo")), "{path}: {bobs:?}");
    }
}

#[tokio::test]
async fn a_model_is_taken_through_every_replica_as_soon_as_it_is_announced() {
    let app = TestApp::start().await;
    let job = json!({"model": "new", "input": "a"});
    let other = app.replica();
    assert_eq!(app.post("/v1/jobs").json(job.clone()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.post("/v1/jobs").at(&other).json(job.clone()).await.status, StatusCode::NOT_FOUND);
    app.store.announce(&[card("new", Kind::Echo)]).await.unwrap();
    for replica in [app.replica(), other] {
        app.eventually(async || {
            app.post("/v1/jobs").at(&replica).json(job.clone()).await.status == StatusCode::ACCEPTED
        })
        .await;
    }
}
