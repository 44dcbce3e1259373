//! Examples, shown in the OpenAPI document and held against the real thing in tests.

use serde_json::{Value, json};

/// A submission of two texts.
pub fn submission() -> Value {
    json!({
        "model": "emotion",
        "inputs": ["What a wonderful day!", {"text": "I have waited for an hour.", "params": {"top_k": 1}}],
        "params": {"top_k": 2},
        "metadata": {"ticket": "4711"}
    })
}

/// What becomes of it: the second text turns out to be too long.
pub fn result() -> Value {
    json!({
        "items": [
            {
                "index": 0,
                "status": "succeeded",
                "output": {"labels": [{"label": "happy", "score": 0.75}, {"label": "excited", "score": 0.25}]}
            },
            {
                "index": 1,
                "status": "failed",
                "error": {"code": "input_too_long", "message": "the text has 150 tokens, the limit is 128"}
            }
        ]
    })
}

/// A webhook.
pub fn webhook() -> Value {
    json!({
        "id": "wh_019e82a646007ae985e7e1bc4b7cd5c3",
        "object": "webhook",
        "url": "https://example.org/forebay",
        "events": ["job.succeeded", "job.failed"],
        "disabled": false,
        "disabled_at": null,
        "disabled_reason": null,
        "failing_since": null,
        "created_at": "2026-06-01T12:00:00.000000Z",
        "updated_at": "2026-06-01T12:00:00.000000Z"
    })
}

/// The job, when it has ended.
pub fn job() -> Value {
    json!({
        "id": "019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3",
        "client_id": null,
        "object": "job",
        "model": "emotion",
        "kind": "text_classification",
        "status": "succeeded",
        "class": "interactive",
        "priority": 0,
        "items": {"total": 2, "succeeded": 1, "failed": 1},
        "attempt": 1,
        "max_attempts": 3,
        "cancel_requested": false,
        "params": {"top_k": 2},
        "metadata": {"ticket": "4711"},
        "created_at": "2026-06-01T12:00:00.000000Z",
        "available_at": "2026-06-01T12:00:00.000000Z",
        "start_by": null,
        "finish_by": null,
        "started_at": "2026-06-01T12:00:00.000000Z",
        "finished_at": "2026-06-01T12:00:00.000000Z",
        "expires_at": "2026-06-08T12:00:00.000000Z",
        "queue": null,
        "timings": {
            "queue_wait_ms": 2.5,
            "batch_wait_ms": 0.5,
            "batch_size": 2,
            "batches": 1,
            "padding": 0.125,
            "prepare_ms": 0.25,
            "run_ms": 12.5,
            "store_ms": 1.5
        },
        "error": null,
        "result": result(),
        "result_url": "/v1/jobs/019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3/result",
        "files": [],
        "urls": {
            "self": "/v1/jobs/019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3",
            "cancel": "/v1/jobs/019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3/cancel",
            "result": "/v1/jobs/019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3/result"
        }
    })
}

/// The event that it ended.
pub fn event() -> Value {
    json!({
        "id": "748-12",
        "object": "event",
        "type": "job.succeeded",
        "at": "2026-06-01T12:00:00.000000Z",
        "job": "019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3",
        "bulk": null,
        "model": "emotion",
        "version": 3,
        "attempt": 1,
        "items": {"succeeded": 1, "failed": 1},
        "error": null,
        "metadata": {"ticket": "4711"},
        "url": "/v1/jobs/019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3"
    })
}

/// A schedule that is to be made.
pub fn new_schedule() -> Value {
    json!({
        "name": "morning moods",
        "cron": "0 9 * * MON-FRI",
        "time_zone": "Europe/Berlin",
        "template": {"model": "emotion", "inputs": ["Good morning!"]},
        "missed": "once"
    })
}

/// The schedule.
pub fn schedule() -> Value {
    let this = "/v1/schedules/019e82a6-4600-7ae9-85e7-e1bc4b7cd5c4";
    json!({
        "id": "019e82a6-4600-7ae9-85e7-e1bc4b7cd5c4",
        "object": "schedule",
        "name": "morning moods",
        "cron": "0 9 * * MON-FRI",
        "time_zone": "Europe/Berlin",
        "missed": "once",
        "paused": false,
        "template": {
            "model": "emotion",
            "inputs": [{"text": "Good morning!"}],
            "params": {},
            "class": "interactive",
            "priority": 0,
            "metadata": {},
            "max_attempts": 3,
            "retention": {"succeeded": 604_800, "failed": 604_800, "cancelled": 604_800, "expired": 604_800},
            "start_within": null,
            "finish_within": null
        },
        "next": [
            "2026-06-02T07:00:00.000000Z",
            "2026-06-03T07:00:00.000000Z",
            "2026-06-04T07:00:00.000000Z",
            "2026-06-05T07:00:00.000000Z",
            "2026-06-08T07:00:00.000000Z"
        ],
        "created_at": "2026-06-01T12:00:00.000000Z",
        "updated_at": "2026-06-01T12:00:00.000000Z",
        "urls": {
            "self": this,
            "firings": format!("{this}/firings"),
            "run": format!("{this}/run"),
            "pause": format!("{this}/pause"),
            "resume": format!("{this}/resume"),
            "jobs": "/v1/jobs?metadata.schedule=019e82a6-4600-7ae9-85e7-e1bc4b7cd5c4"
        }
    })
}

/// What became of a tick.
pub fn firing() -> Value {
    json!({
        "object": "firing",
        "schedule": "019e82a6-4600-7ae9-85e7-e1bc4b7cd5c4",
        "fire_at": "2026-06-02T07:00:00.000000Z",
        "fired_at": "2026-06-02T07:00:00.001250Z",
        "manual": false,
        "outcome": "submitted",
        "job": "019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3",
        "job_url": "/v1/jobs/019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3",
        "error": null,
        "passed_from": null
    })
}
