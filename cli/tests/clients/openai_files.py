"""OpenAI's own client: files, and uploads in parts.

    openai_files.py <address> <key>
"""

import hashlib
import io
import os
import sys
import tempfile

import openai

address, key = sys.argv[1:]
client = openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0, timeout=120)
LINES = b"".join(b'{"custom_id":"%d"}\n' % index for index in range(2000))


def refused(kind, call, status, **told):
    try:
        call()
    except kind as error:
        assert error.status_code == status, error.status_code
        assert set(error.body) == {"message", "type", "param", "code"}, error.body
        for name, value in told.items():
            assert error.body[name] == value, error.body
        return
    raise AssertionError(f"{told} was to be refused")


def files():
    made = client.files.create(file=("lines.jsonl", LINES), purpose="batch")
    assert (made.object, made.filename, made.bytes, made.purpose) == ("file", "lines.jsonl", len(LINES), "batch")
    assert made.status == "processed" and made.expires_at == made.created_at + 30 * 24 * 3600, made
    assert client.files.retrieve(made.id) == made
    assert client.files.wait_for_processing(made.id).id == made.id
    assert client.files.content(made.id).read() == LINES
    with client.files.with_streaming_response.content(made.id) as content:
        assert b"".join(content.iter_bytes(1000)) == LINES

    kept = client.files.create(
        file=io.BytesIO(b"x"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert kept.expires_at == kept.created_at + 3600, kept
    others = [client.files.create(file=(f"{index}.txt", b"x"), purpose="user_data").id for index in range(3)]

    # The client asks for page after page by itself.
    listed = [file.id for file in client.files.list(limit=2, order="asc")]
    assert listed == [made.id, kept.id, *others], listed
    assert [file.id for file in client.files.list()] == listed[::-1]
    assert [file.id for file in client.files.list(purpose="batch")] == [made.id]
    page = client.files.list(limit=2, order="asc", after=kept.id)
    assert [file.id for file in page.data] == others[:2] and page.has_more

    for id in listed:
        gone = client.files.delete(id)
        assert (gone.id, gone.object, gone.deleted) == (id, "file", True)
    assert client.files.list().data == []


def uploads():
    begun = client.uploads.create(filename="lines.jsonl", purpose="batch", bytes=len(LINES), mime_type="text/jsonl")
    assert (begun.object, begun.status, begun.bytes) == ("upload", "pending", len(LINES))
    assert begun.expires_at == begun.created_at + 3600, begun
    middle = len(LINES) // 2
    last = client.uploads.parts.create(begun.id, data=LINES[middle:])
    first = client.uploads.parts.create(begun.id, data=LINES[:middle])
    assert (first.object, first.upload_id) == ("upload.part", begun.id)
    refused(
        openai.BadRequestError,
        lambda: client.uploads.complete(begun.id, part_ids=[first.id]),
        400, type="invalid_request_error", param="part_ids",
    )
    md5 = hashlib.md5(LINES).hexdigest()
    done = client.uploads.complete(begun.id, part_ids=[first.id, last.id], md5=md5)
    assert done.status == "completed" and done.file.bytes == len(LINES), done
    assert client.files.retrieve(done.file.id) == done.file
    assert client.files.content(done.file.id).read() == LINES
    client.files.delete(done.file.id)

    given_up = client.uploads.create(filename="f", purpose="vision", bytes=1, mime_type="image/png")
    assert client.uploads.cancel(given_up.id).status == "cancelled"
    refused(
        openai.BadRequestError,
        lambda: client.uploads.parts.create(given_up.id, data=b"x"),
        400, type="invalid_request_error",
    )

    # The client cuts a file on the disk into parts by itself.
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "lines.jsonl")
        with open(path, "wb") as file:
            file.write(LINES)
        done = client.uploads.upload_file_chunked(file=path, mime_type="text/jsonl", purpose="batch", part_size=10_000)
    assert done.file.filename == "lines.jsonl" and client.files.content(done.file.id).read() == LINES
    client.files.delete(done.file.id)


def errors():
    invalid = {"type": "invalid_request_error"}
    unknown = "file-00000000000000000000000000000abc"
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        refused(openai.NotFoundError, lambda: call(unknown), 404, param="file_id", code=None, **invalid)
    create = lambda **changes: lambda: client.files.create(**{"file": ("f", b"x"), "purpose": "batch", **changes})
    refused(openai.BadRequestError, create(purpose="fun"), 400, param="purpose", **invalid)
    soon = {"anchor": "created_at", "seconds": 60}
    refused(openai.BadRequestError, create(expires_after=soon), 400, param="expires_after.seconds", **invalid)
    large = "File is too large. The limit is 1.0 MiB."
    refused(openai.BadRequestError, create(file=("f", b"x" * (2 << 20))), 400, message=large, code=None, **invalid)
    upload = lambda: client.uploads.create(filename="f", purpose="batch", bytes=2 << 20, mime_type="text/plain")
    refused(openai.BadRequestError, upload, 400, message=large, code=None, **invalid)
    stranger = client.with_options(api_key="a-key-that-nobody-has-ever-been-given")
    refused(openai.AuthenticationError, lambda: stranger.files.list(), 401, code="invalid_api_key", **invalid)


for part in (files, uploads, errors):
    part()
    print(part.__name__, "are as they should be")
