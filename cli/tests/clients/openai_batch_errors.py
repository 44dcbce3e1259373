"""OpenAI's own client: batches that are refused, cancelled, listed, and run again.

    openai_batch_errors.py <address> <key>
"""

import io
import json
import sys
import time

import openai

address, key = sys.argv[1:]
client = openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0, timeout=120)


def line(name, text, url="/v1/jobs", model="echo", **params):
    body = {"model": model, "input": text, "params": params}
    return json.dumps({"custom_id": name, "method": "POST", "url": url, "body": body})


def batch(lines, **more):
    file = client.files.create(file=("lines.jsonl", io.BytesIO("\n".join(lines).encode())), purpose="batch")
    wishes = {"endpoint": "/v1/jobs", "completion_window": "24h", **more}
    return client.batches.create(input_file_id=file.id, **wishes)


def ended(batch):
    while batch.status in ("validating", "in_progress", "finalizing", "cancelling"):
        time.sleep(0.05)
        batch = client.batches.retrieve(batch.id)
    return batch


def answers(file):
    return [json.loads(line) for line in client.files.content(file).text.splitlines()]


def refused_whole():
    bad = ended(batch([
        line("a", "hello"), "{", "", line("a", "again"), line("b", "x", url="/v1/embeddings"), line("c", "x", model="nobody"),
    ]))
    assert bad.status == "failed" and bad.failed_at and not bad.output_file_id, bad
    told = [(error.code, error.line) for error in bad.errors.data]
    assert told == [
        ("invalid_json_line", 2), ("duplicate_custom_id", 4), ("invalid_url", 5), ("model_not_found", 6),
    ], told


def cancelled():
    slow = batch([line(str(n), f"text {n}", delay_ms=1000) for n in range(3000)])
    while client.batches.retrieve(slow.id).status == "validating":
        time.sleep(0.05)
    stopping = client.batches.cancel(slow.id)
    assert stopping.status == "cancelling" and stopping.cancelling_at, stopping
    over = ended(stopping)
    counts = over.request_counts
    assert over.status == "cancelled" and over.cancelled_at, over
    assert counts.completed + counts.failed == counts.total == 3000 and counts.failed, counts
    errors = answers(over.error_file_id)
    assert len(errors) == counts.failed, (len(errors), counts)
    assert all(told["error"]["code"] == "batch_cancelled" and told["response"] is None for told in errors), errors[0]
    done = answers(over.output_file_id) if over.output_file_id else []
    names = {told["custom_id"] for told in errors + done}
    assert len(names) == 3000, "what was done is kept, and nothing is told twice"
    try:
        client.batches.cancel(over.id)
    except openai.BadRequestError as error:
        assert error.body["code"] == "bulk_ended", error.body
    else:
        raise AssertionError("an ended batch cannot be cancelled")


def late():
    # Two seconds of a model that needs minutes.
    over = ended(batch([line(str(n), "x" * 200, delay_ms=2000) for n in range(3000)], completion_window="2s"))
    assert over.status == "expired" and over.expired_at, over
    errors = answers(over.error_file_id)
    assert {told["error"]["code"] for told in errors} == {"batch_expired"}, errors[0]
    assert len(errors) == over.request_counts.failed, over


def listed():
    first = client.batches.list(limit=2)
    assert first.has_more and len(first.data) == 2 and first.first_id == first.data[0].id, first
    everything = [one.id for one in client.batches.list(limit=1)]
    assert len(everything) == 3 and len(set(everything)) == 3, everything
    assert everything[:2] == [one.id for one in first.data], "the newest come first"


def unknown():
    for call in (client.batches.retrieve, client.batches.cancel):
        try:
            call("batch_00000000000000000000000000000000")
        except openai.NotFoundError as error:
            assert set(error.body) == {"message", "type", "param", "code"}, error.body
        else:
            raise AssertionError("there is no such batch")


refused_whole()
cancelled()
late()
listed()
unknown()
