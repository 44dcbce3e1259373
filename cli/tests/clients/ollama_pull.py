"""Ollama's own client: a model from a hub, told as it comes.

    ollama_pull.py <address> <key> <bytes of the graph that come before it stalls> <bytes of the graph>

Whoever starts it lets the graph come once it has stalled.
"""

import json
import sys
import urllib.request

import ollama

address, key = sys.argv[1:3]
stalls_at, whole = map(int, sys.argv[3:])
client = ollama.Client(host=address, headers={"Authorization": f"Bearer {key}"}, timeout=120)


def refused(call, *words):
    try:
        call()
    except ollama.ResponseError as error:
        for word in words:
            assert word in error.error, error
        return error.status_code
    raise AssertionError(f"{words} was to be refused")


steps = list(client.pull("org/toy", stream=True))
statuses = [step.status for step in steps]
assert statuses[0] == "pulling manifest" and statuses.count("pulling manifest") == 1, statuses
assert statuses[-3:] == ["verifying sha256 digest", "writing manifest", "success"], statuses
layers = [step for step in steps if step.digest]
assert (stalls_at, whole) in [(step.completed, step.total) for step in layers], steps
for step in layers:
    kind, digest = step.digest.split(":")
    assert kind == "sha256" and len(digest) == 64 and step.status == f"pulling {digest[:12]}", step
    assert step.total == whole and 0 <= step.completed <= whole, step
assert [step.completed for step in layers] == sorted(step.completed for step in layers), layers
assert client.pull("hf.co/org/toy").status == "success", "it is here already"
assert "org/toy:latest" in [model.model for model in client.list().models]
assert client.delete("org/toy").status == "success"

assert refused(lambda: client.pull("org/nothing"), "org/nothing") == 404
refused(lambda: list(client.pull("org/nothing", stream=True)), "org/nothing")
assert refused(lambda: client.pull("org/a/b/c"), "repository") == 400

body = json.dumps({"name": "org/toy", "insecure": True}).encode()
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Accept": "text/event-stream"}
with urllib.request.urlopen(urllib.request.Request(f"{address}/api/pull", body, headers), timeout=120) as answer:
    job = answer.headers["x-forebay-job"]
    lines = answer.read().decode().splitlines()
assert lines[-2] == "data: [DONE]" and json.loads(lines[-4][6:]) == {"status": "success"}, lines
with urllib.request.urlopen(urllib.request.Request(f"{address}/v1/jobs/{job}", headers=headers)) as answer:
    told = json.load(answer)
assert (told["kind"], told["status"]) == ("model_pull", "succeeded"), told
print("pulls are as they should be")
