//! What a user does, on both columns.

use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::columns::on_both;
use super::house::{House, Plan};
use super::process::Process;

on_both! {
    Plan::models() => [
        sentences_become_vectors_and_emotions,
        a_text_that_is_too_long_is_cut_unless_it_must_not_be,
        pictures_come_by_multipart_and_base64,
        one_torn_picture_among_sixteen_fails_alone,
    ];
    Plan::models().with("FOREBAY_CACHE__ENABLED", "true").with("FOREBAY_CACHE__INLINE", "1 KiB") => [
        a_repeated_question_is_answered_from_the_cache,
    ];
    Plan::echo() => [
        waiting_returns_the_finished_job,
        an_idempotency_key_returns_the_first_job,
        jobs_are_listed_in_pages_and_by_filter,
        a_large_input_travels_through_the_object_store,
        a_result_is_read_in_ranges,
        media_are_read_as_files,
        a_running_job_is_cancelled,
        a_deleted_job_is_really_gone,
        bad_input_is_told_and_harms_nobody,
        models_are_listed,
        documents_are_served_without_the_internet,
        it_tells_how_it_is,
    ];
}

async fn sentences_become_vectors_and_emotions(house: House) {
    let sentences =
        ["The cat sits outside.", "A cat is sitting in the garden.", "Stocks fell sharply today."];
    let vectors = house.submit(&json!({"model": "all-minilm-l6-v2", "inputs": sentences})).await;
    let feelings =
        json!({"model": "A001", "inputs": ["I can't wait for the concert tonight!!", "我好担心明天的考试"]});
    let feelings = house.submit(&feelings).await;

    let job = house.ended(&vectors).await;
    assert_eq!(job["status"], "succeeded", "{job}");
    let vector = |index: usize| -> Vec<f64> {
        let vector = &job["result"]["items"][index]["output"]["embedding"];
        serde_json::from_value(vector.clone()).unwrap()
    };
    let similarity = |one: usize, other: usize| -> f64 {
        vector(one).iter().zip(vector(other)).map(|(one, other)| one * other).sum()
    };
    assert_eq!(vector(0).len(), 384);
    assert!(similarity(0, 1) > 0.5 && similarity(0, 2) < 0.3, "{} {}", similarity(0, 1), similarity(0, 2));
    assert!(job["timings"]["batch_size"].as_u64().unwrap() >= 1);

    let job = house.ended(&feelings).await;
    assert_eq!(job["model"], "emotion", "the alias is resolved");
    let best = |index: usize| job["result"]["items"][index]["output"]["labels"][0]["label"].clone();
    assert_eq!((best(0), best(1)), (json!("excited"), json!("anxious")));
    house.stop();
}

async fn a_repeated_question_is_answered_from_the_cache(house: House) {
    let told = |answer: &reqwest::Response| answer.headers()["x-forebay-cache"].to_str().unwrap().to_owned();
    let wait = async |body: &Value| {
        let asked = house.request(Method::POST, "/v1/jobs").header("prefer", "wait=60").json(body);
        let answer = asked.send().await.unwrap();
        (told(&answer), answer.json::<Value>().await.unwrap())
    };
    // Labels are small enough for the database, vectors are not.
    for model in ["emotion", "all-minilm-l6-v2"] {
        let body = json!({"model": model, "inputs": ["The cat sits outside.", "Stocks fell sharply today."]});
        let (word, first) = wait(&body).await;
        assert_eq!((word.as_str(), &first["status"]), ("miss", &json!("succeeded")), "{first}");
        let gone = house.request(Method::DELETE, &format!("/v1/jobs/{}", first["id"].as_str().unwrap()));
        assert!(gone.send().await.unwrap().status().is_success());

        let (word, again) = wait(&body).await;
        assert_eq!((word.as_str(), &again["timings"]["batches"]), ("hit", &json!(0)), "{again}");
        for item in [0, 1] {
            let (before, after) = (&first["result"]["items"][item], &again["result"]["items"][item]);
            assert_eq!((&before["output"], &after["cached"]), (&after["output"], &json!(true)));
        }
        let fresh = json!({"model": model, "inputs": body["inputs"], "params": {"cache": false}});
        assert_eq!(wait(&fresh).await.0, "miss");
    }
    let call = json!({"model": "all-minilm-l6-v2", "input": "An old question."});
    let ask = async || {
        let answer = house.request(Method::POST, "/v1/embeddings").json(&call).send().await.unwrap();
        (told(&answer), answer.json::<Value>().await.unwrap())
    };
    let (first, again) = (ask().await, ask().await);
    assert_eq!((first.0.as_str(), again.0.as_str()), ("miss", "hit"));
    assert_eq!(first.1["data"], again.1["data"]);

    let forgotten = house.request(Method::DELETE, "/v1/cache").send().await.unwrap();
    assert_eq!(forgotten.json::<Value>().await.unwrap(), json!({"forgotten": 5, "more": false}));
    assert_eq!(ask().await.0, "miss");
    house.stop();
}

async fn a_text_that_is_too_long_is_cut_unless_it_must_not_be(house: House) {
    // Far more than the 512 tokens of `emotion`; still one sort of feeling, however much of it is read.
    let long = "I can't wait for the concert tonight!! ".repeat(500);
    let inputs = [long.as_str(), "我好担心明天的考试"];
    let cut = house.submit(&json!({"model": "emotion", "inputs": inputs})).await;
    let uncut =
        house.submit(&json!({"model": "emotion", "inputs": inputs, "params": {"truncate": false}})).await;

    let job = house.ended(&cut).await;
    assert_eq!(job["items"], json!({"total": 2, "succeeded": 2, "failed": 0}), "{job}");
    let best =
        |job: &Value, index: usize| job["result"]["items"][index]["output"]["labels"][0]["label"].clone();
    assert_eq!((best(&job, 0), best(&job, 1)), (json!("excited"), json!("anxious")));

    let job = house.ended(&uncut).await;
    assert_eq!(job["items"], json!({"total": 2, "succeeded": 1, "failed": 1}), "{job}");
    assert_eq!(job["result"]["items"][0]["error"]["code"], "input_too_long", "{job}");
    assert_eq!(best(&job, 1), "anxious", "its neighbour loses nothing");
    house.stop();
}

async fn pictures_come_by_multipart_and_base64(house: House) {
    let cat = picture("cat.jpg");
    let form = Form::new()
        .text("job", json!({"model": "efficientnet-lite0", "params": {"top_k": 3}}).to_string())
        .part("image", Part::bytes(cat.clone()).file_name("cat.jpg"))
        .part("image", Part::bytes(picture("coffee.jpg")).file_name("coffee.jpg"));
    let answer = house.request(Method::POST, "/v1/jobs").multipart(form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let uploaded: Value = answer.json().await.unwrap();
    let encoded = json!({"model": "efficientnet-lite0", "input": {"image": {"base64": base64(&cat)}}});
    let encoded = house.submit(&encoded).await;

    let job = house.ended(uploaded["id"].as_str().unwrap()).await;
    let labels = |index: usize| job["result"]["items"][index]["output"]["labels"].as_array().unwrap().clone();
    assert_eq!(labels(0).len(), 3);
    assert!(labels(0)[0]["label"].as_str().unwrap().contains("cat"), "{job}");
    assert!(labels(1).iter().any(|label| label["label"].as_str().unwrap().contains("espresso")), "{job}");
    let other = house.ended(&encoded).await;
    assert_eq!(
        other["result"]["items"][0]["output"]["labels"][0],
        labels(0)[0],
        "the same picture, the same answer"
    );
    house.stop();
}

async fn one_torn_picture_among_sixteen_fails_alone(house: House) {
    let cat = picture("cat.jpg");
    let mut form = Form::new().text("job", json!({"model": "efficientnet-lite0"}).to_string());
    for index in 0..16 {
        let bytes = if index == 7 { cat[..cat.len() / 2].to_vec() } else { cat.clone() };
        form = form.part("image", Part::bytes(bytes).file_name("cat.jpg"));
    }
    let answer = house.request(Method::POST, "/v1/jobs").multipart(form).send().await.unwrap();
    let job: Value = answer.json().await.unwrap();
    let job = house.ended(job["id"].as_str().unwrap()).await;
    assert_eq!(job["items"], json!({"total": 16, "succeeded": 15, "failed": 1}));
    assert_eq!(job["result"]["items"][7]["error"]["code"], "image_undecodable");
    house.stop();
}

async fn waiting_returns_the_finished_job(house: House) {
    let body = json!({"model": "echo", "input": "hello", "metadata": {"who": "me"}});
    let request = house.request(Method::POST, "/v1/jobs").header("prefer", "wait=30").json(&body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let job: Value = answer.json().await.unwrap();
    assert_eq!((&job["status"], &job["metadata"]["who"]), (&json!("succeeded"), &json!("me")));
    assert_eq!(job["result"]["items"][0]["output"]["echo"], "hello");
    assert_eq!(
        house.ended(job["id"].as_str().unwrap()).await,
        job,
        "what was waited for is what is read later"
    );

    let slow = json!({"model": "echo", "input": "x", "params": {"delay_ms": 3000}});
    let request = house.request(Method::POST, "/v1/jobs").header("prefer", "wait=1").json(&slow);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    assert!(answer.headers().contains_key("location") && answer.headers().contains_key("retry-after"));
    house.stop();
}

async fn an_idempotency_key_returns_the_first_job(house: House) {
    let send = |text: &str| {
        let body = json!({"model": "echo", "input": text});
        house.request(Method::POST, "/v1/jobs").header("idempotency-key", "order-7").json(&body).send()
    };
    let (first, again, other) =
        (send("a").await.unwrap(), send("a").await.unwrap(), send("b").await.unwrap());
    assert_eq!(other.status(), StatusCode::CONFLICT);
    let (first, again): (Value, Value) = (first.json().await.unwrap(), again.json().await.unwrap());
    assert_eq!(first["id"], again["id"]);
    house.stop();
}

async fn jobs_are_listed_in_pages_and_by_filter(house: House) {
    let mut ids = Vec::new();
    for n in 0..5 {
        let body = json!({"model": "echo", "input": "x", "metadata": {"n": n.to_string()}});
        ids.push(house.submit(&body).await);
    }
    house.all_ended(&ids).await;
    let (_, first) = house.get("/v1/jobs?limit=3").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) = house.get(&format!("/v1/jobs?limit=3&cursor={cursor}")).await;
    let listed: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|page| page["data"].as_array().unwrap())
        .map(|job| job["id"].as_str().unwrap().to_owned())
        .collect();
    ids.reverse();
    assert_eq!(listed, ids, "the newest first");
    let (_, found) = house.get("/v1/jobs?metadata.n=3&status=succeeded&model=echo&class=interactive").await;
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    house.stop();
}

async fn a_large_input_travels_through_the_object_store(house: House) {
    let texts: Vec<String> = (0..200).map(|n| format!("{n} {}", "long ".repeat(200))).collect();
    let id = house.submit(&json!({"model": "echo", "inputs": texts})).await;
    let job = house.ended(&id).await;
    assert_eq!(job["items"]["succeeded"], 200);
    assert_eq!(job["result"], Value::Null, "it is too large to stand in the job");
    let (_, result) = house.get(job["result_url"].as_str().unwrap()).await;
    assert_eq!(result["items"][199]["output"]["echo"], json!(texts[199]));
    house.stop();
}

async fn a_result_is_read_in_ranges(house: House) {
    let id = house.submit_echo("hello", 0).await;
    house.ended(&id).await;
    let path = format!("/v1/jobs/{id}/result");
    let whole = house.request(Method::GET, &path).send().await.unwrap().bytes().await.unwrap();
    let part = house.request(Method::GET, &path).header("range", "bytes=2-6").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), whole[2..7]);
    let none = house.request(Method::GET, &path).header("range", "bytes=9999-").send().await.unwrap();
    assert_eq!(none.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    house.stop();
}

async fn media_are_read_as_files(house: House) {
    let cat = picture("cat.jpg");
    let body = json!({"model": "echo", "input": {"image": {"data_uri": format!("data:image/jpeg;base64,{}", base64(&cat))}}});
    let id = house.submit(&body).await;
    let job = house.ended(&id).await;
    assert_eq!(job["files"][0]["content_type"], "image/jpeg");
    let file = house.request(Method::GET, job["files"][0]["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "image/jpeg");
    assert_eq!(file.bytes().await.unwrap(), cat);
    house.stop();
}

async fn a_running_job_is_cancelled(house: House) {
    // 256 items fill a batch of echo, so this one needs four runs, and the worker beats every three seconds.
    let texts: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let id = house.submit(&json!({"model": "echo", "inputs": texts, "params": {"delay_ms": 3000}})).await;
    house.until_count("running", 1).await;
    let (status, _) = house.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let job = house.ended(&id).await;
    assert_eq!(job["status"], "cancelled");
    assert_eq!(job["items"]["total"], 1000);
    assert!(job["items"]["failed"].as_u64().unwrap() > 0, "some did not run");
    house.stop();
}

async fn a_deleted_job_is_really_gone(house: House) {
    let secret = "the-secret-that-must-go";
    let ids = [house.submit_echo(secret, 0).await, house.submit_echo("the-neighbour-that-stays", 0).await];
    house.all_ended(&ids).await;
    let gone = house.request(Method::DELETE, &format!("/v1/jobs/{}", ids[0])).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(house.get(&format!("/v1/jobs/{}", ids[0])).await.0, StatusCode::NOT_FOUND);
    let objects = all_objects(&house).await;
    assert!(!objects.iter().any(|object| object.contains(secret)), "no object holds it any more");
    assert!(objects.iter().any(|object| object.contains("the-neighbour-that-stays")));
    let (_, neighbour) = house.get(&format!("/v1/jobs/{}/result", ids[1])).await;
    assert_eq!(neighbour["items"][0]["output"]["echo"], "the-neighbour-that-stays");
    house.stop();
}

async fn bad_input_is_told_and_harms_nobody(house: House) {
    let (status, problem) = house.post("/v1/jobs", &json!({"model": "nobody", "input": "x"})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("unknown_model")));
    let (status, problem) =
        house.post("/v1/jobs", &json!({"model": "echo", "input": "x", "colour": 1})).await;
    assert_eq!((status, &problem["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("colour")));
    let text = house.request(Method::POST, "/v1/jobs").body("hello").send().await.unwrap();
    assert_eq!(text.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let id = house.submit_echo("still here", 0).await;
    assert_eq!(house.ended(&id).await["status"], "succeeded");
    house.stop();
}

async fn models_are_listed(house: House) {
    let (_, models) = house.get("/v1/models").await;
    assert_eq!(models["object"], "list");
    let echo = &models["data"][0];
    assert_eq!(
        (&echo["id"], &echo["object"], &echo["kind"]),
        (&json!("echo"), &json!("model"), &json!("echo"))
    );
    assert_eq!(house.get("/v1/models/echo").await.1["id"], "echo");
    let (status, error) = house.get("/v1/models/org%2Fname:tag").await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::NOT_FOUND, &json!("model_not_found")));
    house.stop();
}

async fn documents_are_served_without_the_internet(house: House) {
    let (_, document) = house.get("/openapi.json").await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/v1/jobs"]["post"].is_object());
    for page in ["/docs/", "/redoc"] {
        let answer = house.request(Method::GET, page).send().await.unwrap();
        assert!(answer.status().is_success(), "{page}");
        let html = answer.text().await.unwrap();
        for outside in ["src=\"http", "href=\"http", "src='http"] {
            assert!(!html.contains(outside), "{page} asks the internet: {outside}");
        }
    }
    house.stop();
}

async fn it_tells_how_it_is(house: House) {
    let id = house.submit_echo("x", 0).await;
    house.ended(&id).await;
    for path in ["/livez", "/readyz"] {
        assert!(house.request(Method::GET, path).send().await.unwrap().status().is_success());
    }
    let metrics = house.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("forebay_http_requests_total"), "{metrics}");
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_keep_owners_apart() {
    let mut house = super::columns::embedded_unstarted(&Plan::echo());
    let create = |owner: &str| {
        let arguments = ["keys", "create", "--owner", owner];
        Process::run(&arguments, &house.environment, house.folder.path()).trim().to_owned()
    };
    let (alice, bob) = (create("alice"), create("bob"));
    house.start_worker().await;
    let body = json!({"model": "echo", "input": "x"});
    let open = house.request(Method::POST, "/v1/jobs").json(&body).send().await.unwrap();
    assert_eq!(open.status(), StatusCode::UNAUTHORIZED);
    let hers = house.request(Method::POST, "/v1/jobs").bearer_auth(&alice).json(&body).send().await.unwrap();
    let hers: Value = hers.json().await.unwrap();
    let path = format!("/v1/jobs/{}", hers["id"].as_str().unwrap());
    let his = house.request(Method::GET, &path).header("x-api-key", &bob).send().await.unwrap();
    assert_eq!(his.status(), StatusCode::NOT_FOUND);
    let hers = house.request(Method::GET, &path).header("x-api-key", &alice).send().await.unwrap();
    assert_eq!(hers.status(), StatusCode::OK);
    assert!(!house.workers[0].log().contains(&alice), "keys are not logged");
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_the_last_key_does_not_open_the_door() {
    let house = super::columns::embedded_unstarted(&Plan::echo());
    let keys = |arguments: &[&str]| {
        Process::run(&[&["keys"], arguments].concat(), &house.environment, house.folder.path())
    };
    keys(&["create", "--owner", "alice"]);
    let listed = keys(&["list"]);
    keys(&["revoke", listed.split(' ').next().unwrap()]);
    assert!(keys(&["list"]).contains("revoked"));
    let arguments = ["serve", "--listen", "127.0.0.1:0"];
    let mut process = Process::start(&arguments, &house.environment, house.folder.path(), "serve");
    assert_refuses_to_start(&mut process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_without_keys_answers_to_no_foreign_name() {
    let house = super::columns::embedded(Plan::echo()).await;
    let body = json!({"model": "echo", "input": "x"});
    let request = house.request(Method::POST, "/v1/jobs").header("host", "rebound.example").json(&body);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let request = house.request(Method::POST, "/v1/jobs").header("host", "localhost:8080").json(&body);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED);
    house.stop();
}

#[tokio::test]
async fn an_open_address_needs_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("FOREBAY_WORKER__MODELS".to_owned(), r#"["echo"]"#.to_owned())];
    let mut process =
        Process::start(&["serve", "--listen", "0.0.0.0:0"], &environment, folder.path(), "serve");
    assert_refuses_to_start(&mut process).await;
}

async fn assert_refuses_to_start(process: &mut Process) {
    process.says("forebay keys create");
    let started = std::time::Instant::now();
    while process.lives() {
        assert!(started.elapsed() < super::process::PATIENCE, "it refuses to start");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// All objects of the house, as text.
async fn all_objects(house: &House) -> Vec<String> {
    use futures::TryStreamExt;
    let folder = house.folder.path().join("data/blobs");
    let blobs = forebay_shared::blobs::Blobs::open(&house.blobs, &folder).unwrap();
    let mut objects = Vec::new();
    for root in ["segments", "inputs", "media"] {
        let entries: Vec<_> = blobs.list(root).try_collect().await.unwrap();
        for entry in entries {
            objects.push(String::from_utf8_lossy(&blobs.get(&entry.key).await.unwrap()).into_owned());
        }
    }
    objects
}

/// A picture of the samples.
pub fn picture(name: &str) -> Vec<u8> {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/samples");
    std::fs::read(samples.join(name)).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
