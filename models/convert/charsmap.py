"""SentencePiece's compiled replacement table: a double-array trie and its texts.

Layout: u32 bytes of the trie, the trie's u32 units, then the replacements, each ended by a zero
byte. A unit holds the offset to its children (bits 10-30), whether one of them is a leaf (bit 8)
and its own byte (bits 0-7); a leaf holds bit 31 and the place of its replacement.
"""

from __future__ import annotations

import struct

import numpy as np

_LEAF = 1 << 31
_HAS_LEAF = 1 << 8
_OFFSET_SHIFT = 10
_OFFSET_LIMIT = 1 << 21

#: Keys hold no zero byte, so 0 can stand for "the key ends here".
_END = 0


def compile_charsmap(replacements: dict[str, str]) -> bytes:
    """Compile a table from text to text."""
    trie, texts = _trie(replacements)
    units = _double_array(trie)
    return struct.pack("<I", units.nbytes) + units.tobytes() + texts


def _trie(replacements: dict[str, str]) -> tuple[dict, bytes]:
    texts = bytearray()
    places: dict[str, int] = {}
    root: dict = {}
    for key, text in sorted(replacements.items()):
        if text not in places:
            places[text] = len(texts)
            texts.extend(text.encode() + b"\0")
        node = root
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[_END] = places[text]
    return root, bytes(texts)


def _double_array(trie: dict) -> np.ndarray:
    """Place every node's children at base ^ byte; no two nodes share a base or a place."""
    units = {0: 0}
    bases = {0}
    free = 1
    waiting = [(0, trie)]
    while waiting:
        place, node = waiting.pop()
        while free in units:
            free += 1
        base = _find_base(node, units, bases, free)
        bases.add(base)
        offset = place ^ base
        if offset >= _OFFSET_LIMIT:
            raise ValueError("the replacement table is too large for a double array")
        units[place] |= offset << _OFFSET_SHIFT | (_HAS_LEAF if _END in node else 0)
        for byte, child in node.items():
            if byte == _END:
                units[base] = child | _LEAF
            else:
                units[base ^ byte] = byte
                waiting.append((base ^ byte, child))
    size = (max(units) | 255) + 1
    return np.array([units.get(place, 0) for place in range(size)], "<u4")


def _find_base(node: dict, units: dict[int, int], bases: set[int], free: int) -> int:
    first, *others = sorted(node)
    slot = free
    while True:
        base = slot ^ first
        unused = slot not in units and base not in bases
        if unused and all(base ^ byte not in units for byte in others):
            return base
        slot += 1
