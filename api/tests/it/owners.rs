//! A model that is one owner's: everybody else's requests find nothing there.

use std::fmt::Write;

use axum::http::StatusCode;
use forebay_shared::clock::Clock;
use forebay_shared::job::Kind;
use forebay_shared::model::ModelCard;
use forebay_shared::registry::NewModel;
use forebay_shared::residency::Loaded;
use forebay_shared::store::{Models, PutOutcome, Registry, Residency, Scope};
use forebay_shared::testing::card;
use serde_json::{Value, json};

use crate::app::{Answer, Builder, TestApp};
use crate::bodies::{base64, png};

const ALL: [Scope; 3] = [Scope::Read, Scope::Write, Scope::Admin];

/// An api on which `alice` has models for texts, for moods and for pictures, and the keys of `alice` and `bob`.
async fn app() -> (TestApp, [String; 2]) {
    served(TestApp::build()).await
}

/// The same, with what else is built.
async fn served(builder: Builder) -> (TestApp, [String; 2]) {
    let hers = |card| ModelCard { owner: Some("alice".to_owned()), registered: true, ..card };
    let texts = ModelCard { aliases: vec!["mine".to_owned()], ..card("hers", Kind::TextEmbedding) };
    let mut moods = card("her-mood", Kind::TextClassification);
    (moods.aliases, moods.labels) = (vec!["A777".to_owned()], vec!["neutral".to_owned()]);
    let builder = builder
        .keys()
        .serving(hers(texts))
        .serving(hers(moods))
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
        ("POST", "/v1/models/load".to_owned(), json!({"model": name})),
        ("POST", "/v1/models/unload".to_owned(), json!({"model": name})),
        ("POST", "/v1/models/copy".to_owned(), json!({"source": name, "destination": "stolen"})),
        ("DELETE", format!("/v1/models/{name}"), Value::Null),
        ("POST", "/api/generate".to_owned(), json!({"model": name})),
        ("POST", "/api/generate".to_owned(), json!({"model": name, "prompt": "a", "stream": false})),
        ("POST", "/api/chat".to_owned(), json!({"model": name, "messages": []})),
        (
            "POST",
            "/api/chat".to_owned(),
            json!({"model": name, "messages": [{"role": "user", "content": "a"}]}),
        ),
        ("POST", "/api/copy".to_owned(), json!({"source": name, "destination": "stolen"})),
        ("POST", "/api/create".to_owned(), json!({"model": "stolen", "from": name})),
        ("DELETE", "/api/delete".to_owned(), json!({"model": name})),
        ("POST", format!("/v2/repository/models/{name}/load"), json!({})),
        ("POST", format!("/v2/repository/models/{name}/unload"), json!({})),
    ]
}

/// The same of a model for moods, by an id that is its alias.
fn moods(id: &str) -> Vec<(&'static str, String, Value)> {
    vec![
        ("GET", format!("/models/{id}"), Value::Null),
        ("GET", format!("/api/v1/models/{id}"), Value::Null),
        ("POST", "/predict".to_owned(), json!({"model_id": id, "input_data": "a"})),
        ("POST", "/predict/batch".to_owned(), json!({"model_id": id, "inputs": ["a"]})),
        ("POST", "/v1/moderations".to_owned(), json!({"model": id, "input": "a"})),
    ]
}

/// The same of a model for pictures.
fn pictures(name: &str) -> Vec<(&'static str, String, Value)> {
    let picture = json!({"data": base64(&png(2, 2))});
    vec![
        ("POST", format!("/tasks?model={name}"), picture.clone()),
        ("POST", format!("/process?model={name}"), picture.clone()),
        ("POST", "/api/generate".to_owned(), json!({"model": name, "images": [picture["data"]]})),
    ]
}

async fn asked(app: &TestApp, key: &str, (method, path, body): (&str, String, Value)) -> Answer {
    let call = app.call(method, &path).bearer(key);
    if body.is_null() { call.send().await } else { call.json(body).await }
}

#[tokio::test]
async fn an_owners_model_is_to_others_as_unknown_as_one_that_does_not_exist() {
    let (app, [_, bob]) = app().await;
    let all = |name: &str, net: &str, id: &str| [questions(name), pictures(net), moods(id)].concat();
    for (hers, none) in all("hers", "her-net", "A777").into_iter().zip(all("nope", "none-net", "A778")) {
        let path = hers.1.clone();
        let (hers, none) = (asked(&app, &bob, hers).await, asked(&app, &bob, none).await);
        assert_eq!(hers.status, StatusCode::NOT_FOUND, "{path}: {hers}");
        let body = hers.text().replace("hers", "nope").replace("her-net", "none-net").replace("A777", "A778");
        let same = |body: &str| body.split("request_id").next().unwrap_or_default().to_owned();
        assert_eq!((same(&body), none.status), (same(none.text()), hers.status), "{path}");
    }
    assert_eq!(app.store.calls("submit"), 0);
    assert!(app.store.wishes().await.unwrap().is_empty(), "and nothing is wished of it");
}

/// What names of the configuration are there for, each with what asks for them.
async fn configured(texts: &'static str, moods: &'static str, net: &'static str) -> (TestApp, [String; 2]) {
    let builder = TestApp::build()
        .tei(|tei| (tei.embed, tei.predict) = (texts.to_owned(), moods.to_owned()))
        .emotion(|emotion| drop(emotion.models.insert("A003".to_owned(), moods.to_owned())))
        .moderation(|moderation| moods.clone_into(&mut moderation.model))
        .tasks(|tasks| net.clone_into(&mut tasks.model));
    served(builder).await
}

#[tokio::test]
async fn a_name_in_the_configuration_makes_an_owners_model_nobody_elses() {
    let (app, [alice, bob]) = configured("hers", "her-mood", "her-net").await;
    let (empty, [_, stranger]) = configured("nope", "nope-mood", "none-net").await;
    let mut told = String::new();
    for (method, path, body) in [
        ("GET", "/tei/info", Value::Null),
        ("POST", "/tei/embed", json!({"inputs": "a"})),
        ("POST", "/tei/embed_all", json!({"inputs": "a"})),
        ("POST", "/tei/tokenize", json!({"inputs": "a"})),
        ("POST", "/tei/decode", json!({"ids": [1]})),
        ("POST", "/tei/predict", json!({"inputs": "a"})),
        ("POST", "/predict", json!({"model_id": "A003", "input_data": "a"})),
        ("GET", "/models/A003", Value::Null),
        ("POST", "/v1/moderations", json!({"input": "a"})),
        ("POST", "/tasks", json!({"data": base64(&png(2, 2))})),
        ("POST", "/process", json!({"data": base64(&png(2, 2))})),
    ] {
        let hers = asked(&app, &bob, (method, path.to_owned(), body.clone())).await;
        let none = asked(&empty, &stranger, (method, path.to_owned(), body)).await;
        let names = hers.text().replace("hers", "nope").replace("her-mood", "nope-mood");
        assert_eq!((names.replace("her-net", "none-net").as_str(), hers.status), (none.text(), none.status));
        writeln!(told, "{path} {} {}", hers.status.as_u16(), hers.text()).unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    /tei/info 404 {"error":"there is no model `hers`, which `tei.embed` of the configuration names","error_type":"Validation"}
    /tei/embed 404 {"error":"there is no model `hers`, which `tei.embed` of the configuration names","error_type":"Validation"}
    /tei/embed_all 404 {"error":"there is no model `hers`, which `tei.embed` of the configuration names","error_type":"Validation"}
    /tei/tokenize 404 {"error":"there is no model `hers`, which `tei.embed` of the configuration names","error_type":"Validation"}
    /tei/decode 404 {"error":"there is no model `hers`, which `tei.embed` of the configuration names","error_type":"Validation"}
    /tei/predict 404 {"error":"there is no model `her-mood`, which `tei.predict` of the configuration names","error_type":"Validation"}
    /predict 404 {"error":"Model not found","detail":"there is no model `her-mood`, which `emotion.models` of the configuration names","timestamp":"2026-06-01T12:00:00.000000Z","status_code":404}
    /models/A003 404 {"error":"Model not found","detail":"Model with ID A003 does not exist","timestamp":"2026-06-01T12:00:00.000000Z","status_code":404}
    /v1/moderations 404 {"error":{"message":"there is no model `her-mood`, which `moderation.model` of the configuration names","type":"invalid_request_error","param":"model","code":"model_not_found"}}
    /tasks 404 {"error":"there is no model `her-net`, which `tasks.model` of the configuration names"}
    /process 404 {"error":"there is no model `her-net`, which `tasks.model` of the configuration names"}
    "#);
    assert_eq!(app.store.calls("submit"), 0);
    let info = asked(&app, &alice, ("GET", "/tei/info".to_owned(), Value::Null)).await;
    assert_eq!(
        (info.status, &info.json()["model_id"]),
        (StatusCode::OK, &json!("hers")),
        "to her it is there"
    );
}

#[tokio::test]
async fn what_is_in_memory_is_told_to_whom_it_is_there_for() {
    let (app, keys) = app().await;
    let worker = app.worker().await;
    let loaded = Loaded { since: app.clock.now(), expires_at: None };
    let both = ["hers", "echo"].map(|name| (name.to_owned(), loaded));
    app.store.tell_loaded(worker.id, &both.into()).await.unwrap();
    let app = app.restarted();
    for (key, names) in keys.iter().zip([vec!["echo:latest", "hers:latest"], vec!["echo:latest"]]) {
        let running = app.get("/api/ps").bearer(key).send().await.json();
        let running = running["models"].as_array().unwrap().iter().map(|model| &model["name"]);
        assert_eq!(running.collect::<Vec<_>>(), names);
    }
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
    for (path, method, list, name, hers_are, everybodys) in [
        ("/v1/models", "GET", "/data", "id", &["her-mood", "her-net", "hers"][..], "echo"),
        (
            "/api/tags",
            "GET",
            "/models",
            "name",
            &["her-mood:latest", "her-net:latest", "hers:latest"],
            "echo:latest",
        ),
        ("/v2/repository/index", "POST", "", "name", &["her-mood", "her-net", "hers"], "echo"),
        ("/models", "GET", "", "model_id", &["A777"], "A001"),
        ("/api/v1/models", "GET", "", "model_id", &["A777"], "A001"),
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
        assert_eq!(hers, hers_are, "{path}: {alices:?}, {bobs:?}");
        assert!(bobs.iter().any(|name| name == everybodys), "{path}: {bobs:?}");
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

#[tokio::test]
async fn a_job_whose_models_name_is_anothers_by_now_is_not_retried() {
    let app = TestApp::build().keys().start().await;
    let bob = app.key("bob", &ALL).await.1;
    let job = app.post("/v1/jobs").bearer(&bob).json(json!({"model": "echo", "input": "a"})).await;
    let path = format!("/v1/jobs/{}", job.json()["id"].as_str().unwrap());
    assert!(app.post(&format!("{path}/cancel")).bearer(&bob).send().await.status.is_success());
    let owner = Some("alice".to_owned());
    let card = ModelCard { owner: owner.clone(), registered: true, ..card("echo", Kind::Echo) };
    let (name, source) = ("echo".to_owned(), "folder".to_owned());
    app.store.announce(std::slice::from_ref(&card)).await.unwrap();
    let model = NewModel { owner, name, source, files: Vec::new(), card: Some(card) };
    assert!(matches!(app.store.put_model(&model).await.unwrap(), PutOutcome::Put(..)));
    app.eventually(async || {
        let refused = app.post(&format!("{path}/retry")).bearer(&bob).send().await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{refused}");
        refused.json()["detail"] == "there is no model `echo` any more that the job could run on"
    })
    .await;
}
