"""Reference outputs of models that are used by plain tensors.

tensors.py --models DIR [--check] [--only MODEL]
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime

from comparison import HERE, numbers, run

#: Contents of files of several kinds.
_CONTENTS = [
    b"#!/usr/bin/env python3\nimport sys\n\n\ndef main():\n    print(sys.argv)\n\n\nmain()\n",
    b'fn main() {\n    let x: Vec<u32> = (0..10).collect();\n    println!("{x:?}");\n}\n',
    b'{"name": "forebay", "items": [1, 2, 3], "nested": {"true": true, "null": null}}\n',
    b"<!doctype html><html><head><title>t</title></head><body><p>Hello</p></body></html>",
    b"id,name,score\n1,anna,0.5\n2,peter,0.75\n3,maria,0.25\n" * 8,
    b"SELECT name, count(*) FROM jobs WHERE status = 'queued' GROUP BY name ORDER BY 2 DESC;\n",
    b"[package]\nname = \"forebay\"\nversion = \"0.1.0\"\n\n[dependencies]\nserde = \"1\"\n",
    b"# Title\n\nSome *text* with a [link](https://example.com).\n\n- one\n- two\n",
    b"\x7fELF\x02\x01\x01" + bytes(9) + bytes(range(256)) * 6,
    b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes((7 * n) % 251 for n in range(3000)),
    "今天的天气很好，我们去公园散步。".encode() * 12,
]

_RATE = 16_000
_CHUNK = 512
_CONTEXT = 64


def file_types(directory: Path) -> dict:
    """Per content, and per picture of the references: all scores, and the best label."""
    session = _session(directory)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    reading = config["reading"]
    pictures = [(HERE / "images" / name).read_bytes() for name in ("grey.png", "photo-cat.png")]
    cases = []
    for content in [*_CONTENTS, *pictures]:
        row = np.array([_features(content, reading)], np.int32)
        (scores,) = session.run(None, {"bytes": row})
        cases.append(
            {
                "inputs": {"bytes": {"shape": list(row.shape), "data": row[0].tolist()}},
                "label": config["id2label"][str(scores[0].argmax())],
                "outputs": {
                    "target_label": {"shape": list(scores.shape), "data": numbers(scores[0])}
                },
            }
        )
    return {"model": directory.name, "cases": cases}


def _features(content: bytes, reading: dict) -> list[int]:
    """The first and the last bytes without space around, filled up with a number that is no byte."""
    block, filler = reading["block_size"], reading["padding_token"]
    first = list(content[:block].lstrip()[: reading["beg_size"]])
    last = list(content[-block:].rstrip()[-reading["end_size"] :])
    first += [filler] * (reading["beg_size"] - len(first))
    return first + [filler] * (reading["end_size"] - len(last)) + last


def speech(directory: Path) -> dict:
    """Chunk after chunk of a made-up voice: the probability, and the state for the next one."""
    session = _session(directory)
    sound = _voice()
    state = np.zeros((2, 1, 128), np.float32)
    before = np.zeros(_CONTEXT, np.float32)
    cases = []
    for chunk in sound.reshape(-1, _CHUNK):
        heard = np.concatenate([before, chunk])[None]
        probability, after = session.run(
            None, {"input": heard, "state": state, "sr": np.array(_RATE, np.int64)}
        )
        cases.append(
            {
                "inputs": {
                    "input": {"shape": list(heard.shape), "data": numbers(heard[0])},
                    "state": {"shape": list(state.shape), "data": numbers(state.reshape(-1))},
                    "sr": {"shape": [], "data": [_RATE]},
                },
                "outputs": {
                    "output": {"shape": list(probability.shape), "data": numbers(probability[0])},
                    "stateN": {"shape": list(after.shape), "data": numbers(after.reshape(-1))},
                },
            }
        )
        state, before = after, chunk[-_CONTEXT:]
    return {"model": directory.name, "cases": cases}


def _voice() -> np.ndarray:
    """Twelve chunks: silence, then a buzz with the resonances of a vowel, then noise."""
    time = np.arange(12 * _CHUNK) / _RATE
    buzz = sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 25))
    formants = sum(
        np.sin(2 * np.pi * f * time) * w for f, w in ((730, 0.5), (1090, 0.3), (2440, 0.1))
    )
    voice = 0.2 * buzz * (1 + formants)
    noise = np.random.RandomState(6).standard_normal(len(time)) * 0.05
    loud = np.repeat([0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0], _CHUNK)
    rough = np.repeat([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1], _CHUNK)
    return np.round(voice * loud + noise * rough, 4).astype(np.float32)


def _session(directory: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        directory / "onnx" / "model.onnx", options, providers=["CPUExecutionProvider"]
    )


if __name__ == "__main__":
    run(__doc__.splitlines()[0], {"magika": file_types, "silero-vad": speech})
