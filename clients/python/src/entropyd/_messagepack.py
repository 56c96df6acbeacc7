"""MessagePack of an untrusted peer: the types that the daemon may send, in any encoding.

Depth, elements and bytes of an answer are bounded, as in the client library for Node.js. Nothing is
believed of a length but that it is not above what the answer may still have.
"""

import struct
from typing import Any, Dict, List, Tuple

from ._errors import Error, unexpected
from ._exchange import Exchange, Steps

MAX_ANSWER_SIZE = 4 * 1024 * 1024
_MAX_ELEMENTS = 4096
_MAX_DEPTH = 8

# Kinds of a value by its head. A SCALAR is whole with it; the others have a count.
SCALAR, STR, BIN, ARRAY, MAP = range(5)
Head = Tuple[int, Any]

_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
# Kind, and bytes of the count.
_COUNTED = {
    0xC4: (BIN, 1),
    0xC5: (BIN, 2),
    0xC6: (BIN, 4),
    0xD9: (STR, 1),
    0xDA: (STR, 2),
    0xDB: (STR, 4),
    0xDC: (ARRAY, 2),
    0xDD: (ARRAY, 4),
    0xDE: (MAP, 2),
    0xDF: (MAP, 4),
}


class Reader:
    """Reads one answer from the front."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._left = MAX_ANSWER_SIZE
        self._elements = _MAX_ELEMENTS

    def _take(self, size: int) -> Steps[bytearray]:
        if size > self._left:
            raise Error("ERR_TOO_LARGE", "the daemon sent too large an answer")
        self._left -= size
        return (yield from self._exchange.take(size))

    def head(self) -> Steps[Head]:
        """The kind of the next value, and the value of a SCALAR or the count of another kind."""
        first = (yield from self._take(1))[0]
        if first < 0x80:
            return SCALAR, first
        if first < 0x90:
            return MAP, first - 0x80
        if first < 0xA0:
            return ARRAY, first - 0x90
        if first < 0xC0:
            return STR, first - 0xA0
        if first >= 0xE0:
            return SCALAR, first - 0x100
        if first in _CONSTANTS:
            return SCALAR, _CONSTANTS[first]
        if first in _NUMBERS:
            layout = _NUMBERS[first]
            number = yield from self._take(struct.calcsize(layout))
            return SCALAR, struct.unpack(layout, number)[0]
        if first in _COUNTED:
            kind, size = _COUNTED[first]
            return kind, int.from_bytes((yield from self._take(size)), "big")
        # Extension types, and 0xc1.
        raise unexpected("a type that it never sends")

    def value(self, depth: int = 1) -> Steps[Any]:
        """The next value, whole. `depth`: of the arrays and maps that it is in."""
        return (yield from self.body((yield from self.head()), depth))

    def body(self, head: Head, depth: int) -> Steps[Any]:
        """The value behind a head."""
        kind, count = head
        if kind == SCALAR:
            return count
        if kind == BIN:
            return bytes((yield from self._take(count)))
        if kind == STR:
            try:
                return (yield from self._take(count)).decode()
            except UnicodeDecodeError:
                raise unexpected("text that is not UTF-8") from None
        self._elements -= count if kind == ARRAY else 2 * count
        if self._elements < 0 or depth >= _MAX_DEPTH:
            raise Error("ERR_TOO_LARGE", "the daemon sent too many values, or nested them too deep")
        if kind == ARRAY:
            items: List[Any] = []
            for _ in range(count):
                items.append((yield from self.value(depth + 1)))
            return items
        members: Dict[str, Any] = {}
        for _ in range(count):
            key = yield from self.value(depth + 1)
            if not isinstance(key, str):
                raise unexpected("a map with a key that is not text")
            members[key] = yield from self.value(depth + 1)
        return members
