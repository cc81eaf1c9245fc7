"""A folder of pictures as Images: decoded once, in parallel, at the size asked for.

    walk ──► what changed since the index? ──► hash ──► content known? ──► decode ──► packed file ──► Images

The second run reads the index, walks the folder and maps the packed file. A file counts as changed
when its path, size or time of change differ; only then it is read. Ids are relative paths, so that
a picture that fails never renames another.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ..errors import NoImages, UnreadableImage
from ..files import fingerprint
from . import packed
from .labels import folder_known, mask_files, read_tables, table_known
from .packed import Entry, Pack
from .preprocessing import Preprocessing
from .read import LIMIT, Fit, Mode, Size, Wanted, decode, wanted
from .source import Images

__all__ = ["folder"]

Progress = Callable[[int, int], None]

READER = "1"  # part of the key: raise it when the reader gives other pixels for the same file
_AT_ONCE = 1 << 26  # bytes: larger files are hashed in pieces and decoded from the disk

_NO_PICTURE = frozenset(
    """.md .rst .txt .csv .tsv .json .jsonl .toml .yaml .yml .xml .ini .cfg .log .html .htm .pdf .tex
    .py .ipynb .sh .npy .npz .gz .tgz .tar .zip .bz2 .xz .zst .7z .rar .pkl .pt .pth .safetensors
    .h5 .hdf5 .parquet .db .sqlite .mat .sha256 .md5""".split()
)
_NO_PICTURE_NAMES = re.compile(
    r"readme|licen[cs]e|changelog|copying|makefile|(sha\d*|md5)sums?|checksums?|thumbs\.db|desktop\.ini",
    re.IGNORECASE,
)
_MASK_FOLDERS = re.compile(r"masks?|.*annot|ground_truth|__macosx", re.IGNORECASE)


class Found(NamedTuple):
    """A file that may be a picture."""

    id: str
    path: str
    size: int
    mtime: int


def folder(
    path: str | Path,
    size: Size = 64,
    mode: Mode = "rgb",
    fit: Fit = "crop",
    center_crop: int | None = None,
    labels: str | Path | bool | None = None,
    cache: str | Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Images:
    """All pictures below a folder, sorted as people sort (2 before 10), as one collection.

    Args:
        path: the folder; sub-folders are read too, hidden ones and folders of masks are not.
        size, mode, fit, center_crop: as in :func:`narrows.images.read`.
        labels: a CSV file; None looks for labels.csv, split.csv and metadata.csv in the folder and
            else takes the names of sub-folders; False takes none.
        cache: where the packed file goes; by default NARROWS_CACHE or the user's cache folder.
        workers: threads that decode; by default as many as processors, at most 16.
        progress: called with (done, total) while files are decoded.

    ``skipped`` of the result names every file that is no readable picture, with the reason.

    Raises:
        NoImages: there is no such folder, or no picture in it.
        NarrowsError: the packed file cannot be written.
    """
    if size is None:
        raise ValueError(
            "size must be one number or (height, width): pictures of a collection share it"
        )
    options = wanted(size, mode, fit, center_crop, LIMIT)
    root = Path(path)
    if root.is_file():
        raise NoImages(f"{root} is a file, not a folder; read one picture with narrows.images.read")
    if not root.is_dir():
        raise NoImages(f"there is no folder {root}")
    files, unreadable = _walk(root)
    tables = (
        [] if labels is False else read_tables(root, None if labels in (None, True) else labels)
    )
    if masks := mask_files(tables, [file.id for file in files]):
        files = [file for file in files if file.id not in masks]
    where = Path(cache).expanduser() if cache is not None else packed.cache_root() / "packed"
    where = where / f"{_key(root, options)}.narrows"
    pack, gone = _up_to_date(
        where, files, options, workers or min(os.cpu_count() or 1, 16), progress
    )
    images = _images(root, files, pack, unreadable + gone, options)
    if labels is not False:
        known = table_known(tables, images.ids) if tables else folder_known(images.ids)
        images.labels, images.metadata = known.labels, known.metadata
        images.groups, images.split = known.groups, known.split
    return images


def _key(root: Path, options: Wanted) -> str:
    return fingerprint(READER, os.fsencode(os.path.abspath(root)), repr(tuple(options)))


def _images(
    root: Path,
    files: list[Found],
    pack: Pack,
    skipped: list[tuple[str, str]],
    options: Wanted,
) -> Images:
    """Put the rows of a pack in the order of ``files``."""
    entries = [(file.id, pack.entries.get(file.id)) for file in files]
    good = [(id_, entry) for id_, entry in entries if entry is not None and entry.slot >= 0]
    bad = [(id_, entry.reason) for id_, entry in entries if entry is not None and entry.slot < 0]
    skipped = sorted(skipped + bad, key=lambda pair: _natural(pair[0]))
    if not good:
        if not skipped:
            raise NoImages(f"there is no picture in {root}")
        name, why = skipped[0]
        raise NoImages(
            f"none of the {len(skipped)} files in {root} is a readable picture; {name}: {why}"
        )
    look = fingerprint(READER, repr(tuple(options)))  # the same files in another crop are others
    return Images(
        pack.pixels(),
        ids=[id_ for id_, _ in good],
        name=root.resolve().name,
        skipped=skipped,
        hashes=[look + entry.digest for _, entry in good],
        rows=torch.tensor([entry.slot for _, entry in good], dtype=torch.int64),
        preprocessing=Preprocessing(pack.shape, options.fit, options.center_crop),
    )


# ---- the walk ------------------------------------------------------------------------------------


def _walk(root: Path) -> tuple[list[Found], list[tuple[str, str]]]:
    """Files that may be pictures, in natural order, and what could not be looked at."""
    found: list[Found] = []
    unreadable: list[tuple[str, str]] = []
    seen: set[tuple[int, int]] = set()
    stack = [("", os.fspath(root))]
    while stack:
        prefix, path = stack.pop()
        try:
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in seen:
                continue  # a link back to a folder that was read already
            seen.add((status.st_dev, status.st_ino))
            entries = list(os.scandir(path))
        except OSError as error:
            if not prefix:
                raise NoImages(f"the folder {root} cannot be read ({error.strerror})") from error
            unreadable.append((prefix.rstrip("/"), f"the folder cannot be read ({error.strerror})"))
            continue
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            id_ = prefix + _printable(name)
            try:
                if entry.is_dir():
                    if not _MASK_FOLDERS.fullmatch(name) and not name.endswith(".narrows"):
                        stack.append((id_ + "/", entry.path))
                elif _may_be_picture(name):
                    status = entry.stat()
                    found.append(Found(id_, entry.path, status.st_size, status.st_mtime_ns))
            except OSError as error:
                why = "a link that leads nowhere" if entry.is_symlink() else str(error.strerror)
                unreadable.append((id_, why))
    found.sort(key=lambda file: _natural(file.id))
    return found, unreadable


def _printable(name: str) -> str:
    """A name that can be printed and written as UTF-8, whatever bytes the file system holds."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def _may_be_picture(name: str) -> bool:
    if os.path.splitext(name)[1].lower() in _NO_PICTURE:
        return False
    return not _NO_PICTURE_NAMES.match(name)


def _natural(id_: str) -> tuple[list[int | str], str]:
    """A sort key that puts 2 before 10; the id itself decides between 01 and 1."""
    pieces = re.split(r"(\d+)", id_)  # text and digits take turns
    return [int(piece) if place % 2 else piece for place, piece in enumerate(pieces)], id_


# ---- bringing the pack up to date ----------------------------------------------------------------


class _Result(NamedTuple):
    digest: str
    pixels: np.ndarray[Any, np.dtype[np.uint8]] | None
    reason: str
    keep: bool  # False: not about the content (it vanished, it may not be read), so ask again


def _stale(pack: Pack, files: list[Found]) -> list[Found]:
    """Files that the index does not know in their present state."""
    entries = pack.entries
    return [
        file
        for file in files
        if (entry := entries.get(file.id)) is None
        or entry.size != file.size
        or entry.mtime != file.mtime
    ]


def _up_to_date(
    where: Path, files: list[Found], options: Wanted, workers: int, progress: Progress | None
) -> tuple[Pack, list[tuple[str, str]]]:
    """A pack that knows every one of ``files``, and the (file, reason) of those that vanished."""
    assert options.size is not None
    shape = (options.channels, *options.size)
    pack = packed.load(where, shape)
    if (
        pack is not None
        and not _stale(pack, files)
        and not packed.wasteful(pack.slots, pack.entries)
    ):
        return pack, []
    if not files:
        return Pack(where, shape), []
    with packed.on_disk(where), packed.locked(where):
        pack = packed.load(where, shape)  # another process may have done the work meanwhile
        writer = packed.Writer(pack, where, shape)
        try:
            gone = _pack(writer, _stale(writer.pack, files), options, workers, progress)
        finally:
            writer.close()
        present = {file.id for file in files}
        entries = writer.pack.entries
        live = {id_: entry for id_, entry in entries.items() if id_ in present}
        if packed.wasteful(writer.pack.slots, live):
            entries.clear()
            entries.update(live)
            return packed.compact(writer.pack), gone
    return writer.pack, gone


def _pack(
    writer: packed.Writer,
    todo: list[Found],
    options: Wanted,
    workers: int,
    progress: Progress | None,
) -> list[tuple[str, str]]:
    """Decode ``todo`` into the pack, in order; what is decoded stays even when this is stopped."""
    entries = writer.pack.entries
    known = {e.digest: (e.slot, e.reason) for e in entries.values()}
    gone: list[tuple[str, str]] = []
    if not todo:
        return gone
    try:
        for done, (file, result) in enumerate(_decoded(todo, options, known, workers), 1):
            if not result.keep:
                gone.append((file.id, result.reason))
                entries.pop(file.id, None)
            else:
                if result.digest in known:
                    slot, reason = known[result.digest]
                elif result.pixels is not None:
                    slot, reason = writer.append(result.pixels), ""
                else:
                    slot, reason = -1, result.reason
                known[result.digest] = slot, reason
                entries[file.id] = Entry(file.size, file.mtime, result.digest, slot, reason)
            writer.checkpoint()
            if progress is not None:
                progress(done, len(todo))
    except OSError:
        raise  # the disk fails: the last index stands
    except BaseException:
        writer.checkpoint(force=True)  # stopped by the user: keep what is done
        raise
    writer.checkpoint(force=True)
    return gone


def _decoded(
    todo: list[Found], options: Wanted, known: dict[str, tuple[int, str]], workers: int
) -> Iterator[tuple[Found, _Result]]:
    """Results in the order of ``todo``, a few of them ahead, so that memory stays small.

    Threads suffice: the decoders and the resize work outside of Python's lock. Each of them keeps
    torch to itself; a resize that spreads over all processors costs 2.5 times the work here.
    """
    before = torch.get_num_threads()
    with ThreadPoolExecutor(
        workers, "decode", initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        waiting: deque[tuple[Found, Future[_Result]]] = deque()
        try:
            for file in todo:
                waiting.append((file, pool.submit(_one, file, options, known)))
                if len(waiting) > 4 * workers:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
            torch.set_num_threads(before)  # a worker's choice is also that of later threads


def _one(file: Found, options: Wanted, known: dict[str, tuple[int, str]]) -> _Result:
    """Hash one file and, where its content is new, decode it."""
    try:
        content: bytes | None = None
        if file.size <= _AT_ONCE and os.path.isfile(file.path):
            with open(file.path, "rb") as opened:
                content = opened.read(_AT_ONCE + 1)
            digest = hashlib.blake2b(content, digest_size=16).hexdigest()
            if len(content) > _AT_ONCE:  # it grew since the walk
                content = None
        if content is None:
            if not os.path.isfile(file.path):
                missing = not os.path.lexists(file.path)
                return _Result("", None, "it vanished" if missing else "not a file", False)
            with open(file.path, "rb") as opened:
                digest = hashlib.file_digest(
                    opened, lambda: hashlib.blake2b(digest_size=16)
                ).hexdigest()
    except OSError as error:
        return _Result(
            "", None, f"may not be read ({(error.strerror or str(error)).lower()})", False
        )
    if digest in known:
        return _Result(digest, None, "", True)
    try:
        pixels = decode(file.path if content is None else content, options)
        return _Result(digest, pixels.numpy(), "", True)
    except UnreadableImage as error:
        return _Result(digest, None, str(error), True)
