"""Get a named set once: each file checked by its hash, archives unpacked with care.

A file stands under its name in the cache only when it is whole and its hash is right.
"""

from __future__ import annotations

import logging
import os
import shutil
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from ..errors import NarrowsError, Unavailable
from .cache import cache_root
from .registry import NamedSet

__all__ = ["downloaded", "unpacked"]

_MEMBERS, _BYTES = 100_000, 4 << 30  # what an archive may hold at most


def downloaded(row: NamedSet) -> Path:
    """The folder in the cache that holds every file of ``row``, downloading what is missing.

    Raises:
        Unavailable: there is no address, no network, or what came is not the file wanted.
    """
    where = cache_root() / "data" / row.name
    missing = [(file, digest) for file, digest in row.files if not (where / file).is_file()]
    if not row.mirrors:
        raise Unavailable(_how_to_get(row))
    for file, digest in missing:
        _download(row, file, digest, where)
    return where


def _how_to_get(row: NamedSet) -> str:
    return (
        f"the set {row.name} is not on this machine and has no public address to download it from; "
        f"get it from its origin ({row.origin}) and set NARROWS_DATA to the folder that holds {row.name}/"
    )


def _download(row: NamedSet, file: str, digest: str, where: Path) -> None:
    import pooch

    pooch.get_logger().setLevel(logging.ERROR)
    why = ""
    for mirror in row.mirrors:
        try:
            pooch.retrieve(
                mirror + file,
                known_hash=f"sha256:{digest}",
                fname=file,
                path=where,
                downloader=pooch.HTTPDownloader(timeout=(10, 60), progressbar=False),
            )
            return
        except ValueError:
            why = "what came has another hash than the published file"
        except Exception as error:  # requests, urllib3 and the system each have errors of their own
            if isinstance(error, OSError) and error.filename is not None:
                raise NarrowsError(
                    f"cannot write to {where} ({error.strerror}); set NARROWS_CACHE to another folder"
                ) from error
            why = f"no connection ({type(error).__name__})"
    raise Unavailable(
        f"the set {row.name} is not on this machine and {mirror}{file} could not be downloaded: "
        f"{why}; try again with a network, or set NARROWS_DATA to the folder that holds {row.name}/"
    )


def unpacked(archive: Path, into: Path) -> Path:
    """Unpack the regular files of a tar archive below ``into``, once: all of them or none.

    Links, devices, absolute paths and paths that climb out are left out.
    """
    if into.is_dir():
        return into
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{into.name}.", dir=into.parent))
    except OSError as error:
        raise NarrowsError(
            f"cannot write to {into.parent} ({error.strerror}); set NARROWS_CACHE to another folder"
        ) from error
    try:
        _extract(archive, part)
        if not into.is_dir():  # another process may have been faster
            os.replace(part, into)
    except (tarfile.TarError, EOFError, OSError) as error:
        if into.is_dir():
            return into
        raise NarrowsError(
            f"cannot unpack {archive} to {into} ({error}); remove it and try again"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return into


def _extract(archive: Path, into: Path) -> None:
    members = size = 0
    with tarfile.open(archive) as opened:
        for member in opened:
            path = PurePosixPath(member.name)
            if (
                not member.isreg()
                or path.is_absolute()
                or ".." in path.parts
                or "\\" in member.name
            ):
                continue
            members, size = members + 1, size + member.size
            if members > _MEMBERS or size > _BYTES:
                raise tarfile.TarError("it holds more than a set of pictures may")
            target = into.joinpath(*path.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            content = opened.extractfile(member)
            if content is not None:
                with content, open(target, "wb") as written:
                    shutil.copyfileobj(content, written)
