"""Triton's own client over HTTP: health, metadata, the index, inference in every form, errors.

    kserve_triton.py <address> <key> <reference answers of magika> <picture>
"""

import json
import sys
import time
import urllib.request

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

address, key, reference, picture = sys.argv[1:]
client = triton.InferenceServerClient(address.removeprefix("http://"), network_timeout=120, connection_timeout=120)
headers = {"Authorization": f"Bearer {key}"}
EMBEDDING, EMOTION, MAGIKA, PICTURES = "all-minilm-l6-v2", "emotion", "magika", "efficientnet-lite0"


def given(name, array, datatype, binary=True):
    tensor = triton.InferInput(name, list(array.shape), datatype)
    return tensor.set_data_from_numpy(array, binary_data=binary)


def texts(*texts, shape=None, binary=True):
    array = np.array([text.encode() for text in texts], dtype=np.object_)
    return given("text", array.reshape(shape or [len(texts)]), "BYTES", binary)


def infer(model, inputs, **more):
    # The client adds to the headers that it is given.
    return client.infer(model, inputs, headers=dict(headers), **more)


def refused(call, status, words):
    try:
        call()
    except InferenceServerException as error:
        assert error.status() == str(status), error
        assert words in error.message(), error
    else:
        raise AssertionError(f"{words} was to be refused")


def server():
    assert client.is_server_live() and client.is_server_ready()
    told = client.get_server_metadata(headers=headers)
    assert told["name"] == "forebay" and "binary_tensor_data" in told["extensions"], told
    began = time.monotonic()
    # Who asks right after the start may see the models as they were a second ago.
    while not client.is_model_ready(MAGIKA, headers=headers):
        assert time.monotonic() - began < 30, f"{MAGIKA} does not become ready"
        time.sleep(0.1)
    assert client.is_model_ready(MAGIKA, "1", headers=headers)
    assert not client.is_model_ready("nope", headers=headers)
    index = {model["name"]: model for model in client.get_model_repository_index(headers=headers)}
    assert index[MAGIKA] == {"name": MAGIKA, "version": "1", "state": "READY", "reason": ""}, index[MAGIKA]


def metadata():
    plain = client.get_model_metadata(MAGIKA, headers=headers)
    assert plain["versions"] == ["1"] and plain["platform"] == "onnxruntime_onnx", plain
    assert plain["inputs"] == [{"name": "bytes", "datatype": "INT32", "shape": [-1, 2048]}], plain
    told = client.get_model_metadata(EMBEDDING, "1", headers=headers)
    assert told["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}], told
    assert told["outputs"] == [{"name": "embedding", "datatype": "FP32", "shape": [-1, 384]}], told
    told = client.get_model_metadata(EMOTION, headers=headers)
    assert [output["name"] for output in told["outputs"]] == ["label", "score"], told


def tensors():
    (output,) = [output["name"] for output in client.get_model_metadata(MAGIKA, headers=headers)["outputs"]]
    with open(reference) as file:
        cases = json.load(file)["cases"]
    for case in cases:
        tensor = case["inputs"]["bytes"]
        array = np.array(tensor["data"], dtype=np.int32).reshape(tensor["shape"])
        wanted = np.array(case["outputs"][output]["data"]).reshape(case["outputs"][output]["shape"])
        for binary in (True, False):
            outputs = [triton.InferRequestedOutput(output, binary_data=binary)]
            result = infer(MAGIKA, [given("bytes", array, "INT32", binary)], outputs=outputs, request_id="7")
            answer = result.get_response()
            assert (answer["id"], answer["model_name"], answer["model_version"]) == ("7", MAGIKA, "1"), answer
            np.testing.assert_allclose(result.as_numpy(output), wanted, atol=1e-4)
    # What the client does when nothing is said of outputs; rows of a request stay together.
    two = infer(MAGIKA, [given("bytes", np.concatenate([array, array]), "INT32")]).as_numpy(output)
    np.testing.assert_allclose(two, np.concatenate([wanted, wanted]), atol=1e-4)
    for packing in ("gzip", "deflate"):
        packed = infer(MAGIKA, [given("bytes", array, "INT32")], request_compression_algorithm=packing)
        np.testing.assert_allclose(packed.as_numpy(output), wanted, atol=1e-4)
    waiting = client.async_infer(MAGIKA, [given("bytes", array, "INT32")], headers=dict(headers))
    np.testing.assert_allclose(waiting.get_result().as_numpy(output), wanted, atol=1e-4)


def embeddings():
    two = ("The cat sits outside.", "Stocks fell sharply today.")
    vectors = infer(EMBEDDING, [texts(*two)]).as_numpy("embedding")
    assert vectors.shape == (2, 384) and vectors.dtype == np.float32, vectors.shape
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    column = infer(EMBEDDING, [texts(*two, shape=[2, 1], binary=False)]).as_numpy("embedding")
    np.testing.assert_allclose(column, vectors, atol=1e-4)
    json_too = [triton.InferRequestedOutput("embedding", binary_data=False)]
    urgent = infer(EMBEDDING, [texts(*two)], outputs=json_too, priority=1, timeout=60_000_000)
    np.testing.assert_allclose(urgent.as_numpy("embedding"), vectors, atol=1e-4)
    short = infer(EMBEDDING, [texts(*two)], parameters={"dimensions": 64}).as_numpy("embedding")
    assert short.shape == (2, 64), short.shape
    small = infer(EMBEDDING, [texts(*two)], parameters={"precision": "int8"}).as_numpy("embedding")
    assert small.dtype == np.int8 and small.shape == (2, 384), small.dtype


def names():
    # The client writes a name with a slash as it is.
    name, text = "acme/minilm", texts("The cat sits outside.")
    assert client.is_model_ready(name, headers=headers) and client.is_model_ready(name, "1", headers=headers)
    assert client.get_model_metadata(name, headers=headers)["name"] == EMBEDDING
    for version in ("", "1"):
        answer = infer(name, [text], model_version=version).get_response()
        assert answer["model_name"] == EMBEDDING, answer
    refused(lambda: infer("acme/nope", [text]), 404, "there is no model `acme/nope`")


def classes():
    result = infer(EMOTION, [texts("I am so happy today!", "今天我很难过。")])
    labels, scores = result.as_numpy("label"), result.as_numpy("score")
    assert labels.shape == scores.shape and labels.shape[0] == 2, labels.shape
    assert (labels[0][0], labels[1][0]) == (b"happy", b"sad"), labels
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-3)
    with open(picture, "rb") as file:
        image = np.array([file.read()], dtype=np.object_)
    result = infer(PICTURES, [given("image", image, "BYTES")], parameters={"top_k": 3})
    assert result.as_numpy("label").shape == (1, 3), result.get_response()
    assert b"cat" in result.as_numpy("label")[0][0], result.as_numpy("label")


def errors():
    one = [texts("a")]
    refused(lambda: infer("nope", one), 404, "there is no model `nope`")
    refused(lambda: infer(EMBEDDING, one, model_version="2"), 404, "has the version 1 only")
    refused(lambda: infer(MAGIKA, one), 400, "the model has no input `text`; it has `bytes`")
    wrong = given("bytes", np.zeros([1, 7], dtype=np.int32), "INT32")
    refused(lambda: infer(MAGIKA, [wrong]), 400, "[-1, 2048]")
    outputs = [triton.InferRequestedOutput("logits")]
    refused(lambda: infer(EMBEDDING, one, outputs=outputs), 400, "no output `logits`; it has `embedding`")
    refused(lambda: infer(EMBEDDING, one, parameters={"colour": "red"}), 400, "unknown field `colour`")
    refused(lambda: client.infer(EMBEDDING, one), 401, "no API key was given")


def is_loaded(model):
    """Triton has no word for it: a model that is not in memory is ready too."""
    request = urllib.request.Request(f"{address}/v1/models/{model}", headers=headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["loaded"] is not None


def until(what, holds):
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < 30, what
        time.sleep(0.1)


def residency():
    client.unload_model(EMBEDDING, headers=dict(headers))
    until("it has left", lambda: not is_loaded(EMBEDDING))
    client.load_model(EMBEDDING, headers=dict(headers))
    until("it has come, and no job brought it", lambda: is_loaded(EMBEDDING))
    client.unload_model(EMBEDDING, headers=dict(headers))
    until("it has left again", lambda: not is_loaded(EMBEDDING))
    assert client.is_model_ready(EMBEDDING, headers=dict(headers)), "its next job has it loaded again"
    infer(EMBEDDING, [texts("a")])
    until("its job has brought it", lambda: is_loaded(EMBEDDING))
    refused(lambda: client.load_model("nope", headers=dict(headers)), 404, "there is no model `nope`")
    configured = lambda: client.load_model(EMBEDDING, headers=dict(headers), config="{}")
    refused(configured, 400, "the parameter `config` is not taken")


for part in (server, metadata, tensors, embeddings, names, classes, errors, residency):
    part()
    print(part.__name__, "as they should be")
