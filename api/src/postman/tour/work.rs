//! Work of our own: jobs, jobs with pictures, files of lines.

use super::super::stop::{Pairs, field, file, stop};
use super::Folder;

const JOB: Pairs = &[("id", "{{job_id}}")];
const OWN: Pairs = &[("id", "order-4711")];
const BULK_ID: Pairs = &[("id", "{{bulk_id}}")];

/// Jobs of texts.
pub const JOBS: Folder = Folder {
    name: "Jobs",
    about: "Submit work, follow it, collect its result. The second job has an id of its caller's own and is to wait for an \
            hour; it is cancelled, and runs at once when it is retried.",
    stops: &[
        stop("submit_job")
            .json(
                r#"{
  "model": "{{model}}",
  "inputs": ["I am so happy today!", "我好担心明天的考试"],
  "params": {"top_k": 2},
  "metadata": {"from": "postman"}
}"#,
            )
            .keep("job_id", "id"),
        stop("follow_job").at(JOB),
        stop("get_job").at(JOB).headers(&[("Prefer", "wait=10")]),
        stop("get_job_result").at(JOB),
        stop("list_job_attempts").at(JOB),
        stop("explain_job").at(JOB),
        stop("list_jobs").query(&[("model", "{{model}}"), ("limit", "10")]),
        stop("delete_job").at(JOB),
        stop("put_job")
            .at(OWN)
            .json("{\"model\": \"{{model}}\", \"input\": \"Later will do.\", \"run_at\": \"1h\"}"),
        stop("cancel_job").at(OWN),
        stop("retry_job").at(OWN),
        stop("follow_job").at(OWN),
        stop("delete_job").at(OWN),
        stop("cancel_jobs").json("{\"metadata\": {\"from\": \"postman\"}, \"status\": \"queued\"}"),
        stop("retry_jobs").json("{\"metadata\": {\"from\": \"postman\"}, \"status\": \"expired\"}"),
    ],
};

/// A job that makes a picture.
pub const PICTURES: Folder = Folder {
    name: "Jobs with pictures",
    about: "What stands in front is cut out of a picture. The picture that is made is a file of the job.",
    stops: &[
        stop("submit_job")
            .json("{\"model\": \"u2netp\", \"input\": {\"image\": {\"base64\": \"{{picture}}\"}}}")
            .keep("job_id", "id"),
        stop("follow_job").at(JOB),
        stop("get_job_file").at(&[("id", "{{job_id}}"), ("n", "0")]),
        stop("delete_job").at(JOB),
    ],
};

/// Files of requests.
pub const BULK: Folder = Folder {
    name: "Bulk",
    about: "A file of lines that run when nothing more urgent does. One line is bad, and is run again in a bulk of its own. The \
            last bulk asks slow echoes, and is cancelled before they are done.",
    stops: &[
        stop("create_bulk")
            .form(&[
                field("bulk", "{\"model\": \"{{model}}\", \"metadata\": {\"from\": \"postman\"}}"),
                file(
                    "file",
                    "lines.jsonl",
                    "{\"id\": \"good\", \"input\": \"What a wonderful day!\"}\n{\"id\": \"bad\", \"input\": \"\"}\n",
                ),
            ])
            .keep("bulk_id", "id"),
        stop("list_bulks").query(&[("limit", "10")]),
        stop("follow_bulk").at(BULK_ID),
        stop("get_bulk").at(BULK_ID),
        stop("get_bulk_results").at(BULK_ID).query(&[("format", "csv")]),
        stop("retry_bulk").at(BULK_ID).keep("bulk_id", "id"),
        stop("follow_bulk").at(BULK_ID),
        stop("create_bulk")
            .form(&[
                field("bulk", "{\"model\": \"echo\", \"params\": {\"delay_ms\": 5000}}"),
                file("file", "slow.jsonl", "{\"id\": \"slow\", \"input\": \"Echo?\"}\n"),
            ])
            .keep("bulk_id", "id"),
        stop("cancel_bulk").at(BULK_ID),
    ],
};
