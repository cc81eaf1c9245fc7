"""Members of a .tar file: its headers are read once, and each member then where it lies.

A compressed one has to be unpacked from its beginning to whatever is wanted, so it is refused.
"""

from __future__ import annotations

import os
import tarfile
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..errors import BadFile, UnreadableImage
from .members import MEMBERS, Contents, told

__all__ = ["tar_contents"]

_HEADER = 1 << 20  # bytes of one header, with its long names
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


class _Careful:
    """A file of which nobody reads more at once than a header may have."""

    def __init__(self, opened: BinaryIO) -> None:
        self._opened = opened

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= _HEADER:
            raise tarfile.ReadError(f"a header claims {count:,} bytes")
        return self._opened.read(count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened, name)


def tar_contents(path: Path) -> Contents:
    """What a .tar file holds, by its headers.

    Links, devices and sparse files are skipped; where a header is damaged, what follows is, and that
    is said.

    Raises:
        BadFile: it is no .tar file, a compressed one, or has too many members.
    """
    contents = Contents()
    with told(path), open(path, "rb") as opened:
        if opened.read(6).startswith(_COMPRESSED):
            raise BadFile(
                f"{path} is compressed as a whole, and to read one picture all before it would have "
                "to be unpacked: unpack it to a plain .tar (gunzip, xz -d), or to a folder"
            )
        opened.seek(0)
        length = os.fstat(opened.fileno()).st_size
        count = 0
        with tarfile.open(fileobj=cast(Any, _Careful(opened)), mode="r:") as archive:
            while True:
                try:
                    info = archive.next()
                except (tarfile.TarError, ValueError, OverflowError) as error:
                    if not count:
                        raise
                    contents.skipped.append((path.name, _damaged(count, str(error))))
                    break
                if info is None:
                    if not _ended(opened, archive.offset, length):
                        contents.skipped.append((path.name, _damaged(count, "no header follows")))
                    break
                cast(Any, archive).members.clear()  # they are not needed twice
                count += 1
                if count > MEMBERS:
                    raise ValueError(f"it has more than {MEMBERS:,} members; divide it")
                _take(contents, path, info, length)
    return contents


def _damaged(count: int, why: str) -> str:
    return f"damaged after {count:,} members ({why}): what follows is not read"


def _ended(opened: BinaryIO, place: int, length: int) -> bool:
    """Whether the archive stops where no header was found: at its end, or at empty blocks."""
    opened.seek(max(0, place - tarfile.BLOCKSIZE))
    before, after = opened.read(tarfile.BLOCKSIZE), opened.read(tarfile.BLOCKSIZE)
    return place >= length or not any(before) or not any(after)


def _take(contents: Contents, path: Path, info: tarfile.TarInfo, length: int) -> None:
    name = info.name
    if info.isdir():
        return
    if info.issym() or info.islnk():
        contents.skipped.append((name, "a link"))
    elif info.issparse():
        contents.skipped.append((name, "a sparse file"))
    elif not info.isreg():
        contents.skipped.append((name, "not a file"))
    elif info.size < 0 or info.offset_data + info.size > length:
        contents.skipped.append((name, "damaged (the archive ends before it does)"))
    else:
        contents.take(name, info.size, partial(_content, path, info.offset_data, info.size))


def _content(path: Path, offset: int, size: int, count: int | None) -> bytes:
    """A member's bytes, the first ``count`` of them or all.

    Raises:
        UnreadableImage: the archive is shorter than it was.
    """
    wanted = size if count is None else min(count, size)
    with open(path, "rb") as opened:
        opened.seek(offset)
        content = opened.read(wanted)
    if len(content) < wanted:
        raise UnreadableImage("damaged (the archive ends before it does)")
    return content
