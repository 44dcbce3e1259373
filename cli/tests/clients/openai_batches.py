"""OpenAI's own client: a batch whose worker and scheduler die on the way.

    openai_batches.py <address> <key> begin <lines> <words of each>
    openai_batches.py <address> <key> finish <lines> <batch>

`begin` uploads a file and makes a batch of it, whose id it prints last. `finish` waits for its end, and holds every line
of the file against the answers.
"""

import io
import json
import sys
import time

import openai

MODEL = "all-minilm-l6-v2"

address, key, step, lines, last = sys.argv[1:]
lines = int(lines)
client = openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=5, timeout=120)


def begin():
    content = io.BytesIO()
    for n in range(lines):
        body = {"model": MODEL, "input": f"line {n}" + " and more" * int(last), "encoding_format": "base64"}
        line = {"custom_id": f"request-{n}", "method": "POST", "url": "/v1/embeddings", "body": body}
        content.write(json.dumps(line).encode() + b"\n")
    content.seek(0)
    file = client.files.create(file=("lines.jsonl", content), purpose="batch")
    assert file.purpose == "batch" and file.bytes == content.getbuffer().nbytes, file
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h", metadata={"city": "上海"}
    )
    assert batch.object == "batch" and batch.input_file_id == file.id, batch
    assert batch.expires_at - batch.created_at == 24 * 3600, batch
    assert batch.id in [other.id for other in client.batches.list(limit=10)]
    print(batch.id)


def finish():
    before = 0
    while True:
        batch = client.batches.retrieve(last)
        done = batch.request_counts.completed
        assert done >= before, "what was done stays done"
        before = done
        if batch.status not in ("validating", "in_progress", "finalizing"):
            break
        time.sleep(0.1)
    assert batch.status == "completed", batch
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (lines, lines, 0), counts
    assert batch.errors is None and batch.error_file_id is None and batch.metadata == {"city": "上海"}, batch
    assert batch.created_at <= batch.in_progress_at <= batch.finalizing_at <= batch.completed_at, batch
    seen = set()
    with client.files.with_streaming_response.content(batch.output_file_id) as answer:
        for line in answer.iter_lines():
            told = json.loads(line)
            assert told["error"] is None and told["response"]["status_code"] == 200, line[:300]
            body = told["response"]["body"]
            assert body["object"] == "list" and body["model"] == MODEL and len(body["data"]) == 1, line[:300]
            assert len(body["data"][0]["embedding"]) == 384 * 4 * 4 / 3, line[:300]
            assert told["custom_id"] not in seen, f"{told['custom_id']} is answered twice"
            seen.add(told["custom_id"])
    assert seen == {f"request-{n}" for n in range(lines)}, f"{lines - len(seen)} lines have no answer"


begin() if step == "begin" else finish()
