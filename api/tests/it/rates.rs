//! How much somebody may do in a time, what it is told, and how replicas share it.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use forebay_shared::apikey;
use forebay_shared::rate::Rate;
use forebay_shared::store::{KeyLimits, Keys, NewKey, Scope};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;

use crate::app::{Answer, Builder, TestApp};

const TOO_MANY: StatusCode = StatusCode::TOO_MANY_REQUESTS;

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

/// Every address may ask five times a second.
fn five_a_second() -> Builder {
    TestApp::build().rates(|rates| rates.address_requests = Some(rate("5/s")))
}

async fn ask(app: &TestApp, address: &str) -> Answer {
    app.get("/v1/jobs").from(address).send().await
}

/// A key of `owner`'s with limits of its own.
async fn limited(app: &TestApp, owner: &str, requests: Option<Rate>, cost: Option<Rate>) -> String {
    let (template, _) = app.key(owner, &Scope::ALL).await;
    let secret = format!("fb_a-key-of-{owner}-with-rates-of-its-own-{}", template.id);
    let limits = KeyLimits { requests, cost, ..KeyLimits::default() };
    let key = NewKey { id: app.ids.key(), hash: apikey::hash(&secret), limits, ..template };
    app.store.create_key(&key).await.unwrap();
    secret
}

fn standing(answer: &Answer) -> [Option<&str>; 3] {
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"].map(|name| answer.header(name))
}

/// Waits as long as the answer says, by the clock of the store.
fn wait_as_told(app: &TestApp, refused: &Answer) {
    let millis = refused.header("retry-after-ms").unwrap().parse().unwrap();
    app.clock.advance(Duration::from_millis(millis));
}

#[tokio::test]
async fn one_request_too_many_is_refused_with_when_to_come_back() {
    let app = five_a_second().start().await;
    for left in ["4", "3", "2", "1", "0"] {
        let answer = ask(&app, "192.0.2.1").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(standing(&answer), [Some("5"), Some(left), Some("1")]);
    }
    let refused = ask(&app, "192.0.2.1").await;
    assert_eq!(standing(&refused), [Some("5"), Some("0"), Some("1")]);
    assert_eq!(refused.header("retry-after-ms"), Some("200"));
    insta::assert_snapshot!(refused, @r#"
    429 Too Many Requests
    content-type: application/problem+json
    retry-after: 1
    {
      "type": "/problems/too_many_requests",
      "title": "There are too many requests",
      "status": 429,
      "detail": "your address has made the requests that it may, 5/s; ask again in 1 s",
      "code": "too_many_requests",
      "limit": 5,
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn who_waits_as_told_comes_in() {
    let app = five_a_second().start().await;
    for _ in 0..20 {
        let answer = ask(&app, "192.0.2.1").await;
        if answer.status == TOO_MANY {
            wait_as_told(&app, &answer);
            assert_eq!(ask(&app, "192.0.2.1").await.status, StatusCode::OK);
        }
    }
    assert_eq!(ask(&app, "192.0.2.1").await.status, TOO_MANY);
}

#[tokio::test]
async fn an_address_has_a_limit_of_its_own_and_a_network_of_ipv6_is_one() {
    let app = five_a_second().start().await;
    for host in 0..5 {
        assert_eq!(ask(&app, &format!("2001:db8:1:2::{host}")).await.status, StatusCode::OK);
    }
    assert_eq!(ask(&app, "2001:db8:1:2::9").await.status, TOO_MANY);
    assert_eq!(ask(&app, "2001:db8:1:3::9").await.status, StatusCode::OK);
    assert_eq!(ask(&app, "192.0.2.1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_limits_nothing_is_counted_and_nothing_told() {
    let app = TestApp::start().await;
    for _ in 0..50 {
        let answer = ask(&app, "192.0.2.1").await;
        assert_eq!((answer.status, standing(&answer)), (StatusCode::OK, [None; 3]));
    }
    assert_eq!(app.store.calls("lease_rate"), 0);
}

#[tokio::test]
async fn a_key_counts_for_itself_wherever_it_comes_from_and_strangers_for_their_address() {
    let app = TestApp::build()
        .keys()
        .rates(|rates| (rates.key_requests, rates.address_requests) = (Some(rate("3/s")), Some(rate("2/s"))))
        .start()
        .await;
    let (_, alice) = app.key("alice", &Scope::ALL).await;
    let (_, other) = app.key("alice", &Scope::ALL).await;
    let ask = |key: &str, address: &str| app.get("/v1/jobs").bearer(key).from(address).send();
    for host in 1..=3 {
        assert_eq!(ask(&alice, &format!("192.0.2.{host}")).await.status, StatusCode::OK);
    }
    let refused = ask(&alice, "192.0.2.4").await;
    assert_eq!(refused.status, TOO_MANY);
    assert!(refused.json()["detail"].as_str().unwrap().starts_with("the API key has made"), "{refused}");
    assert_eq!(ask(&other, "192.0.2.4").await.status, StatusCode::OK, "another key of the same owner");

    // Whoever tries keys out counts for its address, however many it tries.
    let guess = async |n: u32| ask(&format!("fb_made-up-{n}"), "192.0.2.5").await.status;
    assert_eq!([guess(1).await, guess(2).await], [StatusCode::UNAUTHORIZED; 2]);
    assert_eq!([guess(3).await, guess(4).await], [TOO_MANY; 2]);
    assert_eq!(
        ask(&other, "192.0.2.5").await.status,
        StatusCode::OK,
        "who has a key is not kept out by them"
    );
}

#[tokio::test]
async fn made_up_keys_cost_no_look_ups_once_their_address_has_made_its_requests() {
    let app = TestApp::build().keys().rates(|rates| rates.address_requests = Some(rate("2/h"))).start().await;
    let (_, alice) = app.key("alice", &Scope::ALL).await;
    let ask = async |key: &str| app.get("/v1/jobs").bearer(key).from("192.0.2.1").send().await.status;
    assert_eq!(ask(&alice).await, StatusCode::OK, "who is met for the first time counts for the address too");
    assert_eq!(ask("fb_made-up-0").await, StatusCode::UNAUTHORIZED);
    app.store.forget_calls();
    for n in 1..100 {
        assert_eq!(ask(&format!("fb_made-up-{n}")).await, TOO_MANY);
    }
    assert_eq!(app.store.calls("key_by_hash"), 0);
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(ask(&alice).await, StatusCode::OK, "a key that was met is looked up again");
    assert_eq!(app.store.calls("key_by_hash"), 1);
}

#[tokio::test]
async fn a_made_up_key_counts_once() {
    let app = TestApp::build().keys().rates(|rates| rates.address_requests = Some(rate("5/h"))).start().await;
    for left in ["4", "3", "2"] {
        let refused = app.get("/v1/jobs").bearer("fb_made-up").from("192.0.2.1").send().await;
        assert_eq!((refused.status, standing(&refused)[1]), (StatusCode::UNAUTHORIZED, Some(left)));
    }
}

#[tokio::test]
async fn refusals_are_counted_by_whose_limit_and_of_what() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let app = TestApp::build()
        .keys()
        .rates(|rates| (rates.address_requests, rates.key_cost) = (Some(rate("1/h")), Some(rate("20/h"))))
        .metrics(recorder.handle())
        .start()
        .await;
    let (_, key) = app.key("alice", &Scope::ALL).await;
    let _recording = metrics::set_default_local_recorder(&recorder);
    let submit = async || {
        app.post("/v1/jobs").bearer(&key).json(json!({"model": "echo", "inputs": vec!["a"; 8]})).await
    };
    assert_eq!([submit().await.status, submit().await.status], [StatusCode::ACCEPTED, TOO_MANY]);
    for _ in 0..3 {
        app.get("/v1/jobs").from("192.0.2.1").send().await;
    }
    let told = recorder.handle().render();
    for line in [
        r#"forebay_rate_limited_total{by="key",of="cost"} 1"#,
        r#"forebay_rate_limited_total{by="address",of="requests"} 2"#,
    ] {
        assert!(told.contains(line), "{line} is missing in\n{told}");
    }
}

#[tokio::test]
async fn a_key_may_have_rates_of_its_own() {
    let app = TestApp::build().keys().rates(|rates| rates.key_requests = Some(rate("1/s"))).start().await;
    let fast = limited(&app, "alice", Some(rate("60/min burst 4")), Some(rate("20/s"))).await;
    for _ in 0..4 {
        assert_eq!(app.get("/v1/jobs").bearer(&fast).send().await.status, StatusCode::OK);
    }
    let refused = app.get("/v1/jobs").bearer(&fast).send().await;
    assert_eq!((refused.status, refused.header("retry-after-ms")), (TOO_MANY, Some("1000")));
    assert_eq!(refused.header("x-ratelimit-limit-cost"), Some("20"));
}

#[tokio::test]
async fn what_submissions_cost_is_limited_before_anything_is_stored() {
    let app = TestApp::build().rates(|rates| rates.address_cost = Some(rate("20/s"))).start().await;
    let submit = async |inputs: usize| {
        app.post("/v1/jobs")
            .from("192.0.2.1")
            .json(json!({"model": "echo", "inputs": vec!["a"; inputs]}))
            .await
    };
    // Each of these items is estimated at two.
    let taken = submit(8).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{taken}");
    let cost = ["x-ratelimit-limit-cost", "x-ratelimit-remaining-cost", "x-ratelimit-reset-cost"];
    assert_eq!(cost.map(|name| taken.header(name)), [Some("20"), Some("4"), Some("1")]);
    let refused = submit(5).await;
    assert_eq!(app.store.calls("submit"), 1);
    insta::assert_snapshot!(refused, @r#"
    429 Too Many Requests
    content-type: application/problem+json
    retry-after: 1
    {
      "type": "/problems/too_much_cost",
      "title": "Too much was asked for in too short a time",
      "status": 429,
      "detail": "your address has used up what its submissions may cost, 20/s tokens, pictures or items; this costs about 10; ask again in 1 s",
      "code": "too_much_cost",
      "limit": 20,
      "request_id": "a-request"
    }
    "#);
    assert_eq!(submit(2).await.status, StatusCode::ACCEPTED, "a smaller one still fits");
    wait_as_told(&app, &submit(5).await);
    assert_eq!(submit(5).await.status, StatusCode::ACCEPTED);
    assert_eq!(
        app.get("/v1/jobs").from("192.0.2.1").send().await.status,
        StatusCode::OK,
        "reading costs nothing"
    );
}

#[tokio::test]
async fn what_could_never_be_paid_is_not_put_off() {
    let app = TestApp::build().rates(|rates| rates.address_cost = Some(rate("10/s"))).start().await;
    let body = json!({"model": "echo", "inputs": vec!["a"; 8]});
    let refused = app.post("/v1/jobs").json(body).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::PAYLOAD_TOO_LARGE, None));
    assert_eq!((&refused.json()["code"], &refused.json()["limit"]), (&json!("cost_too_large"), &json!(10)));
    assert_eq!(app.store.calls("lease_rate"), 0);
}

#[tokio::test]
async fn large_inputs_that_cannot_be_paid_leave_no_objects() {
    let app = TestApp::build().rates(|rates| rates.address_cost = Some(rate("20000/h"))).start().await;
    let body = json!({"model": "echo", "input": "word ".repeat(8000)});
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(app.post("/v1/jobs").json(body.clone()).await.status);
    }
    assert_eq!(answers.last(), Some(&TOO_MANY), "{answers:?}");
    let taken = answers.iter().filter(|status| **status == StatusCode::ACCEPTED).count();
    assert!(taken > 0);
    assert_eq!(app.objects().await.len(), taken);
}

#[tokio::test]
async fn openais_paths_say_how_somebody_stands_as_openai_does() {
    let app = TestApp::build()
        .keys()
        .rates(|rates| (rates.key_requests, rates.key_cost) = (Some(rate("10/min")), Some(rate("60/h"))))
        .start()
        .await;
    let (_, key) = app.key("alice", &Scope::ALL).await;
    let models = app.get("/v1/models").bearer(&key).send().await;
    let told = |answer: &Answer, of: &str| {
        ["limit", "remaining", "reset"].map(|what| {
            answer.header(&format!("x-ratelimit-{what}-{of}")).map(str::to_owned).unwrap_or_default()
        })
    };
    assert_eq!(told(&models, "requests"), ["10", "9", "6s"]);
    assert_eq!(told(&models, "tokens"), ["60", "60", "0s"]);
    assert_eq!(standing(&models), [None; 3]);

    let refused = app.post("/v1/embeddings").bearer(&key).json(json!({"model": "nope", "input": "a"})).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "an unknown model costs a request only");
    assert_eq!(told(&refused, "requests"), ["10", "8", "12s"]);
    assert_eq!(told(&refused, "tokens"), ["60", "60", "0s"]);

    for _ in 0..8 {
        app.get("/v1/models").bearer(&key).send().await;
    }
    let refused = app.get("/v1/models").bearer(&key).send().await;
    assert_eq!((refused.status, refused.header("retry-after-ms")), (TOO_MANY, Some("6000")));
    assert_eq!(told(&refused, "requests"), ["10", "0", "1m0s"]);
    let error = &refused.json()["error"];
    assert_eq!((&error["type"], &error["code"]), (&json!("requests"), &json!("rate_limit_exceeded")));
    assert_eq!(refused.header("x-request-id"), Some("a-request"));
}

#[tokio::test]
async fn openais_calls_are_charged_and_refused_by_tokens() {
    let app = TestApp::build().rates(|rates| rates.address_cost = Some(rate("40/h"))).start().await;
    let job = json!({"model": "echo", "inputs": vec!["a"; 8]});
    for left in ["24", "8"] {
        let taken = app.post("/v1/jobs").json(job.clone()).await;
        assert_eq!(taken.header("x-ratelimit-remaining-cost"), Some(left), "{taken}");
    }
    let call = json!({"model": "minilm", "input": vec!["a"; 8]});
    let refused = app.post("/v1/embeddings").json(call).await;
    assert_eq!(refused.status, TOO_MANY, "{refused}");
    let error = &refused.json()["error"];
    assert_eq!((&error["type"], &error["code"]), (&json!("tokens"), &json!("rate_limit_exceeded")));
    assert_eq!(refused.header("x-ratelimit-limit-tokens"), Some("40"));
    assert_eq!(app.store.calls("submit"), 2, "no job was made");
}

#[tokio::test]
async fn other_dialects_refuse_in_their_own_words() {
    let app = five_a_second().start().await;
    for _ in 0..5 {
        ask(&app, "192.0.2.1").await;
    }
    let refused = async |path: &str| {
        let answer = app.get(path).from("192.0.2.1").send().await;
        assert_eq!((answer.status, answer.header("retry-after")), (TOO_MANY, Some("1")), "{path}");
        answer.json()
    };
    let emotion = refused("/models").await;
    assert_eq!(
        emotion,
        json!({
            "error": "There are too many requests",
            "detail": "your address has made the requests that it may, 5/s; ask again in 1 s",
            "timestamp": "2026-06-01T12:00:00.000000Z",
            "status_code": 429,
        })
    );
    assert_eq!(refused("/tasks/1").await, json!({"error": "Too many requests"}));
    assert_eq!(refused("/tei/info").await["error_type"], "Overloaded");
}

#[tokio::test]
async fn image_tasks_have_a_limit_by_address_whatever_key_they_bear() {
    let app =
        TestApp::build().keys().rates(|rates| rates.image_task_requests = Some(rate("30/min"))).start().await;
    let (_, key) = app.key("alice", &Scope::ALL).await;
    let ask = |address: &str| app.get("/tasks/1").bearer(&key).from(address).send();
    for _ in 0..30 {
        assert_ne!(ask("192.0.2.1").await.status, TOO_MANY);
    }
    let refused = ask("192.0.2.1").await;
    assert_eq!((refused.status, refused.header("retry-after")), (TOO_MANY, Some("2")));
    assert_ne!(ask("192.0.2.2").await.status, TOO_MANY);
    wait_as_told(&app, &refused);
    assert_ne!(ask("192.0.2.1").await.status, TOO_MANY);
    let elsewhere = app.get("/v1/jobs").bearer(&key).from("192.0.2.1").send().await;
    assert_eq!((elsewhere.status, standing(&elsewhere)), (StatusCode::OK, [None; 3]));
}

#[tokio::test]
async fn what_says_how_the_process_is_is_never_refused() {
    let app = TestApp::build().rates(|rates| rates.address_requests = Some(rate("1/h"))).start().await;
    assert_eq!(ask(&app, "192.0.2.1").await.status, StatusCode::OK);
    assert_eq!(ask(&app, "192.0.2.1").await.status, TOO_MANY);
    for path in ["/", "/livez", "/readyz", "/openapi.json", "/docs", "/health"] {
        let answer = app.get(path).from("192.0.2.1").send().await;
        assert_ne!(answer.status, TOO_MANY, "{path}");
        assert_eq!(standing(&answer), [None; 3], "{path}");
    }
}

#[tokio::test]
async fn a_client_is_known_behind_proxies_that_are_trusted_and_no_others() {
    let app =
        five_a_second().http(|http| http.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()]).start().await;
    let through =
        |proxy: &str, heard: &str| app.get("/v1/jobs").from(proxy).header("x-forwarded-for", heard).send();
    for n in 0..5 {
        // The client writes another address each time; the proxy adds whom it heard.
        let heard = format!("198.51.100.{n}, 192.0.2.1");
        assert_eq!(through("10.0.0.1", &heard).await.status, StatusCode::OK);
    }
    assert_eq!(through("10.0.0.2", "192.0.2.1").await.status, TOO_MANY);
    assert_eq!(through("10.0.0.2", "192.0.2.2").await.status, StatusCode::OK);
    for n in 0..5 {
        assert_eq!(through("192.0.2.3", &format!("198.51.100.{n}")).await.status, StatusCode::OK);
    }
    assert_eq!(through("192.0.2.3", "198.51.100.9").await.status, TOO_MANY, "a stranger is no proxy");
}

#[tokio::test]
async fn a_served_api_counts_by_the_address_that_connects() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = TestApp::build()
        .rates(|rates| rates.address_requests = Some(rate("2/h")))
        .http(|http| http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()])
        .start()
        .await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = app.parts.tasks.clone();
    let asking = async {
        let mut statuses = Vec::new();
        for client in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"] {
            let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
            let request = format!(
                "GET /v1/jobs HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\nConnection: close\r\n\r\n"
            );
            connection.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await.unwrap();
            statuses.push(answer["HTTP/1.1 ".len()..][..3].to_owned());
        }
        tasks.stop();
        statuses
    };
    let (served, statuses) =
        tokio::join!(forebay_api::serve(app.config.clone(), app.parts.clone(), vec![listener]), asking);
    served.unwrap();
    assert_eq!(statuses, ["200", "200", "429", "200"]);
}

/// How many of so many requests at each of the routers are let in.
async fn admitted(app: &TestApp, routers: &[&Router], each: usize) -> usize {
    let all = (0..each)
        .flat_map(|_| routers.iter().map(|router| app.get("/v1/jobs").from("192.0.2.1").at(router).send()));
    let answers = futures::future::join_all(all).await;
    answers.iter().filter(|answer| answer.status == StatusCode::OK).count()
}

#[tokio::test]
async fn replicas_share_one_limit() {
    let app = TestApp::build().rates(|rates| rates.address_requests = Some(rate("100/s"))).start().await;
    let other = app.replica();
    let both = [&app.router, &other];
    assert_eq!(admitted(&app, &both, 100).await, 100, "at one instant no more than the burst");
    // Over four seconds no more than the burst, what came back, and what leases live, whoever asks how often.
    let mut sum = 100;
    for _ in 0..40 {
        app.clock.advance(Duration::from_millis(100));
        sum += admitted(&app, &both, 20).await;
    }
    assert!((400..=600).contains(&sum), "{sum}");
}

#[tokio::test]
async fn a_busy_subject_costs_a_statement_for_many_requests() {
    let app = TestApp::build().rates(|rates| rates.address_requests = Some(rate("1000/s"))).start().await;
    for _ in 0..1000 {
        assert_eq!(ask(&app, "192.0.2.1").await.status, StatusCode::OK);
    }
    // Leases of 1, 2, 4 and so on up to 250.
    assert!(app.store.calls("lease_rate") <= 16, "{}", app.store.calls("lease_rate"));
    app.store.forget_calls();
    for _ in 0..100 {
        assert_eq!(ask(&app, "192.0.2.1").await.status, TOO_MANY);
    }
    assert!(app.store.calls("lease_rate") <= 1, "who is refused asks nobody");
    ask(&app, "192.0.2.2").await;
    assert!(app.store.calls("lease_rate") <= 2, "a new subject costs one");
}

#[tokio::test]
async fn a_crowd_that_comes_at_once_is_asked_for_together() {
    let app = TestApp::build().rates(|rates| rates.address_requests = Some(rate("30/min"))).start().await;
    assert_eq!(admitted(&app, &[&app.router], 60).await, 30);
    assert!(app.store.calls("lease_rate") <= 3, "{}", app.store.calls("lease_rate"));
}

#[tokio::test]
async fn while_the_database_is_away_what_was_leased_is_spent_and_no_more() {
    let app = TestApp::build().rates(|rates| rates.address_requests = Some(rate("100/s"))).start().await;
    // A path that needs no database: whoever is let in is told that nothing is there.
    let ask = async || app.get("/nothing").from("192.0.2.1").send().await.status;
    for _ in 0..40 {
        assert_eq!(ask().await, StatusCode::NOT_FOUND);
    }
    app.store.set_away(true);
    let mut answers = Vec::new();
    for _ in 0..60 {
        answers.push(ask().await);
    }
    let let_in = answers.iter().take_while(|status| **status == StatusCode::NOT_FOUND).count();
    assert!(let_in < 60, "a lease is no more than a part of the limit");
    assert!(answers[let_in..].iter().all(|status| *status == StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(app.get("/livez").from("192.0.2.1").send().await.status, StatusCode::OK);
    app.store.set_away(false);
    assert_eq!(ask().await, StatusCode::NOT_FOUND);
}
