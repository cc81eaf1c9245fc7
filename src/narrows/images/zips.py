"""Members of a .zip file: its directory says where each lies, and each is read on its own.

directory ──► how many? how large? ──► members ──► local header ──► inflate to the size claimed ──► sum
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from functools import partial
from pathlib import Path

from ..errors import UnreadableImage
from .members import MEMBERS, Contents, told
from .npy import check_directory, refuse_bomb
from .walk import LARGE

__all__ = ["zip_contents"]

TOTAL, RATIO = 1 << 30, 200  # bytes of all members; above, no more than so many times the file
_DIRECTORY = 256 * MEMBERS
_ENTRY, _LOCAL = b"PK\1\2", b"PK\3\4"
_FIXED = 30  # bytes of a member's own header before its name
_SLACK = 4096  # stored bytes that are read for the first few of a member
_UTF8, _ENCRYPTED = 0x800, 0x1


def zip_contents(path: Path) -> Contents:
    """What a .zip file holds, by its directory.

    Members that are encrypted, links, packed by another method than deflate, or that claim more than
    can be are skipped.

    Raises:
        BadFile: the directory is damaged, too long, or claims more than can be trusted.
    """
    contents = Contents()
    with told(path), open(path, "rb") as opened:
        length = os.fstat(opened.fileno()).st_size
        directory = check_directory(opened, _DIRECTORY)
        opened.seek(max(0, length - directory - 66_000))
        if opened.read().count(_ENTRY) > MEMBERS:
            raise ValueError(f"it has more than {MEMBERS:,} members; divide it among several")
        opened.seek(0)
        infos = zipfile.ZipFile(opened).infolist()
        total = sum(info.file_size for info in infos)
        if total > TOTAL and total > RATIO * length:
            raise ValueError(
                f"its members claim {total:,} bytes, and it has {length:,}: it is damaged or hostile"
            )
    for info in infos:
        name = _name(info)
        if name.endswith("/"):
            continue
        if reason := _refused(info, length):
            contents.skipped.append((name, reason))
            continue
        packed = info.compress_type == zipfile.ZIP_DEFLATED
        read = partial(
            _content, path, info.header_offset, info.compress_size, info.file_size, packed, info.CRC
        )
        contents.take(name, info.file_size, read)
    return contents


def _name(info: zipfile.ZipInfo) -> str:
    """A member's name: UTF-8 where it is, by its flag or by its bytes, else cp437."""
    name = info.filename
    if not info.flag_bits & _UTF8 and not name.isascii():
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return name.replace("\\", "/")


def _refused(info: zipfile.ZipInfo, length: int) -> str:
    """Why a member is not read; nothing where it is."""
    mode = info.external_attr >> 16
    if info.flag_bits & _ENCRYPTED:
        return "encrypted"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "a link" if stat.S_ISLNK(mode) else "not a file"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed by another method than deflate; pack it anew"
    if not 0 <= info.header_offset <= length or info.compress_size > length:
        return "damaged (it lies outside of the archive)"
    try:
        refuse_bomb(info.file_size, info.compress_size, LARGE)
    except ValueError as error:
        return str(error)
    return ""


def _content(
    path: Path, offset: int, stored: int, size: int, packed: bool, crc: int, count: int | None
) -> bytes:
    """A member's bytes, the first ``count`` of them or all.

    Raises:
        UnreadableImage: it is damaged.
    """
    with open(path, "rb") as opened:
        opened.seek(offset)
        head = opened.read(_FIXED)
        if len(head) < _FIXED or not head.startswith(_LOCAL):
            raise UnreadableImage("damaged (it does not lie where the archive says)")
        names = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        opened.seek(names, os.SEEK_CUR)
        content = opened.read(stored if count is None else min(stored, count + _SLACK))
    if packed:
        try:
            most = size + 1 if count is None else count
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, most)
        except zlib.error as error:
            raise UnreadableImage("damaged (it cannot be unpacked)") from error
    if count is not None:
        return content[:count]
    if len(content) != size or zlib.crc32(content) != crc:
        raise UnreadableImage("damaged (its sum is another than the archive says)")
    return content
