"""PyTorch's old checkpoint format, read without PyTorch."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

_STORAGES = {"FloatStorage": np.float32, "LongStorage": np.int64}

#: Before the tensors: a magic number, the protocol's version, and the writer's word sizes.
_PREAMBLE = 3


class _View(NamedTuple):
    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _view(storage: str, offset: int, shape: tuple, strides: tuple, *_: Any) -> _View:
    return _View(storage, offset, shape, strides)


class _Reader(pickle.Unpickler):
    """Builds tensor views and ordered dictionaries; refuses everything else a pickle may name."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, type] = {}

    def find_class(self, module: str, name: str) -> Any:
        if name == "_rebuild_tensor_v2":
            return _view
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"the checkpoint asks for {module}.{name}")

    def persistent_load(self, reference: tuple) -> str:
        _, dtype, key, *_ = reference
        self.storages[key] = dtype
        return key


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint by name."""
    with path.open("rb") as file:
        for _ in range(_PREAMBLE):
            _Reader(file).load()
        reader = _Reader(file)
        views = reader.load()
        data = {key: _read_storage(file, reader.storages[key]) for key in _Reader(file).load()}
    return {name: _tensor(view, data[view.storage]) for name, view in views.items()}


def _read_storage(file: BinaryIO, dtype: type) -> np.ndarray:
    count = int.from_bytes(file.read(8), "little")
    return np.frombuffer(file.read(count * np.dtype(dtype).itemsize), dtype)


def _tensor(view: _View, data: np.ndarray) -> np.ndarray:
    strides = [stride * data.itemsize for stride in view.strides]
    strided = np.lib.stride_tricks.as_strided(data[view.offset :], view.shape, strides)
    return strided.copy()
