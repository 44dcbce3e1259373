//! Limits that hold for all replicas of the api together.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};

use super::clients::KEY;
use super::columns::fleet;
use super::house::{House, Plan};
use super::process::Process;

/// Requests that are made at each replica, far more than may come in.
const ASKED: usize = 150;

/// So many at once, and so many a second.
struct Limit {
    burst: usize,
    rate: f64,
}

/// When a request that came in was sent, and when it was answered.
struct Admitted {
    sent: Instant,
    answered: Instant,
}

impl Limit {
    /// In no window did more come in than the burst, what the rate gives in that window, and what it gives in the one second
    /// that leases hold: see "Why are rate limits leased, and what does that cost?".
    fn holds(&self, admitted: &[Admitted]) {
        for first in admitted {
            for last in admitted.iter().filter(|last| last.answered > first.sent) {
                let within = |one: &&Admitted| one.sent >= first.sent && one.answered <= last.answered;
                let count = admitted.iter().filter(within).count();
                let window = last.answered.duration_since(first.sent) + Duration::from_secs(1);
                #[expect(clippy::cast_precision_loss, reason = "some hundred requests")]
                let most = self.burst as f64 + self.rate * window.as_secs_f64();
                #[expect(clippy::cast_precision_loss, reason = "some hundred requests")]
                let is_held = count as f64 <= most;
                assert!(is_held, "{count} came in within {window:?}, and not {most} at most");
            }
        }
    }
}

/// Asks all replicas at the same time, each as fast as it answers; answers with what came in at each.
async fn flood(house: &House, apis: &[String], path: &str) -> Vec<Vec<Admitted>> {
    let at_each = apis.iter().map(|api| async move {
        let mut admitted = Vec::new();
        for _ in 0..ASKED {
            let sent = Instant::now();
            let answer = house.request_at(api, Method::GET, path).send().await.unwrap();
            let answered = Instant::now();
            if answer.status() == StatusCode::TOO_MANY_REQUESTS {
                let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
                assert!((1..=60).contains(&wait), "{wait}");
                assert_eq!(answer.headers()["x-ratelimit-remaining"], "0");
            } else {
                assert!(matches!(answer.status(), StatusCode::OK | StatusCode::NOT_FOUND), "{answer:?}");
                admitted.push(Admitted { sent, answered });
            }
        }
        admitted
    });
    futures::future::join_all(at_each).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_the_limit_of_a_key_and_of_an_address() {
    let plan = Plan::echo()
        .with("FOREBAY_AUTH__MODE", "keys")
        .with("FOREBAY_AUTH__BOOTSTRAP_KEY", KEY)
        .with("FOREBAY_RATE_LIMITS__IMAGE_TASK_REQUESTS", "30/min");
    let mut house = fleet(plan).await;
    let apis = house.start_another_api().await;
    let arguments = ["keys", "create", "--owner", "alice", "--rate", "60/min burst 40"];
    let alices = Process::run(&arguments, &house.environment, house.folder.path()).trim().to_owned();
    // The key's own rate, and the address's for image tasks, whatever key is shown.
    for (limit, key, path) in [
        (Limit { burst: 30, rate: 0.5 }, KEY, "/tasks/nobodys"),
        (Limit { burst: 40, rate: 1.0 }, &alices, "/v1/jobs"),
    ] {
        house.carry(key);
        let admitted = flood(&house, &apis, path).await;
        assert!(admitted.iter().all(|here| !here.is_empty()), "each replica lets some in");
        let all: Vec<Admitted> = admitted.into_iter().flatten().collect();
        // A unit that a replica leases last and does not spend lapses.
        assert!(all.len() + apis.len() >= limit.burst, "{} came in of {} at once", all.len(), limit.burst);
        limit.holds(&all);
    }
    who_waits_as_told_comes_in(&house, &apis, "/v1/jobs").await;
    house.stop();
}

async fn who_waits_as_told_comes_in(house: &House, apis: &[String], path: &str) {
    let ask = |api: &String| house.request_at(api, Method::GET, path).send();
    let started = Instant::now();
    let refused = loop {
        let answer = ask(&apis[0]).await.unwrap();
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "too many are refused");
    };
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_eq!(ask(&apis[1]).await.unwrap().status(), StatusCode::OK, "at the other replica too");
}
