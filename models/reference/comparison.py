"""Writing expected outputs, or comparing with the committed ones."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
TOYS = HERE.parent / "toys"

#: Largest allowed difference of a number when checking.
_TOLERANCE = 1e-5

#: A model directory to what is expected of it.
Compute = Callable[[Path], dict]


def numbers(values: np.ndarray) -> list[float]:
    """fp32 values with the fewest digits that read back as the same fp32."""
    return [float(str(value)) for value in values.astype(np.float32)]


def run(description: str, computations: dict[str, Compute]) -> None:
    """Read the command line, then write or check the expectations of each model."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--models", type=Path, required=True, metavar="DIR", help="where the built models are"
    )
    parser.add_argument("--only", metavar="MODEL", help="this model alone")
    parser.add_argument(
        "--check", action="store_true", help="compare with expected/ instead of writing it"
    )
    arguments = parser.parse_args()
    failed = False
    for name, compute in computations.items():
        if arguments.only not in (None, name):
            continue
        fresh = compute(_existing(name, arguments.models))
        path = HERE / "expected" / f"{name}.json"
        if not arguments.check:
            _write(path, fresh)
            continue
        furthest = _difference(json.loads(path.read_text(encoding="utf-8")), fresh, name)
        failed = failed or furthest > _TOLERANCE
        print(f"{name}: largest difference {furthest:.2e} (allowed {_TOLERANCE:.0e})")
    if failed:
        sys.exit("the models' outputs are not the expected ones")


def _existing(name: str, models: Path) -> Path:
    """A toy of this repository, or a model that set-up built."""
    # What follows a dot tells several files of one model apart.
    name = name.split(".")[0]
    directory = TOYS / name if (TOYS / name).is_dir() else models / name
    if not (directory / "onnx").is_dir():
        raise SystemExit(f"{directory} holds no built model: run its build.py first")
    return directory


def _write(path: Path, value: dict) -> None:
    path.parent.mkdir(exist_ok=True)
    cases = [_compact(case) for case in value["cases"]]
    rest = {name: entry for name, entry in value.items() if name != "cases"}
    head = json.dumps(rest, ensure_ascii=False, indent=1).rstrip("\n}")
    body = ",\n".join(cases)
    path.write_text(f'{head},\n "cases": [\n{body}\n ]\n}}\n', encoding="utf-8")


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _difference(expected: object, fresh: object, where: str) -> float:
    """The largest difference of two numbers in the same place; all else must be equal."""
    if isinstance(expected, dict) and isinstance(fresh, dict) and expected.keys() == fresh.keys():
        pairs = [(expected[key], fresh[key], f"{where}.{key}") for key in expected]
    elif isinstance(expected, list) and isinstance(fresh, list) and len(expected) == len(fresh):
        pairs = [(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(expected, fresh))]
    elif isinstance(expected, float) and isinstance(fresh, float):
        return abs(expected - fresh)
    elif expected == fresh:
        return 0.0
    else:
        raise SystemExit(f"{where}: expected {expected!r:.80}, got {fresh!r:.80}")
    return max((_difference(*pair) for pair in pairs), default=0.0)
