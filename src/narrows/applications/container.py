"""The file of compressed pictures, all of it (numbers of several bytes are little-endian)::

    2   "NW"
    1   the version, 2; 32 is added if the pixels are stored, 64 if a shape follows, 128 if a residual
        follows the codes
    4   fingerprint of the model and its tables
    2   CRC-16 (CCITT) of all the other bytes
    4   CRC-32 of the decoded pictures, uint8 (N, C, H, W)
    1   quality, 0 where there is one rate
    1   the bound on the error, if a residual follows
    …   channels, height, width, number of pictures N, in LEB128: 7 bits a byte, the lowest first,
        the top bit where more follow; without them it is one picture of the model's shape
    …   the pixels as they are, uint8 (N, C, H, W), where they are stored: a file without loss is never
        larger than that; otherwise
    …   one stream of the range coder: unit by unit, the widest first, the codes of all tiles, those of one
        context after those of another; then picture by picture the residuals, pixel by pixel, channel
        by channel

Whoever reads a file gets as much work out of few bytes as a usual picture is, and beyond that so much
for each byte: where codes cost next to nothing, the stream ends in zeros (see ``least``).

One picture of the model's shape has 14 bytes before its stream. The first sum finds damage before
anything is decoded, but for one in 65,536; the second finds what is left, and a machine whose
arithmetic differs.
"""

from __future__ import annotations

import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BadFile

__all__ = ["MOST_VALUES", "VERSION", "Header", "least", "opened", "packed"]

MAGIC, VERSION = b"NW", 2
STORED, SHAPED, RESIDUAL = 32, 64, 128
NAME, CHECK, SUM, HEAD = slice(3, 7), slice(7, 9), slice(9, 13), 14
MOST_VALUES = 1 << 29  # of all pictures of a file: 512 MiB
# work in units of a pixel value: a tile, a symbol, a value of a residual; about 0.2 µs each
TILE, SYMBOL, RESIDUE = 512, 4, 40
FREE, PER_BYTE = 1 << 24, 1024


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Attributes:
        shape: (C, H, W) of each picture.
        count: N.
        quality: of the codes, 1 to 100; 0 where there is one rate.
        error: the bound, 0 for none; None where there is no residual.
        sum: CRC-32 of the decoded pictures.
        stored: whether the stream is the pixels themselves.
    """

    shape: tuple[int, ...]
    count: int
    quality: int
    error: int | None
    sum: int
    stored: bool = False


def least(header: Header, tiles: int, units: int) -> int:
    """The bytes that a stream has at least, given a file's tiles, each of so many symbols."""
    values = math.prod(header.shape) * header.count
    work = values + tiles * (TILE + SYMBOL * units)
    if header.error is not None:
        work += RESIDUE * values
    return max(0, work - FREE) // PER_BYTE


def packed(header: Header, fingerprint: bytes, usual: Sequence[int], stream: bytes) -> bytes:
    """A whole file of a model with that fingerprint, whose pictures are of the ``usual`` shape."""
    shaped = (*header.shape, header.count) != (*usual, 1)
    front = MAGIC + bytes([_kind(header, shaped)]) + fingerprint
    told = header.sum.to_bytes(4, "little") + bytes([header.quality])
    if header.error is not None:
        told += bytes([header.error])
    if shaped:
        told += b"".join(map(_number, (*header.shape, header.count)))
    body = told + stream
    return front + _check(front, body) + body


def _kind(header: Header, shaped: bool) -> int:
    bounded = header.error is not None
    return VERSION | STORED * header.stored | SHAPED * shaped | RESIDUAL * bounded


def opened(file: bytes, fingerprint: bytes, usual: Sequence[int]) -> tuple[Header, bytes]:
    """The header and the stream of a file, after every check that needs no decoding.

    Raises:
        BadFile: it is none of ours, damaged, newer, or of another model.
    """
    if file[: len(MAGIC)] != MAGIC or len(file) < HEAD:
        raise BadFile("this is no whole file of `narrows compress`: it does not begin like one")
    version = file[2] % STORED
    if _check(file[: CHECK.start], memoryview(file)[CHECK.stop :]) != file[CHECK]:
        newer = f", or of a newer version ({version})" if version > VERSION else ""
        raise BadFile(f"this file is damaged or truncated{newer}; copy it again")
    if version != VERSION:
        raise BadFile(
            f"this file is of version {version}; this Narrows reads version {VERSION}: "
            f"{'install a newer one' if version > VERSION else 'an older one reads it'}"
        )
    if file[NAME] != fingerprint:
        raise BadFile(
            "this file was made with another model, or with other tables of it (fingerprint "
            f"{file[NAME].hex()}, here {fingerprint.hex()}); name the model that made it"
        )
    try:
        return _told(file, usual)
    except IndexError as error:
        raise BadFile("this file ends in its header; copy it again") from error


def _told(file: bytes, usual: Sequence[int]) -> tuple[Header, bytes]:
    quality, rest = file[HEAD - 1], memoryview(file)[HEAD:]
    error = None
    if file[2] & RESIDUAL:
        error, rest = rest[0], rest[1:]
    numbers = [*usual, 1]
    if file[2] & SHAPED:
        for place in range(4):
            numbers[place], rest = _numbered(rest)
    if min(numbers) < 1 or math.prod(numbers) > MOST_VALUES or (error or 0) > 127:
        raise BadFile(
            f"this file says {numbers[3]:,} pictures of {tuple(numbers[:3])}"
            f"{'' if error is None else f' with errors up to {error}'}, and no file has that"
        )
    total, stored = int.from_bytes(file[SUM], "little"), bool(file[2] & STORED)
    if stored and len(rest) != math.prod(numbers):
        raise BadFile(
            f"this file says {math.prod(numbers):,} stored pixel values and holds {len(rest):,}; copy it "
            "again"
        )
    return Header(tuple(numbers[:3]), numbers[3], quality, error, total, stored), bytes(rest)


def _check(front: bytes, rest: bytes | memoryview) -> bytes:
    return binascii.crc_hqx(rest, binascii.crc_hqx(front, 0)).to_bytes(2, "little")


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _numbered(data: memoryview) -> tuple[int, memoryview]:
    """A number below 2^35, and what follows it."""
    value = 0
    for place in range(5):
        value |= (data[place] & 127) << 7 * place
        if data[place] < 128:
            return value, data[place + 1 :]
    raise IndexError
