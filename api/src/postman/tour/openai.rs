//! OpenAI's calls.

use super::super::stop::{Pairs, field, file, stop};
use super::Folder;

const BATCH: Pairs = &[("id", "{{batch_id}}")];

/// Models and embeddings.
pub const MODELS: Folder = Folder {
    name: "OpenAI",
    about: "OpenAI's calls, onto the same jobs.",
    stops: &[
        stop("list_models"),
        stop("get_model").at(&[("name", "{{model}}")]),
        stop("unload_model").json("{\"model\": \"all-minilm-l6-v2\"}"),
        stop("load_model").json("{\"model\": \"all-minilm-l6-v2\", \"keep_alive\": \"5m\"}"),
        stop("create_embedding")
            .json("{\n  \"model\": \"all-minilm-l6-v2\",\n  \"input\": [\"The cat sits outside.\"]\n}"),
    ],
};

/// Files, at once and in parts.
pub const FILES: Folder = Folder {
    name: "OpenAI files",
    about: "Files at once, and uploads in parts.",
    stops: &[
        stop("create_file")
            .form(&[field("purpose", "user_data"), file("file", "note.txt", "The cat sits outside.")])
            .keep("file_id", "id"),
        stop("list_files").query(&[("limit", "10")]),
        stop("get_file"),
        stop("get_file_content"),
        stop("delete_file"),
        stop("create_upload")
            .json(
                r#"{
  "filename": "note.txt",
  "purpose": "user_data",
  "bytes": 21,
  "mime_type": "text/plain"
}"#,
            )
            .keep("upload_id", "id"),
        stop("add_upload_part")
            .form(&[file("data", "part", "The cat sits outside.")])
            .keep("part_id", "id"),
        stop("complete_upload").json("{\"part_ids\": [\"{{part_id}}\"]}").keep("file_id", "file.id"),
        stop("delete_file"),
        stop("create_upload")
            .json("{\"filename\": \"none.txt\", \"purpose\": \"user_data\", \"bytes\": 1, \"mime_type\": \"text/plain\"}")
            .keep("upload_id", "id"),
        stop("cancel_upload"),
    ],
};

/// Batches.
pub const BATCHES: Folder = Folder {
    name: "OpenAI batches",
    about: "A batch of embeddings from its file to its answers; a batch is a bulk too, and is followed as one. The second asks \
            slow echoes, and is cancelled before they are done.",
    stops: &[
        stop("create_file")
            .form(&[
                field("purpose", "batch"),
                file(
                    "file",
                    "lines.jsonl",
                    "{\"custom_id\": \"a\", \"method\": \"POST\", \"url\": \"/v1/embeddings\", \"body\": {\"model\": \"all-minilm-l6-v2\", \"input\": \"The cat sits outside.\"}}\n",
                ),
            ])
            .keep("file_id", "id"),
        stop("create_batch")
            .json(
                r#"{
  "input_file_id": "{{file_id}}",
  "endpoint": "/v1/embeddings",
  "completion_window": "24h"
}"#,
            )
            .keep("batch_id", "id"),
        stop("list_batches").query(&[("limit", "10")]),
        stop("follow_bulk").at(BATCH),
        stop("get_batch").at(BATCH).keep("output_file_id", "output_file_id"),
        stop("get_file_content").at(&[("file_id", "{{output_file_id}}")]),
        stop("delete_file"),
        stop("create_file")
            .form(&[
                field("purpose", "batch"),
                file(
                    "file",
                    "slow.jsonl",
                    "{\"custom_id\": \"slow\", \"method\": \"POST\", \"url\": \"/v1/jobs\", \"body\": {\"model\": \"echo\", \"input\": \"Echo?\", \"params\": {\"delay_ms\": 5000}}}\n",
                ),
            ])
            .keep("file_id", "id"),
        stop("create_batch")
            .json(
                r#"{
  "input_file_id": "{{file_id}}",
  "endpoint": "/v1/jobs",
  "completion_window": "24h"
}"#,
            )
            .keep("batch_id", "id"),
        stop("cancel_batch").at(BATCH),
    ],
};
