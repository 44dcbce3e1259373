"""Ollama's own client: models, vectors, pictures in words, refusals.

    ollama_base.py <address> <key> <picture>
"""

import math
import sys
import time
import urllib.request
from datetime import datetime, timezone

import ollama

MODEL = "all-minilm-l6-v2"
TEXTS = ["The cat sits outside.", "Stocks fell sharply today."]

address, key, picture = sys.argv[1:]
client = ollama.Client(host=address, headers={"Authorization": f"Bearer {key}"}, timeout=120)


def close(one, other):
    assert len(one) == len(other), (len(one), len(other))
    furthest = max(abs(a - b) for a, b in zip(one, other))
    assert furthest < 1e-4, furthest


def refused(call, status, *words):
    try:
        call()
    except ollama.ResponseError as error:
        assert error.status_code == status, error
        for word in words:
            assert word in error.error, error
        return
    raise AssertionError(f"{words} was to be refused")


def models():
    with urllib.request.urlopen(f"{address}/") as answer:
        assert answer.read() == b"Ollama is running"
    listed = {model.model: model for model in client.list().models}
    assert f"{MODEL}:latest" in listed, listed
    minilm = listed[f"{MODEL}:latest"]
    assert minilm.size > 1_000_000 and len(minilm.digest) == 64 and minilm.modified_at, minilm
    assert minilm.details.format == "onnx" and minilm.details.family == "text_embedding", minilm
    shown = client.show(MODEL)
    assert shown.modelinfo["text_embedding.embedding_length"] == 384, shown
    assert shown.capabilities == ["embedding"] and shown.modelfile is None, shown
    assert client.show("emotion:latest").modelinfo["forebay.labels"]
    refused(lambda: client.show("nope"), 404, "model 'nope' not found")


def stay():
    """How long the model stays in memory, in seconds; None if it is not there."""
    loaded = {model.model: model for model in client.ps().models}
    here = loaded.get(f"{MODEL}:latest")
    return here and (here.expires_at - datetime.now(timezone.utc)).total_seconds()


def until(what, holds):
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + 30, what
        time.sleep(0.1)


def memory():
    assert client.generate(model=MODEL, keep_alive=-1).done_reason == "load"
    until("it stays for good", lambda: (stay() or 0) > 50 * 365 * 86400)
    client.embed(model=MODEL, input="a", keep_alive="5m")
    until("it stays for five minutes", lambda: 200 < (stay() or 0) <= 300)
    assert client.generate(model=MODEL, keep_alive=0).done_reason == "unload"
    until("it has left", lambda: stay() is None)
    assert f"{MODEL}:latest" in [model.model for model in client.list().models]


def vectors():
    one = client.embed(model=MODEL, input=TEXTS[0], keep_alive="5m", options={"num_ctx": 256})
    assert one.model == MODEL and one.prompt_eval_count == 7, one
    assert one.total_duration >= one.load_duration >= 0
    vector = one.embeddings[0]
    assert len(vector) == 384 and abs(math.sqrt(sum(value * value for value in vector)) - 1) < 1e-4
    both = client.embed(model=f"{MODEL}:latest", input=TEXTS)
    close(both.embeddings[0], vector)
    assert both.prompt_eval_count > 7 and len(both.embeddings) == 2
    close(client.embeddings(model=MODEL, prompt=TEXTS[0]).embedding, vector)
    short = client.embed(model=MODEL, input=TEXTS[0], dimensions=64).embeddings[0]
    length = math.sqrt(sum(value * value for value in vector[:64]))
    close(short, [value / length for value in vector[:64]])
    assert len(client.embed(model=MODEL, input=TEXTS[0], dimensions=4000).embeddings[0]) == 384
    assert client.embed(model=MODEL, input=[]).embeddings == []
    assert len(client.embed(model=MODEL, input=["word"] * 300).embeddings) == 300


def pictures():
    whole = client.generate(model="efficientnet-lite0", prompt="what is it?", images=[picture])
    assert whole.done and whole.done_reason == "stop" and whole.eval_duration > 0, whole
    best, score = whole.response.splitlines()[0].rsplit(": ", 1)
    assert best and 0 < float(score) <= 1, whole
    assert len(whole.response.splitlines()) == 5, whole
    pieces = list(client.generate(model="efficientnet-lite0:latest", images=[picture], stream=True))
    assert "".join(piece.response for piece in pieces) == whole.response
    assert [piece.done for piece in pieces] == [True]

    message = {"role": "user", "content": "what is it?", "images": [picture]}
    said = client.chat(model="efficientnet-lite0", messages=[message])
    assert (said.message.role, said.message.content) == ("assistant", whole.response)
    for piece in client.chat(model="efficientnet-lite0", messages=[message], stream=True):
        assert piece.message.content == whole.response


def refusals():
    refused(lambda: client.embed(model="nope", input="a"), 404, "model 'nope' not found")
    refused(lambda: client.embed(model="emotion", input="a"), 400, '"emotion" does not support embeddings')
    message = {"role": "user", "content": "a"}
    refused(lambda: client.generate(model=MODEL, prompt="a"), 400, "does not support generate")
    refused(lambda: client.chat(model=MODEL, messages=[message]), 400, "does not support chat")
    refused(lambda: list(client.chat(model=MODEL, messages=[message], stream=True)), 400, "does not support chat")
    refused(lambda: client.generate(model=MODEL, images=[picture]), 400, "takes no images")
    long = "word " * 500
    refused(lambda: client.embed(model=MODEL, input=long, truncate=False), 400, "tokens")
    stranger = ollama.Client(host=address, headers={"Authorization": "Bearer a-key-that-nobody-has-ever-had"})
    refused(stranger.list, 401, "the API key")


for part in (models, memory, vectors, pictures, refusals):
    part()
    print(part.__name__, "are as they should be")
