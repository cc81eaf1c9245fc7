"""The file of compressed pictures, all of it (numbers of several bytes are little-endian)::

    3   "NRW"
    1   the version, 1
    8   fingerprint of the model and its tables
    4   CRC-32 of all the other bytes
    1   quality, 0 where there is one rate; 128 is added if a residual follows the codes
    1   the bound on the error, if a residual follows
    …   channels, height, width, number of pictures N, in LEB128: 7 bits a byte, the lowest first,
        the top bit where more follow
    4   CRC-32 of the decoded pictures, uint8 (N, C, H, W)
    …   one stream of the range coder: unit by unit the codes of all tiles, then picture by picture
        the residuals, pixel by pixel, channel by channel

One picture of less than 128 pixels a side has 25 bytes before its stream.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

from ..errors import BadFile

__all__ = ["MOST_VALUES", "VERSION", "Header", "opened", "packed"]

MAGIC, VERSION = b"NRW", 1
NAME, HEAD, SUM = slice(4, 12), 16, 4
MOST_VALUES = 1 << 30  # of all pictures of a file
RESIDUAL = 128


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Attributes:
        shape: (C, H, W) of each picture.
        count: N.
        quality: of the codes, 1 to 100; 0 where there is one rate.
        error: the bound, 0 for none; None where there is no residual.
        sum: CRC-32 of the decoded pictures.
    """

    shape: tuple[int, ...]
    count: int
    quality: int
    error: int | None
    sum: int


def packed(header: Header, fingerprint: bytes, stream: bytes) -> bytes:
    """A whole file."""
    bounded = header.error is not None
    told = bytes([header.quality | (RESIDUAL if bounded else 0)])
    if header.error is not None:
        told += bytes([header.error])
    told += b"".join(map(_number, (*header.shape, header.count)))
    told += header.sum.to_bytes(SUM, "little")
    front = MAGIC + bytes([VERSION]) + fingerprint
    body = told + stream
    return front + zlib.crc32(front + body).to_bytes(SUM, "little") + body


def opened(file: bytes, fingerprint: bytes) -> tuple[Header, bytes]:
    """The header and the stream of a file, after every check that needs no decoding.

    Raises:
        BadFile: it is none of ours, damaged, newer, or of another model.
    """
    if file[: len(MAGIC)] != MAGIC or len(file) < HEAD:
        raise BadFile("this is no whole file of `narrows compress`: it does not begin like one")
    said = int.from_bytes(file[NAME.stop : HEAD], "little")
    if zlib.crc32(file[: NAME.stop] + file[HEAD:]) != said:
        newer = f", or of a newer version ({file[3]})" if file[3] > VERSION else ""
        raise BadFile(f"this file is damaged or truncated{newer}; copy it again")
    if file[3] != VERSION:
        raise BadFile(
            f"this file is of version {file[3]}; this Narrows reads version {VERSION}: "
            "install a newer one"
        )
    if file[NAME] != fingerprint:
        raise BadFile(
            "this file was made with another model, or with other tables of it (fingerprint "
            f"{file[NAME].hex()}, here {fingerprint.hex()}); name the model that made it"
        )
    try:
        return _told(memoryview(file)[HEAD:])
    except IndexError as error:
        raise BadFile("this file ends in its header; copy it again") from error


def _told(rest: memoryview) -> tuple[Header, bytes]:
    quality, bounded = rest[0] % RESIDUAL, rest[0] >= RESIDUAL
    error = rest[1] if bounded else None
    rest = rest[2 if bounded else 1 :]
    numbers = []
    for _ in range(4):
        number, rest = _numbered(rest)
        numbers.append(number)
    if len(rest) < SUM:
        raise IndexError
    if min(numbers) < 1 or math.prod(numbers) > MOST_VALUES or (error or 0) > 127:
        raise BadFile(
            f"this file says {numbers[3]:,} pictures of {tuple(numbers[:3])}, and no file has that"
        )
    total = int.from_bytes(rest[:SUM], "little")
    return Header(tuple(numbers[:3]), numbers[3], quality, error, total), bytes(rest[SUM:])


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
