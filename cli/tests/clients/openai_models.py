"""OpenAI's own client: a model that was brought in is found and deleted.

    openai_models.py <address> <key> <folder>
"""

import io
import pathlib
import sys
import tarfile
import time
import urllib.request

import openai

address, key, folder = sys.argv[1:]
client = openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0)


def brought_in(name):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1, dereference=True) as tar:
        tar.add(folder, arcname=pathlib.Path(folder).name)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/gzip"}
    request = urllib.request.Request(f"{address}/v1/models?name={name}", archive.getvalue(), headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        assert answer.status == 201, answer.status


def refused(kind, call, code):
    try:
        call()
    except kind as error:
        assert error.code == code, error
        return
    raise AssertionError(f"{code} was expected")


brought_in("org/nsfw-openai")
began = time.monotonic()
while "org/nsfw-openai" not in (listed := [model.id for model in client.models.list()]):
    assert time.monotonic() < began + 60, listed
    time.sleep(0.2)
assert client.models.retrieve("org/nsfw-openai").id == "org/nsfw-openai"
deleted = client.models.delete("org/nsfw-openai")
assert (deleted.id, deleted.object, deleted.deleted) == ("org/nsfw-openai", "model", True), deleted
refused(openai.NotFoundError, lambda: client.models.delete("org/nsfw-openai"), "model_not_found")
refused(openai.BadRequestError, lambda: client.models.delete("echo"), "model_not_registered")
print("models are as they should be")
