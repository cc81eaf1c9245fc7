"""A folder or an archive of pictures as Images: decoded once, in parallel, at the size asked for.

    walk ──► what changed since the index? ──► hash ──► content known? ──► decode ──► packed file ──► Images

The second run reads the index, walks the folder and maps the packed file. A file counts as changed
when its path, size or time of change differ; only then it is read. Ids are relative paths, so that
a picture that fails never renames another.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from ..errors import NoImages, UnreadableImage
from ..files import fingerprint
from ..locks import locked
from . import cache as caching
from . import packed
from .archives import listed
from .changes import Changes, range_of
from .levels import Levels, Measured, chosen
from .packed import Entry, Pack
from .preprocessing import Preprocessing
from .read import Fit, Mode, Size, Wanted, decode, wanted
from .source import Images
from .walk import Found, is_archive, natural

__all__ = ["folder"]

Progress = Callable[[int, int], None]
T = TypeVar("T")

READER = "3"  # part of the key: raise it when the reader gives other pixels for the same file
_AT_ONCE = 1 << 24  # bytes: larger files are hashed in pieces and decoded from the disk


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
    limit: int | None = None,
    levels: Levels | None = None,
) -> Images:
    """All pictures below a folder, sorted as people sort (2 before 10), as one collection.

    Args:
        path: the folder; sub-folders are read too, hidden ones and folders of masks are not (masks
            have the names of pictures beside them). Or a .zip, .tar or .parquet file, or a folder of
            nothing but these: what lies in them is read where it is, see
            :mod:`narrows.images.archives`.
        size, mode, fit, center_crop: as in :func:`narrows.images.read`.
        labels: a CSV file; None looks for labels.csv, split.csv and metadata.csv in the folder and
            else takes the names of sub-folders; False takes none.
        cache: where the packed file goes; by default NARROWS_CACHE or the user's cache folder.
        workers: threads that decode; by default as many as processors, at most 16.
        progress: called with (done, total) while files are decoded.
        limit: refuse a picture of more pixels, as :func:`narrows.images.read` does.
        levels: which values of pictures deeper than 8 bits become black and white; by default one
            range that all of them need, which is ``levels`` of the result.

    ``skipped`` of the result names every file that is no readable picture, with the reason; its
    ``notes`` say what names, tables and formats made us leave out, rescale or guess.

    Raises:
        NoImages: there is no such folder, or no picture in it.
        BadFile: an archive or a table cannot be read.
        NarrowsError: the packed file cannot be written.
    """
    if size is None:
        raise ValueError(
            "size must be one number or (height, width): pictures of a collection share it"
        )
    options = wanted(size, mode, fit, center_crop, limit, levels)
    root = Path(path)
    if root.is_file() and not is_archive(root):
        raise NoImages(f"{root} is a file, not a folder; read one picture with narrows.images.read")
    if not root.exists():
        raise NoImages(f"there is no folder {root}")
    found = listed(root, None if labels is True else labels)
    files, known = found.files, found.known
    where, told = (Path(cache).expanduser(), "") if cache is not None else caching.place("packed")
    where = where / f"{_key(root, options)}.narrows"
    pack, gone = _up_to_date(
        where, files, options, workers or min(os.cpu_count() or 1, 16), progress
    )
    if pack.levels is not None:
        options = options._replace(levels=_levels(pack))
    images = _images(root, files, pack, found.skipped + gone, options)
    if cache is None:
        caching.used(pack.folder)
        caching.trim(pack.folder)
    images.notes = (
        found.notes + known.notes + _told(pack, images.ids, options) + ([told] if told else [])
    )
    if labels is not False:
        places = {file.id: place for place, file in enumerate(files)}
        known = known.select(np.array([places[id_] for id_ in images.ids]))
        images.labels, images.metadata = known.labels, known.metadata
        images.groups, images.split = known.groups, known.split
        images.notes += _on_both_sides(images, pack)
    return images


def _on_both_sides(images: Images, pack: Pack) -> list[str]:
    """What to say of files of test or validation whose copies are in train."""
    if images.split is None:
        return []
    digests = [pack.entries[id_].digest for id_ in images.ids]
    trained = {
        digest for digest, part in zip(digests, images.split, strict=True) if part == "train"
    }
    twice = [
        id_
        for id_, digest, part in zip(images.ids, digests, images.split, strict=True)
        if part in ("test", "validation") and digest in trained
    ]
    if not twice:
        return []
    return [
        f"{len(twice):,} pictures of test or validation are in train as well, such as {twice[0]}: "
        "a model that was trained on them does not count them as held out"
    ]


def _key(root: Path, options: Wanted) -> str:
    return fingerprint(READER, os.fsencode(os.path.abspath(root)), repr(tuple(options)))


def _levels(pack: Pack) -> Levels:
    pairs = [None if pair is None else (pair[0], pair[1]) for pair in pack.levels or (None, None)]
    return Levels(*pairs)


def _told(pack: Pack, ids: Sequence[str], options: Wanted) -> list[str]:
    """What was given up or rescaled to read these pictures, a sentence for each kind."""
    changes = Changes()
    for id_ in ids:
        entry = pack.entries[id_]
        deep = None if entry.deep is None else Measured(*entry.deep)
        changes.add(id_, entry.told.split(",") if entry.told else (), deep)
    return changes.notes(options.levels)


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
    skipped = sorted(skipped + bad, key=lambda pair: natural(pair[0]))
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
        name=root.resolve().name if root.is_dir() else root.stem,
        skipped=skipped,
        hashes=[look + entry.digest for _, entry in good],
        rows=torch.tensor([entry.slot for _, entry in good], dtype=torch.int64),
        preprocessing=Preprocessing(pack.shape, options.fit, options.center_crop, options.levels),
    )


# ---- bringing the pack up to date ----------------------------------------------------------------


class _Result(NamedTuple):
    digest: str
    pixels: np.ndarray[Any, np.dtype[np.uint8]] | None
    reason: str
    keep: bool  # False: not about the content (it vanished, it may not be read), so ask again
    told: str = ""


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
        and _settled(pack, files, options)
        and not packed.wasteful(pack.slots, pack.entries)
    ):
        return pack, []
    if not files:
        return Pack(where, shape), []
    with packed.on_disk(where), locked(where):
        pack = packed.load(where, shape)  # another process may have done the work meanwhile
        writer = packed.Writer(pack, where, shape)
        try:
            found, options = _one_range(writer.pack, files, options, workers)
            todo = _stale(writer.pack, files)
            gone = _pack(writer, todo, found, options, workers, progress)
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


def _one_range(
    pack: Pack, files: list[Found], options: Wanted, workers: int
) -> tuple[dict[str, Measured], Wanted]:
    """The ranges of new deep pictures, and the options with the one range for all of the folder.

    Where the range is another than before, the deep pictures that are there are forgotten.
    """
    todo = _stale(pack, files)
    new: dict[str, Measured] = {}
    for file, range_ in _in_order(todo, lambda file: range_of(file, options.limit), workers):
        if range_ is not None:
            new[file.id] = range_
    old = _deep(pack, {file.id for file in files} - {file.id for file in todo})
    if not new and not old:
        return new, options
    levels = _completed(options, [*old.values(), *new.values()])
    if _pairs(levels) != pack.levels:
        for id_, entry in list(pack.entries.items()):
            if entry.deep is not None:
                del pack.entries[id_]
        new |= old
        pack.levels = _pairs(levels)
    return new, options._replace(levels=levels)


def _deep(pack: Pack, ids: Set[str]) -> dict[str, Measured]:
    return {
        id_: Measured(*entry.deep)
        for id_, entry in pack.entries.items()
        if entry.deep is not None and entry.slot >= 0 and id_ in ids
    }


def _pairs(levels: Levels) -> list[list[float] | None]:
    return [None if pair is None else list(pair) for pair in levels]


def _settled(pack: Pack, files: list[Found], options: Wanted) -> bool:
    """Whether the pack knows every file in its present state, in the range that they need now."""
    if _stale(pack, files):
        return False
    deep = _deep(pack, {file.id for file in files}) if pack.levels is not None else {}
    return not deep or _pairs(_completed(options, deep.values())) == pack.levels


def _completed(options: Wanted, deep: Iterable[Measured]) -> Levels:
    """The range of these pictures, as far as none is given."""
    return (options.levels or Levels()).completed(chosen(deep))


def _pack(
    writer: packed.Writer,
    todo: list[Found],
    measured: dict[str, Measured],
    options: Wanted,
    workers: int,
    progress: Progress | None,
) -> list[tuple[str, str]]:
    """Decode ``todo`` into the pack, in order; what is decoded stays even when this is stopped."""
    entries = writer.pack.entries
    known = {e.digest: (e.slot, e.reason, e.told) for e in entries.values()}
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
                    slot, reason, told = known[result.digest]
                elif result.pixels is not None:
                    slot, reason, told = writer.append(result.pixels), "", result.told
                else:
                    slot, reason, told = -1, result.reason, ""
                known[result.digest] = slot, reason, told
                range_ = measured.get(file.id)
                entries[file.id] = Entry(
                    *(file.size, file.mtime, result.digest, slot, reason, told),
                    None if range_ is None else (*range_,),
                )
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
    todo: list[Found], options: Wanted, known: dict[str, tuple[int, str, str]], workers: int
) -> Iterator[tuple[Found, _Result]]:
    return _in_order(todo, lambda file: _one(file, options, known), workers)


def _in_order(
    todo: Iterable[Found], work: Callable[[Found], T], workers: int
) -> Iterator[tuple[Found, T]]:
    """Results in the order of ``todo``, a few of them ahead, so that memory stays small.

    Threads suffice: the decoders and the resize work outside of Python's lock. Each of them keeps
    torch to itself; a resize that spreads over all processors costs 2.5 times the work here.
    """
    before = torch.get_num_threads()
    with ThreadPoolExecutor(
        workers, "decode", initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        waiting: deque[tuple[Found, Future[T]]] = deque()
        try:
            for file in todo:
                waiting.append((file, pool.submit(work, file)))
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


def _one(file: Found, options: Wanted, known: dict[str, tuple[int, str, str]]) -> _Result:
    """Hash one file and, where its content is new, decode it."""
    if file.member is not None:
        return _one_member(file, options, known)
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
    return _result(digest, file.path if content is None else content, options, known)


def _one_member(file: Found, options: Wanted, known: dict[str, tuple[int, str, str]]) -> _Result:
    """The same of a member of an archive; of a damaged one its archive's state stands for its content."""
    try:
        with file.opened() as content:
            assert isinstance(content, bytes)
            digest = hashlib.blake2b(content, digest_size=16).hexdigest()
            return _result(digest, content, options, known)
    except UnreadableImage as error:
        return _Result(fingerprint(file.id, repr(file[2:4])), None, str(error), True)
    except OSError as error:
        reason = f"its archive may not be read ({(error.strerror or str(error)).lower()})"
        return _Result("", None, reason, False)


def _result(
    digest: str, content: str | bytes, options: Wanted, known: dict[str, tuple[int, str, str]]
) -> _Result:
    """What decoding gives, where the content is not known already."""
    if digest in known:
        return _Result(digest, None, "", True)
    try:
        told: set[str] = set()
        pixels = decode(content, options, told)
        words = ",".join(sorted(word.replace(",", " ") for word in told))
        return _Result(digest, pixels.numpy(), "", True, words)
    except UnreadableImage as error:
        return _Result(digest, None, str(error), True)
