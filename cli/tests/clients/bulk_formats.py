"""Bulks of tables and of archives, with their answers as lines, CSV and Parquet.

    bulk_formats.py <address> <key> <a picture of a cat> <a picture of coffee>
"""

import csv
import io
import json
import sys
import tarfile
import time
import urllib.request
import zipfile

import openai

address, key, cat, coffee = sys.argv[1:]
client = openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0, timeout=120)


def call(path, body=None):
    request = urllib.request.Request(
        f"{address}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read()


def bulk(name, content, **wishes):
    file = client.files.create(file=(name, content), purpose="batch")
    told = json.loads(call("/v1/bulk", {"file": file.id, **wishes}))
    assert told["format"] == wishes["format"], told
    while told["finished_at"] is None:
        time.sleep(0.05)
        told = json.loads(call(f"/v1/bulk/{told['id']}"))
    assert told["status"] == "completed" and told["progress"] == 1, told
    return told


def lines(told):
    return [json.loads(line) for line in call(told["results_url"]).splitlines()]


def table():
    texts = {"a": "The cat sits outside.", "b": "two\nlines, and a comma", "c": 'a "quote"'}
    content = io.StringIO()
    rows = csv.writer(content, delimiter=";")
    rows.writerow(["number", "name", "text"])
    rows.writerows([n, name, text] for n, (name, text) in enumerate(texts.items()))
    told = bulk(
        "texts.csv", content.getvalue().encode(), format="csv", delimiter=";", column="text", id_column="name",
        model="all-minilm-l6-v2",
    )
    assert told["lines"] == {"total": 3, "completed": 3, "failed": 0}, told
    vectors = {line["id"]: line["result"]["items"][0]["output"]["embedding"] for line in lines(told)}
    assert set(vectors) == set(texts) and {len(vector) for vector in vectors.values()} == {384}
    single = client.embeddings.create(model="all-minilm-l6-v2", input=texts["b"], encoding_format="float")
    furthest = max(abs(a - b) for a, b in zip(vectors["b"], single.data[0].embedding))
    assert furthest < 1e-4, furthest
    read = list(csv.DictReader(io.StringIO(call(told["results_url"] + "?format=csv").decode())))
    assert {row["id"] for row in read} == set(texts) and {row["status"] for row in read} == {"succeeded"}, read
    parquet = call(told["results_url"] + "?format=parquet")
    assert parquet[:4] == parquet[-4:] == b"PAR1", parquet[:100]


def archives():
    pictures = {"cats/cat.jpg": open(cat, "rb").read(), "coffee.jpg": open(coffee, "rb").read(), "torn.jpg": b"no"}
    packed, taped = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in pictures.items():
            archive.writestr(name, content)
    with tarfile.open(fileobj=taped, mode="w") as archive:
        for name, content in pictures.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    for form, content in (("zip", packed), ("tar", taped)):
        told = bulk(f"pictures.{form}", content.getvalue(), format=form, model="efficientnet-lite0")
        assert told["lines"] == {"total": 3, "completed": 2, "failed": 1}, told
        answers = {line["id"]: line for line in lines(told)}
        assert set(answers) == set(pictures), set(answers)
        best = {
            name: line["result"]["items"][0]["output"]["labels"][0]["label"]
            for name, line in answers.items() if line["status"] == "succeeded"
        }
        assert "cat" in best["cats/cat.jpg"] and "espresso" in best["coffee.jpg"], best
        assert answers["torn.jpg"]["error"]["code"], answers["torn.jpg"]
        read = list(csv.DictReader(io.StringIO(call(told["results_url"] + "?format=csv").decode())))
        assert {row["id"]: row["label"] for row in read if row["status"] == "succeeded"} == best, read


table()
archives()
