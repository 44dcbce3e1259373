//! What is ours beside work: schedules, webhooks, events, queues.

use super::super::stop::{Pairs, stop};
use super::Folder;

const SCHEDULE: Pairs = &[("id", "{{schedule_id}}")];
const WEBHOOK: Pairs = &[("id", "{{webhook_id}}")];
/// The model that is none: nobody waits for it.
const ECHO: Pairs = &[("model", "echo")];

/// The same work again and again.
pub const SCHEDULES: Folder = Folder {
    name: "Schedules",
    about: "Submit the same work again and again. The schedule is run once by hand, and deleted.",
    stops: &[
        stop("create_schedule")
            .json(
                r#"{
  "name": "postman {{$guid}}",
  "cron": "0 6 * * 1",
  "time_zone": "Europe/Berlin",
  "template": {"model": "{{model}}", "input": "Monday again."}
}"#,
            )
            .keep("schedule_id", "id"),
        stop("get_schedule").at(SCHEDULE),
        stop("change_schedule").at(SCHEDULE).json("{\"cron\": \"0 7 * * 1\"}"),
        stop("pause_schedule").at(SCHEDULE),
        stop("resume_schedule").at(SCHEDULE),
        stop("run_schedule").at(SCHEDULE),
        stop("list_firings").at(SCHEDULE),
        stop("list_schedules").query(&[("limit", "10")]),
        stop("delete_schedule").at(SCHEDULE),
    ],
};

/// Signed messages.
pub const WEBHOOKS: Folder = Folder {
    name: "Webhooks",
    about: "Be told of what happens, by signed messages. Nothing happens before the webhook is deleted, so nothing is sent.",
    stops: &[
        stop("create_webhook")
            .json("{\"url\": \"https://example.com/forebay\", \"events\": [\"job.failed\"]}")
            .keep("webhook_id", "id"),
        stop("get_webhook").at(WEBHOOK),
        stop("update_webhook").at(WEBHOOK).json("{\"events\": [\"job.failed\", \"job.expired\"]}"),
        stop("rotate_webhook_secret").at(WEBHOOK),
        stop("replay_webhook").at(WEBHOOK).json("{\"since\": \"{{$isoTimestamp}}\"}"),
        stop("list_webhook_deliveries").at(WEBHOOK),
        stop("list_webhooks"),
        stop("list_webhook_keys"),
        stop("get_default_webhook_secret"),
        stop("delete_webhook").at(WEBHOOK),
    ],
};

/// What happened.
pub const EVENTS: Folder = Folder {
    name: "Events",
    about: "What happened to jobs, as a page; without `follow=false` it is a stream that does not end.",
    stops: &[stop("follow_events").query(&[("follow", "false"), ("limit", "10")])],
};

/// Orders to queues.
pub const QUEUES: Folder = Folder {
    name: "Queues",
    about: "What stands in the queues of models, and orders to that of `echo`, the model that is none. The key needs the scope \
            `admin`.",
    stops: &[
        stop("list_queues"),
        stop("pause_queue").at(ECHO),
        stop("purge_queue").at(ECHO),
        stop("drain_queue").at(ECHO),
        stop("resume_queue").at(ECHO),
    ],
};
