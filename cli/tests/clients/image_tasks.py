"""Image tasks as their document's own clients ask for them: submit and poll, process at once, files, base64, URLs.

    image_tasks.py <address> <key> <picture>
"""

import base64
import sys
import time

import httpx2

address, key, path = sys.argv[1:]
client = httpx2.Client(base_url=address, headers={"X-API-Key": key}, timeout=120)
with open(path, "rb") as file:
    picture = file.read()
test_image = ("test.jpg", picture, "image/jpeg")


def best(result):
    labels = result["labels"]
    assert labels[0]["score"] >= labels[-1]["score"] > 0, labels
    return labels[0]["label"]


def polled(**request):
    response = client.post("/tasks", **request)
    assert response.status_code == 200, response.text
    task_id = response.json()["task_id"]
    seen = []
    while True:
        response = client.get(f"/tasks/{task_id}")
        assert response.status_code == 200, response.text
        task = response.json()
        seen.append(task["status"])
        if task["status"] not in ("pending", "processing"):
            break
        assert set(task) == {"status"}, task
        time.sleep(0.05)
    job = client.get(f"/v1/jobs/{task_id}").json()
    return task, job


def submit_and_poll():
    task, job = polled(files={"img": test_image})
    assert task["status"] == "completed" and set(task) == {"status", "result"}, task
    assert job["status"] == "succeeded" and job["model"] == "efficientnet-lite0", job
    assert job["result"]["items"][0]["output"] == task["result"], "one job, told twice"
    assert "cat" in best(task["result"]), task
    again, _ = polled(json={"data": base64.b64encode(picture).decode()})
    assert best(again["result"]) == best(task["result"])
    named, job = polled(files={"img": test_image}, data={"model": "opennsfw"})
    assert job["model"] == "opennsfw" and named["status"] == "completed", job


def process():
    response = client.post("/process", files={"img": test_image})
    assert response.status_code == 200, response.text
    assert "result" in response.json()
    # As a service in front hands it on.
    response = client.post("/process", files={"image": test_image})
    assert "cat" in best(response.json()["result"])
    response = client.post("/process", files={"img": ("test.txt", b"not an image", "text/plain")})
    assert response.status_code == 400, response.text
    assert "error" in response.json()
    cut = picture[: len(picture) // 2]
    response = client.post("/process", files={"img": ("cut.jpg", cut, "image/jpeg")})
    assert response.status_code == 400 and "cannot be decoded" in response.json()["error"], response.text


def pictures():
    drawn = {"params": {"model": "u2netp"}, "files": {"img": test_image}}
    response = client.post("/process", headers={"Accept": "image/png"}, **drawn)
    assert (response.status_code, response.headers["content-type"]) == (200, "image/png"), response.text
    assert response.content.startswith(b"\x89PNG")
    response = client.post("/process", **drawn)
    (file,) = response.json()["result"]["files"]
    linked = client.get(file["url"], follow_redirects=True)
    assert linked.content.startswith(b"\x89PNG") and len(linked.content) == file["bytes"], file
    response = client.post("/process", headers={"Accept": "image/png"}, files={"img": test_image})
    assert response.status_code == 406, response.text


def errors():
    response = client.get("/tasks/no-such-task")
    assert (response.status_code, response.json()) == (404, {"error": "Task not found"})
    response = client.post("/tasks", params={"url": "http://127.0.0.1/private.png"})
    assert response.status_code == 400 and "127.0.0.1" in response.json()["error"], response.text
    stranger = httpx2.post(f"{address}/process", headers={"X-API-Key": "wrong"}, files={"img": test_image})
    assert (stranger.status_code, stranger.json()) == (401, {"detail": "Invalid API Key"})


for part in (submit_and_poll, process, pictures, errors):
    part()
    print(part.__name__, "is as it should be")
