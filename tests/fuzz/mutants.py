"""Bytes that are almost a file: flips, cuts, splices, insertions, numbers that are too large."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Change = Callable[[bytearray, random.Random, Sequence[bytes]], None]

NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
WORDS = (
    *(
        b"nan",
        b"-1",
        b"1e999",
        b"9" * 400,
        b"0",
        b"''",
        b"null",
        b"true",
        b"[" * 3000,
        b"{}",
        b"[]",
    ),
    *(b"\n", b'"', b",", b"\t", b"\0", b"\x1b[2J", b"../../x", b"\xff\xfe", b"2", b"0.5", b"inf"),
)


def mutant(seeds: Sequence[bytes], which: int, rng: random.Random) -> bytes:
    """One to four changes of a file; half of the time its first bytes stay."""
    original = seeds[which]
    kept = original[: rng.choice((4, 8, 16))] if rng.random() < 0.5 else b""
    content = bytearray(original)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice(CHANGES)(content, rng, seeds)
    content[: len(kept)] = kept
    return bytes(content)


def _place(content: bytearray, rng: random.Random) -> int:
    """Anywhere; more often near the beginning, where headers are."""
    end = max(1, len(content))
    return rng.randrange(min(end, 64) if rng.random() < 0.4 else end)


def _flip(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    if content:
        content[_place(content, rng)] ^= 1 << rng.randrange(8)


def _byte(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    for _ in range(rng.choice((1, 1, 4, 16))):
        if content:
            content[_place(content, rng)] = rng.randrange(256)


def _number(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    place, size = _place(content, rng), rng.choice((1, 2, 4, 8))
    value = rng.choice(NUMBERS) % (1 << 8 * size)
    content[place : place + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _cut(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    del content[rng.randrange(len(content) + 1) :]


def _hole(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    place = _place(content, rng)
    del content[place : place + rng.choice((1, 2, 4, 16, 200))]


def _inserted(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    place = _place(content, rng)
    content[place:place] = rng.randbytes(rng.choice((1, 2, 4, 40)))


def _again(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    start, to = _place(content, rng), _place(content, rng)
    content[to:to] = content[start : start + rng.choice((4, 32, 400))]


def _zeros(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    place, size = _place(content, rng), rng.choice((2, 16, 300))
    content[place : place + size] = bytes(min(size, len(content) - place))


def _spliced(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    other = rng.choice(seeds)
    content[_place(content, rng) :] = other[rng.randrange(len(other)) :]


def _word(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    place = _place(content, rng)
    content[place : place + rng.choice((0, 1, 3))] = rng.choice(WORDS)


CHANGES: tuple[Change, ...] = (
    _flip, _flip, _byte, _number, _cut, _hole, _inserted, _again, _zeros, _spliced, _word,
)  # fmt: skip
