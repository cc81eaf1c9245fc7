"""Arrays of NumPy's formats, .npy and .npz. What a header claims is checked before memory is taken.

    .npy   header ──► as many bytes as the file has? ──► mapped
    .npz   directory ──► header of each member ──► the one that is wanted, unpacked piece by piece

Nothing is unpickled. Whatever is wrong with a file is one :class:`~narrows.errors.BadFile`.
"""

from __future__ import annotations

import ast
import contextlib
import math
import os
import struct
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import BadFile, NarrowsError
from ..files import memory

__all__ = ["Header", "Npz", "check_directory", "npy", "npz", "refuse_bomb"]

Array = np.ndarray[Any, Any]

FREE = 1 << 28  # bytes: so much is unpacked out of whatever small file
RATIO = 200  # more than FREE are unpacked out of no fewer bytes than this part of them
_DEFLATE = 1032  # deflate makes no byte into more than this many
_MEMBERS = 4096
_DIRECTORY = 256 * _MEMBERS  # bytes of an archive's directory
_HEADER = 10_000  # bytes of an array's header, as NumPy has it
_PIECE = 1 << 20


class Header(NamedTuple):
    """What an array's header claims."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def npy(path: str | Path) -> Array:
    """The array of a .npy file, memory-mapped for reading.

    Raises:
        BadFile: it is missing, damaged, or holds Python objects.
    """
    with _told(path), open(path, "rb") as opened:
        header = _header(opened)
        start, whole = opened.tell(), os.fstat(opened.fileno()).st_size
        if header.size != whole - start:
            raise ValueError(
                f"its header promises {header.shape} of {header.dtype}, {header.size:,} bytes, but "
                f"it holds {whole - start:,}"
            )
        order: Any = "F" if header.fortran else "C"
        if not header.size:
            return np.empty(header.shape, header.dtype, order)
        return np.memmap(opened, header.dtype, "r", start, header.shape, order)


@contextlib.contextmanager
def npz(path: str | Path) -> Iterator[Npz]:
    """The arrays of a .npz file, of which none is unpacked yet.

    Raises:
        BadFile: it is missing or damaged; also of what is raised while it is open.
    """
    with _told(path), open(path, "rb") as opened:
        check_directory(opened, _DIRECTORY)
        with zipfile.ZipFile(opened) as archive:
            yield Npz(archive, os.fstat(opened.fileno()).st_size)


class _NoArray(ValueError):
    """A file of another kind."""


class Npz:
    """The members of an open archive that are arrays, by their names without .npy."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive, self._size = archive, size
        infos = archive.infolist()
        self._members = {_printable(one.filename.removesuffix(".npy")): one for one in infos}
        self.names = list(self._members)

    def header(self, name: str) -> Header | None:
        """What a member's header claims; None where it is a file of another kind.

        Raises:
            ValueError: it is damaged.
        """
        try:
            with self._opened(name) as stream:
                return _header(stream)
        except _NoArray:
            return None

    def read(self, name: str) -> Array:
        """One array, in memory.

        Raises:
            ValueError: it is no array, damaged, or larger than its file can be trusted with.
        """
        info = self._members[name]
        refuse_bomb(info.file_size, info.compress_size)
        with self._opened(name) as stream:
            header = _header(stream)
            there = info.file_size - stream.tell()
            if header.size != there:
                raise ValueError(
                    f"the header of {name} promises {header.shape} of {header.dtype}, "
                    f"{header.size:,} bytes, but it holds {there:,}"
                )
            flat = np.empty(header.size, np.uint8)
            place = 0
            while piece := stream.read(_PIECE):  # to its end, where the sum is compared
                flat[place : place + len(piece)] = np.frombuffer(piece, np.uint8)
                place += len(piece)
        if place != header.size:
            raise ValueError(f"{name} stops after {place:,} of {header.size:,} bytes")
        return flat.view(header.dtype).reshape(header.shape, order="F" if header.fortran else "C")

    def _opened(self, name: str) -> Any:
        info = self._members[name]
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is packed in a way that NumPy does not write")
        if info.compress_size > self._size:
            raise ValueError(f"{name} claims to be larger than the file")
        return self._archive.open(info)


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)[1:-1]


def refuse_bomb(claimed: int, stored: int, free: int | None = None) -> None:
    """Refuse what cannot be, and what is only possible for nothing worth reading.

    Raises:
        ValueError: bytes ``claimed`` out of that many ``stored`` ones; up to ``free`` (FREE)
            they may be few.
    """
    if claimed > _DEFLATE * stored + 4096 or (
        claimed > (FREE if free is None else free) and claimed > RATIO * stored
    ):
        raise ValueError(
            f"it claims {claimed:,} bytes out of {stored:,} stored ones: it is damaged or hostile"
        )
    if claimed > (there := memory()):
        raise ValueError(
            f"it claims {claimed / 2**30:,.1f} GiB, and this machine has {there / 2**30:,.1f} GiB "
            "of memory; save it as .npy, which is read piece by piece"
        )


@contextlib.contextmanager
def _told(path: str | Path) -> Iterator[None]:
    """Make one sentence of whatever a damaged file makes NumPy and zipfile raise."""
    try:
        yield
    except FileNotFoundError as error:
        raise BadFile(f"there is no file {path}") from error
    except NarrowsError:
        raise
    except MemoryError as error:
        raise BadFile(f"{path} cannot be used: there is not enough memory for it") from error
    except Exception as error:  # parsers given hostile bytes raise anything at all
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise BadFile(f"{path} cannot be used: {reason}") from error


def _header(stream: Any) -> Header:
    """Read a header, as far as the first byte of the array.

    Raises:
        ValueError: it is none, or of something else than numbers or texts.
    """
    front = stream.read(8)
    if front[:6] != b"\x93NUMPY":
        raise _NoArray("it is no array of NumPy")
    if front[6:] not in (b"\1\0", b"\2\0", b"\3\0"):
        raise ValueError("it is an array of an unknown version of NumPy's format")
    wide = 2 if front[6] == 1 else 4
    length = int.from_bytes(stream.read(wide), "little")
    if length > _HEADER:
        raise ValueError(f"its header claims {length:,} bytes")
    text = stream.read(length)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler, about what stands there
            said = ast.literal_eval(text.decode("latin-1"))
        shape, descr, fortran = said["shape"], said["descr"], said["fortran_order"]
        dtype = np.dtype(descr) if isinstance(descr, str) else None
    except Exception as error:  # as above
        raise ValueError("its header is damaged") from error
    if dtype is None or dtype.names is not None or dtype.subdtype is not None:
        raise ValueError("it holds records, and an array of numbers was wanted")
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never unpickled")
    whole = isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape)
    if not whole or len(shape) > 32 or not isinstance(fortran, bool) or len(said) != 3:
        raise ValueError("its header is damaged")
    return Header(shape, dtype, fortran)


def check_directory(opened: BinaryIO, most: int) -> int:
    """Refuse an archive of too many members before a list of them is made.

    Args:
        most: bytes that its directory may have; 256 are counted for a member.

    Returns:
        How many it claims.

    Raises:
        ValueError: more than that, or it is no archive.
    """
    if opened.read(4) not in (b"PK\3\4", b"PK\5\6"):  # as NumPy tells them
        raise ValueError("it is no archive: it does not begin like one")
    size = opened.seek(0, os.SEEK_END)
    start = max(0, size - 66_000)
    opened.seek(start)
    tail = opened.read()
    opened.seek(0)
    lone = len(tail) - 22
    place = lone if tail[lone:].startswith(b"PK\5\6") else tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) < place + 22:
        raise ValueError("it is no archive: its end is missing")
    directory = struct.unpack_from("<I", tail, place + 12)[0]
    if place >= 76 and tail[place - 20 : place - 16] == b"PK\6\7":
        directory = struct.unpack_from("<Q", tail, place - 36)[0]
    if directory > most:
        raise ValueError(f"it is an archive of more than {most // 256:,} files")
    return int(directory)
