//! What happened to a job, in plain words: pure text.

use forebay_shared::clock::Timestamp;
use forebay_shared::job::{Account, Apart, BatchAccount, CloseReason, Failure, Status, Timings};
use forebay_shared::registry::PULL;
use forebay_shared::store::Explained;

use super::Wait;

/// Why the job waits at `now`, if it does. `served`: by how many workers, if its model is known.
pub fn waits(explained: &Explained, served: Option<usize>, now: Timestamp) -> Vec<Wait> {
    let job = &explained.job;
    if job.status != Status::Queued {
        return Vec::new();
    }
    let mut waits = Vec::new();
    let mut because = |code, sentence: String| waits.push(Wait { code, sentence });
    if job.available_at > now {
        let until = job.available_at;
        because(
            "not_due",
            match &job.error {
                Some(error) => {
                    format!("attempt {} failed ({}); it is tried again at {until}", job.attempt, error.code)
                }
                None => format!("it is not to run before {until}"),
            },
        );
        return waits;
    }
    if let Some(since) = explained.paused_at {
        because("paused", format!("the queue of {} is paused since {since}", job.model));
    }
    if job.model == PULL {
        // The queue that the others wait in is of no use to it.
        if explained.paused_at.is_none() {
            because("scheduler", "it waits until a scheduler has room for it".to_owned());
        }
        return waits;
    }
    match served {
        None => {
            because("model_not_served", format!("no worker has announced the model {} lately", job.model));
        }
        Some(0) => because("no_worker", format!("no worker that lives serves the model {}", job.model)),
        Some(_) => {}
    }
    match explained.handed_over_at {
        // What a paused queue has is handed over when it is resumed.
        _ if explained.paused_at.is_some() => {}
        None => because(
            "window",
            format!(
                "the queue of {} has as much {} work as its workers take soon; it waits for room there, in its turn",
                job.model, job.class
            ),
        ),
        Some(since) => because(
            "worker_busy",
            format!("it was handed to the queue at {since} and waits until a worker has room for it"),
        ),
    }
    waits
}

/// A sentence for each phase of an attempt.
pub fn phases(
    timings: Option<&Timings>,
    account: &Account,
    failure: Option<&Failure>,
    ended: bool,
) -> Vec<String> {
    let Some(timings) = timings else {
        return vec![match failure {
            Some(failure) => format!("its worker did not live to tell: {}", failure.message),
            None if ended => "nothing is known of it".to_owned(),
            None => "it runs; what its batches were like is told when it has ended".to_owned(),
        }];
    };
    let mut told = vec![
        format!("from being due to being taken by the worker it waited {}", ms(timings.queue_wait_ms)),
        format!("preparing its items took {}", ms(timings.prepare_ms)),
    ];
    told.extend(account.batches.iter().map(batch));
    let more = account.count.saturating_sub(u32::try_from(account.batches.len()).unwrap_or(u32::MAX));
    if more > 0 {
        told.push(format!("{more} further batches are not told one by one"));
    }
    if account.count == 0 {
        told.push("none of its items came to the device".to_owned());
    }
    told.push(match failure {
        Some(failure) => format!("it failed: {}", failure.message),
        None => format!("writing the result took {}", ms(timings.store_ms)),
    });
    told
}

fn batch(batch: &BatchAccount) -> String {
    let others = match batch.items.saturating_sub(batch.own) {
        0 => "all its own".to_owned(),
        others => format!("{} its own and {others} of other jobs", batch.own),
    };
    let waited = match (batch.device_ms, batch.company_ms) {
        (device, company) if device < 1.0 && company < 1.0 => "left at once".to_owned(),
        (device, company) if company < 1.0 => format!("waited {} for the device", ms(device)),
        (device, company) if device < 1.0 => format!("waited {} for company", ms(company)),
        (device, company) => format!("waited {} for the device and {} for company", ms(device), ms(company)),
    };
    let apart = match batch.isolation {
        Apart::None => "",
        Apart::Apart => "; it ran apart, because a worker had died with its items",
        Apart::Alone => "; the item ran alone, because workers had died with it",
    };
    let ran = match batch.run_ms {
        Some(run) if batch.split => format!("; it failed, and its items ran one by one in {}", ms(run)),
        Some(run) => format!("; it ran {}", ms(run)),
        None => String::new(),
    };
    format!(
        "batch {} had {} ({others}) and cost {}, {} of it padding; its items {waited}; {}{apart}{ran}",
        batch.number,
        items(batch.items),
        batch.cost,
        batch.padding,
        closed(batch.closed),
    )
}

fn closed(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Budget => "another item would have cost more than a batch may",
        CloseReason::Items => "it had as many items as a batch may",
        CloseReason::Padding => "the items that were left differed too much in length",
        CloseReason::Drained => "nothing else was waiting",
        CloseReason::Alone => "it might hold nothing else",
    }
}

fn items(count: u32) -> String {
    if count == 1 { "1 item".to_owned() } else { format!("{count} items") }
}

fn ms(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.1} ms") } else { format!("{:.1} s", ms / 1000.0) }
}
