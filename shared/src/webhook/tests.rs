use std::time::Duration;

use ed25519_dalek::{Verifier, VerifyingKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::clock::{ManualClock, Timestamp};
use crate::config::Secret;
use crate::entropy::OsEntropy;
use crate::job::EventType;
use crate::testing::{fixed_ids, sample_job};

fn now() -> Timestamp {
    Timestamp::from_micros(1_780_315_200_000_000)
}

fn schedule() -> Schedule {
    let minutes = [5, 30, 120, 300, 600, 840, 1200, 1440];
    let delays = std::iter::once(Duration::from_secs(5)).chain(minutes.map(Duration::from_mins));
    Schedule { delays: delays.collect(), jitter: 0.2, throttle: Duration::from_mins(1) }
}

fn status(status: u16) -> Heard {
    Heard::Status { status, retry_after: None }
}

fn asking(status: u16, wish: &str) -> Heard {
    Heard::Status { status, retry_after: Some(wish.to_owned()) }
}

fn retry(seconds: u64) -> Next {
    Next::Retry(Duration::from_secs(seconds))
}

#[test]
fn only_a_2xx_is_a_success_and_only_410_is_for_good() {
    for (heard, next) in [
        (status(200), Next::Delivered),
        (status(204), Next::Delivered),
        (status(299), Next::Delivered),
        (status(301), retry(5)),
        (status(307), retry(5)),
        (status(400), retry(5)),
        (status(404), retry(5)),
        (status(500), retry(5)),
        (Heard::Unreachable, retry(5)),
        (status(410), Next::Gone),
    ] {
        assert_eq!(schedule().decide(&heard, 1, now(), 0.5), next, "{heard:?}");
    }
}

#[test]
fn delays_follow_the_schedule_and_then_it_is_over() {
    let told: Vec<_> = (1..=10).map(|tries| schedule().decide(&status(500), tries, now(), 0.5)).collect();
    let hours = |hours: u64| retry(hours * 3600);
    let expected = [
        retry(5),
        retry(300),
        retry(1800),
        hours(2),
        hours(5),
        hours(10),
        hours(14),
        hours(20),
        hours(24),
        Next::GiveUp,
    ];
    assert_eq!(told, expected);
}

#[test]
fn the_overloaded_and_the_silent_are_left_alone_for_a_minute() {
    for heard in [status(429), status(502), status(504), Heard::Timeout] {
        assert_eq!(schedule().decide(&heard, 1, now(), 0.5), retry(60), "{heard:?}");
        assert_eq!(schedule().decide(&heard, 2, now(), 0.5), retry(300), "{heard:?}");
    }
}

#[test]
fn a_wish_for_patience_is_heard_within_reason() {
    for (heard, seconds) in [
        (asking(503, "7"), 7),
        (asking(503, "1"), 5),
        (asking(503, "3600"), 10),
        (asking(429, "90"), 90),
        (asking(429, "1"), 60),
        (asking(429, "86400"), 120),
        (asking(503, "Mon, 01 Jun 2026 12:00:08 GMT"), 8),
        (asking(503, "Mon, 01 Jun 2020 12:00:08 GMT"), 5),
        (asking(503, "soon"), 5),
        (asking(503, "-1"), 5),
    ] {
        assert_eq!(schedule().decide(&heard, 1, now(), 0.5), retry(seconds), "{heard:?}");
    }
}

proptest! {
    #[test]
    fn chance_moves_a_delay_by_a_fifth_at_most(tries in 1u32..10, chance in 0.0..1.0f64, code in 300u16..600) {
        let (plain, moved) =
            (schedule().decide(&status(code), tries, now(), 0.5), schedule().decide(&status(code), tries, now(), chance));
        if let (Next::Retry(plain), Next::Retry(moved)) = (plain, moved) {
            prop_assert!(moved >= plain.mul_f64(0.8) && moved <= plain.mul_f64(1.2), "{plain:?} {moved:?}");
        } else {
            prop_assert_eq!(plain, moved);
        }
    }

    #[test]
    fn any_wish_leaves_the_delay_between_base_and_twice_base(tries in 1u32..10, wish in any::<u64>()) {
        let base = schedule().delays[tries as usize - 1];
        let next = schedule().decide(&asking(503, &wish.to_string()), tries, now(), 0.5);
        let Next::Retry(delay) = next else { panic!("{next:?}") };
        prop_assert!(delay >= base && delay <= base * 2);
    }
}

/// The signature of the specification's own example, and of the reference libraries' tests.
#[test]
fn the_signature_is_the_one_that_the_libraries_know() {
    use base64::Engine;
    use hmac::Mac;
    let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&keys::secret_bytes(&secret).unwrap()).unwrap();
    mac.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
    let signed = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(signed, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn each_secret_signs_and_the_private_key_last() {
    use base64::Engine;
    let entropy = OsEntropy;
    let keys = Keys {
        secrets: vec![new_secret(&entropy), new_secret(&entropy)],
        signing: SigningKey::generate(&entropy),
    };
    let id = fixed_ids(&ManualClock::default()).delivery();
    let signed = sign(id, now(), b"{}", &keys).unwrap();
    assert_eq!(signed.timestamp, "1780315200");
    assert_eq!(signed.id, id.to_string());
    assert!(!signed.id.contains('.') && signed.id.parse() == Ok(id));
    let words: Vec<_> = signed.signature.split(' ').collect();
    assert_eq!(
        words.iter().map(|word| word.split(',').next().unwrap()).collect::<Vec<_>>(),
        ["v1", "v1", "v1a"]
    );
    assert_ne!(words[0], words[1]);

    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let public = decode(keys.signing.public().strip_prefix("whpk_").unwrap());
    let public = VerifyingKey::from_bytes(&public.try_into().unwrap()).unwrap();
    let signature = decode(words[2].strip_prefix("v1a,").unwrap());
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    let content = format!("{}.1780315200.{{}}", signed.id);
    public.verify(content.as_bytes(), &signature).unwrap();
    assert!(
        public.verify(format!("{content} ").as_bytes(), &signature).is_err(),
        "a changed body is refused"
    );
}

#[test]
fn a_signing_key_survives_the_database_and_does_not_show() {
    let key = SigningKey::generate(&OsEntropy);
    let again = SigningKey::read(&key.secret()).unwrap();
    assert_eq!(again.public(), key.public());
    assert!(key.secret().expose().starts_with("whsk_"));
    assert_eq!(SigningKey::read(&Secret::new("whsk_!")).unwrap_err(), SignError);
    let shown = format!("{key:?}");
    assert!(!shown.contains(&key.secret().expose()[5..20]), "{shown}");
}

fn happening(kind: EventType, job: &crate::job::Job) -> Happening {
    Happening {
        kind,
        job: Some(job.id),
        bulk: None,
        model: Some(job.model.clone()),
        version: job.version,
        attempt: Some(1),
        succeeded: Some(1),
        failed: Some(0),
        error: None,
        metadata: Some(job.metadata.clone()),
        at: now(),
    }
}

fn read(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[test]
fn a_message_tells_of_the_job_as_it_was_then() {
    let ids = fixed_ids(&ManualClock::default());
    let mut job = sample_job(&ids, "alice").queued(now());
    job.version = 3;
    job.client_id = Some("order-7".to_owned());
    job.error = Some(crate::job::Failure::permanent(crate::job::FailureCode::FetchFailed, "no picture"));
    let mut what = happening(EventType::JobFailed, &job);
    what.error = Some("fetch_failed".to_owned());
    let told = read(&body(ids.delivery(), &what, Some(&job), None, "https://forebay.example"));
    assert_eq!(told["type"], "job.failed");
    assert_eq!(told["timestamp"], json!(now()));
    let data = &told["data"];
    assert_eq!((&data["status"], &data["client_id"]), (&json!("failed"), &json!("order-7")));
    assert_eq!(data["error"], json!({"code": "fetch_failed", "message": "no picture"}));
    assert_eq!(data["items"], json!({"total": 1, "succeeded": 1, "failed": 0}));
    assert_eq!(data["url"], format!("https://forebay.example/v1/jobs/{}", job.id));

    what.version = 2;
    what.kind = EventType::JobRunning;
    what.error = None;
    let told = read(&body(ids.delivery(), &what, Some(&job), None, ""));
    assert_eq!((&told["data"]["status"], &told["data"]["error"]), (&json!("running"), &Value::Null));

    let told = read(&body(ids.delivery(), &what, None, None, ""));
    assert_eq!(told["data"]["id"], json!(job.id), "a job that is gone is told of as its event has it");
}

#[test]
fn a_bulk_is_told_of_in_openais_words() {
    let ids = fixed_ids(&ManualClock::default());
    let job = sample_job(&ids, "alice").queued(now());
    let bulk = ids.bulk();
    let what = Happening { job: None, bulk: Some(bulk), ..happening(EventType::BatchCompleted, &job) };
    let id = ids.delivery();
    let told = read(&body(id, &what, None, None, ""));
    assert_eq!(
        told,
        json!({
            "id": id.to_string().replace("msg_", "evt_"),
            "object": "event",
            "type": "batch.completed",
            "created_at": 1_780_315_200,
            "timestamp": "2026-06-01T12:00:00.000000Z",
            "data": {"id": format!("batch_{}", bulk.0.simple())},
        })
    );
}
