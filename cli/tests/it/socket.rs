//! Clients that talk over a WebSocket, on both columns.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::columns::on_both;
use super::house::{House, LONG, Plan};
use super::process::Process;

on_both! {
    Plan::echo().hasty() => [
        a_job_is_submitted_and_followed_over_one_socket,
        many_things_happen_on_one_socket_at_once,
        a_socket_takes_ids_of_the_clients_own,
        what_a_socket_cannot_have_is_refused_as_http_refuses_it,
    ];
}

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// Opens a socket with these headers; answers with the status if it is refused.
async fn open(house: &House, headers: &[(&'static str, String)]) -> Result<Socket, u16> {
    let url = format!("{}/v1/ws", house.url.replacen("http", "ws", 1));
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(Socket(socket)),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

impl Socket {
    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(LONG, self.0.next()).await.expect("something is said");
            match message.expect("the socket is open").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next message of this type.
    async fn hear(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == kind {
                return message;
            }
            assert_ne!(message["type"], "error", "{message}");
        }
    }
}

async fn a_job_is_submitted_and_followed_over_one_socket(house: House) {
    let mut socket = open(&house, &[]).await.ok().unwrap();
    let job = json!({"model": "echo", "input": "hello", "params": {"delay_ms": 500}});
    socket.say(json!({"type": "submit", "ref": "a", "job": job, "idempotency_key": "k"})).await;
    let accepted = socket.hear("accepted").await;
    assert_eq!((&accepted["ref"], &accepted["replayed"]), (&json!("a"), &json!(false)));
    assert_eq!(accepted["job"]["status"], "queued");
    let id = accepted["job"]["id"].as_str().unwrap().to_owned();

    socket.say(json!({"type": "subscribe", "ref": "b", "job": id, "after": "0"})).await;
    let subscribed = socket.hear("subscribed").await;
    assert_eq!(subscribed["ref"], "b");
    let mut events = Vec::new();
    loop {
        let message = socket.next().await;
        assert_eq!(message["subscription"], subscribed["subscription"]);
        if message["type"] == "ended" {
            break;
        }
        events.push((message["id"].clone(), message["event"].clone(), message["data"].clone()));
    }
    let told: Vec<_> =
        events.iter().map(|(id, event, _)| (id.as_str().unwrap(), event.as_str().unwrap())).collect();
    assert_eq!(told, [("1", "job.queued"), ("2", "job.running"), ("3", "job.succeeded")]);
    assert_eq!(events[2].2, house.ended(&id).await, "the job as HTTP reads it");

    socket.say(json!({"type": "submit", "ref": "c", "job": job, "idempotency_key": "k"})).await;
    let again = socket.hear("accepted").await;
    assert_eq!((&again["job"]["id"], &again["replayed"]), (&json!(id), &json!(true)));
    house.stop();
}

async fn a_socket_takes_ids_of_the_clients_own(house: House) {
    let mut socket = open(&house, &[]).await.ok().unwrap();
    let job = json!({"model": "echo", "input": "hello", "params": {"delay_ms": 5_000}});
    socket.say(json!({"type": "submit", "client_id": "order-1", "job": job})).await;
    let id = socket.hear("accepted").await["job"]["id"].clone();
    socket.say(json!({"type": "submit", "client_id": "order-1", "job": job})).await;
    assert_eq!(socket.hear("accepted").await["job"]["id"], id, "it is attached to");
    socket.say(json!({"type": "subscribe", "job": "order-1", "after": "0"})).await;
    socket.hear("subscribed").await;
    assert_eq!(socket.hear("event").await["data"]["id"], id);
    socket.say(json!({"type": "subscribe", "filter": {"jobs": ["order-1"]}})).await;
    socket.hear("subscribed").await;
    socket.say(json!({"type": "cancel", "job": "order-1"})).await;
    assert_eq!(socket.hear("cancelled").await["job"]["id"], id);
    for message in [
        json!({"type": "cancel", "job": "order-2"}),
        json!({"type": "subscribe", "job": "order-2"}),
        json!({"type": "subscribe", "filter": {"jobs": ["order-2"]}}),
    ] {
        socket.say(message).await;
        let refused = loop {
            let message = socket.next().await;
            if message["type"] == "error" {
                break message;
            }
        };
        assert_eq!(refused["problem"]["code"], "job_not_found", "{refused}");
    }
    house.ended(id.as_str().unwrap()).await;
    house.stop();
}

async fn many_things_happen_on_one_socket_at_once(house: House) {
    const JOBS: usize = 100;
    let mut socket = open(&house, &[]).await.ok().unwrap();
    let filter = json!({"types": ["job.succeeded", "job.cancelled"], "metadata": {"batch": "7"}});
    socket.say(json!({"type": "subscribe", "ref": "all", "filter": filter})).await;
    let number = socket.hear("subscribed").await["subscription"].clone();
    for n in 0..JOBS {
        let job = json!({"model": "echo", "input": format!("text {n}"), "metadata": {"batch": "7"}});
        socket.say(json!({"type": "submit", "ref": n.to_string(), "job": job})).await;
    }
    let (mut accepted, mut ended) = (Vec::new(), Vec::new());
    while accepted.len() < JOBS || ended.len() < JOBS {
        let message = socket.next().await;
        match message["type"].as_str().unwrap() {
            "accepted" => accepted.push(message["job"]["id"].as_str().unwrap().to_owned()),
            "event" => ended.push(message["data"]["job"].as_str().unwrap().to_owned()),
            other => panic!("{other}: {message}"),
        }
    }
    accepted.sort();
    ended.sort();
    assert_eq!(accepted, ended, "each ended once");

    socket.say(json!({"type": "unsubscribe", "ref": "u", "subscription": number})).await;
    assert_eq!(socket.hear("unsubscribed").await["ref"], "u");
    let job =
        json!({"model": "echo", "input": "slow", "params": {"delay_ms": 5000}, "metadata": {"batch": "7"}});
    socket.say(json!({"type": "submit", "ref": "s", "job": job})).await;
    let id = socket.hear("accepted").await["job"]["id"].clone();
    socket.say(json!({"type": "cancel", "ref": "x", "job": id})).await;
    let cancelled = socket.next().await;
    assert_eq!(
        (&cancelled["type"], &cancelled["ref"]),
        (&json!("cancelled"), &json!("x")),
        "nothing of the old subscription comes"
    );
    assert_eq!(cancelled["job"]["cancel_requested"], true);
    house.stop();
}

async fn what_a_socket_cannot_have_is_refused_as_http_refuses_it(house: House) {
    let mut socket = open(&house, &[]).await.ok().unwrap();
    let nobody = "019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3";
    let table = [
        (json!({"type": "submit", "job": {"model": "nobody", "input": "x"}}), "unknown_model", "model"),
        (
            json!({"type": "submit", "job": {"model": "echo", "input": "x", "colour": 1}}),
            "unknown_field",
            "colour",
        ),
        (json!({"type": "submit"}), "missing_field", "job"),
        (
            json!({"type": "submit", "job": {"model": "echo", "input": "x"}, "idempotency_key": "a b"}),
            "invalid_header",
            "Idempotency-Key",
        ),
        (json!({"type": "sing"}), "invalid_field", "type"),
        (json!({"type": "subscribe", "colour": "red"}), "unknown_field", "colour"),
        (json!({"type": "subscribe", "job": "a b"}), "invalid_id", "job"),
        (json!({"type": "subscribe", "job": nobody}), "job_not_found", ""),
        (json!({"type": "subscribe", "after": "x"}), "invalid_cursor", "after"),
        (
            json!({"type": "subscribe", "filter": {"types": ["job.progress"]}}),
            "invalid_field",
            "filter.types",
        ),
        (json!({"type": "unsubscribe", "subscription": 99}), "invalid_field", "subscription"),
        (json!({"type": "cancel", "job": nobody}), "job_not_found", ""),
    ];
    for (mut message, code, field) in table {
        message["ref"] = json!(code);
        socket.say(message.clone()).await;
        let answer = socket.next().await;
        assert_eq!(answer["type"], "error", "{message}");
        assert_eq!(
            (&answer["problem"]["code"], answer["problem"]["field"].as_str().unwrap_or("")),
            (&json!(code), field),
            "{message}: {answer}"
        );
        // What cannot be read has no reference that could be told.
        assert!(answer["ref"] == code || answer["ref"].is_null(), "{answer}");
    }
    for _ in 0..100 {
        socket.say(json!({"type": "subscribe"})).await;
        socket.hear("subscribed").await;
    }
    socket.say(json!({"type": "subscribe", "ref": "more"})).await;
    let answer = socket.next().await;
    assert_eq!(
        (&answer["problem"]["code"], &answer["problem"]["limit"]),
        (&json!("too_many_streams"), &json!(100))
    );

    assert_eq!(open(&house, &[("origin", "https://evil.example".to_owned())]).await.err(), Some(403));
    assert!(open(&house, &[("origin", house.url.clone())]).await.is_ok(), "a page of its own may");
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_needs_a_key_which_may_stand_among_the_subprotocols() {
    let mut house = super::columns::embedded_unstarted(&Plan::echo());
    let create = |owner: &str| {
        let arguments = ["keys", "create", "--owner", owner];
        Process::run(&arguments, &house.environment, house.folder.path()).trim().to_owned()
    };
    let (alice, bob) = (create("alice"), create("bob"));
    house.start_worker().await;
    assert_eq!(open(&house, &[]).await.err(), Some(401));
    let wrong = [("sec-websocket-protocol", "forebay.v1, forebay.key.fb_wrong".to_owned())];
    assert_eq!(open(&house, &wrong).await.err(), Some(401));
    let page = [
        ("sec-websocket-protocol", format!("forebay.v1, forebay.key.{alice}")),
        ("origin", "https://app.example".to_owned()),
    ];
    let mut hers = open(&house, &page).await.ok().unwrap();
    let mut his = open(&house, &[("authorization", format!("Bearer {bob}"))]).await.ok().unwrap();
    his.say(json!({"type": "subscribe"})).await;
    his.hear("subscribed").await;
    hers.say(json!({"type": "submit", "job": {"model": "echo", "input": "hers"}})).await;
    let id = hers.hear("accepted").await["job"]["id"].clone();
    his.say(json!({"type": "subscribe", "ref": "spy", "job": id})).await;
    assert_eq!(his.next().await["problem"]["code"], "job_not_found");
    his.say(json!({"type": "submit", "job": {"model": "echo", "input": "his"}})).await;
    let own = his.hear("accepted").await["job"]["id"].clone();
    loop {
        let event = his.hear("event").await;
        assert_eq!(event["data"]["job"], own, "he hears his own only");
        if event["event"] == "job.succeeded" {
            break;
        }
    }
    assert!(!house.workers[0].log().contains(&alice), "keys are not logged");
    house.stop();
}
