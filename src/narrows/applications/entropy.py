"""Whole numbers to as few bytes as their tables say, and back, to the bit on every machine.

symbols, counts ──Writer──► bytes ──Reader──► the same symbols

Counts are whole numbers, one for each symbol of an alphabet, and the coder (``constriction``) makes
of them probabilities of 24 bits by IEEE additions and multiplications alone. A symbol of count 0
can still be coded, at about 24 bits. What is written is at most two bytes above the entropy.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadFile, Unavailable

__all__ = ["Reader", "Writer", "nats_of", "table"]

Ints = npt.NDArray[np.int64]
STATE = 64  # bits of the coder's state
WORD = 4  # bytes of its words


@functools.cache
def _stream() -> Any:
    try:
        import constriction
    except ImportError as error:
        raise Unavailable(
            "compressing needs the range coder of the package 'constriction'; "
            "run pip install 'narrows[compress]'"
        ) from error
    return constriction.stream


def table(counts: Ints) -> Any:
    """One distribution, made ready for many symbols: counts (A,) of A symbols.

    Raises:
        Unavailable: constriction is not installed.
    """
    return _stream().model.Categorical(counts.astype(np.float64), perfect=False)


def nats_of(counts: Ints) -> npt.NDArray[np.float64]:
    """What each symbol costs, in nats: counts (…, A) → (…, A)."""
    total = counts.sum(-1, keepdims=True)
    nats: npt.NDArray[np.float64] = np.log(total) - np.log(np.maximum(counts, 2.0**-24 * total))
    return nats


class Writer:
    """Takes symbols one table after another; ``bytes()`` ends the stream.

    Raises:
        Unavailable: constriction is not installed.
    """

    def __init__(self) -> None:
        self._coder = _stream().queue.RangeEncoder()

    def many(self, symbols: npt.NDArray[Any], model: Any) -> None:
        """Symbols (M,) of one table."""
        self._coder.encode(np.ascontiguousarray(symbols, np.int32), model)

    def one(self, symbol: int, model: Any) -> None:
        """One symbol."""
        self._coder.encode(symbol, model)

    def each(self, symbols: npt.NDArray[Any], counts: npt.NDArray[Any]) -> None:
        """Symbols (M,), each with counts of its own (M, A)."""
        family = _stream().model.Categorical(perfect=False)
        rows = np.ascontiguousarray(counts, np.float64)
        self._coder.encode(np.ascontiguousarray(symbols, np.int32), family, rows)

    def bytes(self) -> bytes:
        """The stream, without the bytes that a reader can do without.

        Any number in the coder's last interval stands for the symbols; of those on the side that
        the coder chose, this is the one with the fewest bytes.
        """
        words = self._coder.get_compressed().astype(">u4").tobytes()
        place, (low, width) = self._coder.pos()
        head, tail = words[: WORD * place], words[WORD * place :]
        chosen = int.from_bytes(tail.ljust(STATE // 8, b"\0"), "big")
        top = 1 << STATE
        if chosen >= low:
            first, end = low, min(low + width, top)
        else:  # the interval goes past the top, and the carry is in the words before
            first, end = 0, low + width - top
        for kept in range(STATE // 8 + 1):
            unit = 1 << (STATE - 8 * kept)
            number = -(-first // unit) * unit
            if number < end:
                break
        return bytes(head + number.to_bytes(STATE // 8, "big")[:kept])


class Reader:
    """Gives the symbols back, asked for by the same tables in the same order.

    Raises:
        Unavailable: constriction is not installed.
    """

    def __init__(self, stream: bytes) -> None:
        padded = stream + bytes(2 * WORD + -len(stream) % WORD)
        words = np.frombuffer(padded, ">u4").astype(np.uint32)
        self._coder = _stream().queue.RangeDecoder(words)

    def many(self, model: Any, count: int) -> npt.NDArray[np.int32]:
        """``count`` symbols of one table, (count,).

        Raises:
            BadFile: no symbols of these tables make such a stream.
        """
        try:
            found: npt.NDArray[np.int32] = self._coder.decode(model, count)
        except AssertionError as error:  # how constriction says so
            raise BadFile("the compressed data are no symbols of these tables") from error
        return found

    def one(self, model: Any) -> int:
        """One symbol.

        Raises:
            BadFile: no symbol of this table begins here.
        """
        try:
            return int(self._coder.decode(model))
        except AssertionError as error:
            raise BadFile("the compressed data are no symbols of these tables") from error
