"""Ollama's own client: a model of uploaded files, its copies, its end.

    ollama_registry.py <address> <key> <folder> <picture>
"""

import pathlib
import sys
import time

import ollama

MODEL = "org/nsfw:v1"

address, key, folder, picture = sys.argv[1:]
client = ollama.Client(host=address, headers={"Authorization": f"Bearer {key}"}, timeout=120)
folder = pathlib.Path(folder)
paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(call, status, *words):
    try:
        call()
    except ollama.ResponseError as error:
        assert error.status_code == status, error
        for word in words:
            assert word in error.error, error
        return
    raise AssertionError(f"{words} was to be refused")


def until(what, holds):
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + 60, what
        time.sleep(0.2)


def names():
    return [model.model for model in client.list().models]


def made_of_files():
    nowhere = "sha256:" + "0" * 64
    refused(lambda: client.create(model=MODEL, files={"a": nowhere}), 404, "there is no blob")
    files = {path: client.create_blob(at) for path, at in paths.items()}
    assert all(digest.startswith("sha256:") for digest in files.values())
    again = {path: client.create_blob(at) for path, at in paths.items()}
    assert again == files, "what is here is uploaded again without harm"
    steps = [piece.status for piece in client.create(model=MODEL, files=files, stream=True)]
    assert steps[-3:] == ["verifying sha256 digest", "writing manifest", "success"], steps
    assert sum(step.startswith("using existing layer") for step in steps) == len(set(files.values())), steps
    assert client.create(model=MODEL, files=files).status == "success"
    odd = {path: digest for path, digest in files.items() if path == "config.json"}
    refused(lambda: client.create(model="odd", files=odd), 400, "no model that can be served")
    broken = client.create(model="odd", files=odd, stream=True)
    refused(lambda: list(broken), -1, "no model that can be served")
    refused(lambda: client.create(model="odd", from_=MODEL, system="a pirate"), 400, "`system` is not supported")


def loads():
    try:
        return client.generate(model=MODEL).done_reason == "load"
    except ollama.ResponseError as error:
        assert error.status_code == 503, error
        return False


def served():
    until("a worker serves it", loads)
    assert MODEL in names()
    shown = client.show(MODEL)
    assert shown.modelinfo["forebay.labels"], shown
    seen = client.generate(model=MODEL, images=[picture])
    assert seen.done and ": " in seen.response, seen


def copied_and_deleted():
    assert client.copy(MODEL, "nsfw-copy").status == "success"
    assert client.create(model="nsfw-other", from_=f"{MODEL}").status == "success"
    refused(lambda: client.copy("nope", "other"), 404, "model 'nope' not found")
    refused(lambda: client.copy("echo", "other"), 400, "a folder of a worker")
    for copy in ("nsfw-copy", "nsfw-other:latest", MODEL):
        assert client.delete(copy).status == "success"
    refused(lambda: client.delete(MODEL), 404, f"model '{MODEL}' not found")
    refused(lambda: client.delete("echo"), 400, "a folder of a worker")
    refused(lambda: client.push(MODEL), 400, "not pushed")
    until("nobody knows it any more", lambda: not any("nsfw" in name for name in names()))
    stranger = ollama.Client(host=address, headers={"Authorization": "Bearer a-key-that-nobody-has-ever-had"})
    refused(lambda: stranger.delete(MODEL), 401, "the API key")


for part in (made_of_files, served, copied_and_deleted):
    part()
    print(part.__name__, "are as they should be")
