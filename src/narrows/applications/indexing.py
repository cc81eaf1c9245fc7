"""Indexing: bring a collection up to the present state of pictures; only what changed is encoded.

    files ──known?──► decode (threads) ──► encode (batches) ──► write (a commit per 2,048 rows) ──► tidy

A run that is killed leaves whole commits; the next one goes on with what is missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from ..collection import About, Collection, pooled
from ..collection.about import INPUTS
from ..collection.rows import COLUMNS, column_names, type_of, values_of
from ..collection.store import guarded, local, look
from ..errors import BadFile, NarrowsError, NoImages, UnreadableImage
from ..images import Preprocessing, Source
from ..images.archives import archived
from ..images.changes import Changes, with_one_range
from ..images.files import PictureFiles
from ..images.labels import class_names
from ..images.levels import Levels
from ..images.read import Wanted, fit_pixels
from ..images.thumbnails import Seen, seen, thumbnail
from ..images.walk import Found, printable
from ..locks import locked

__all__ = [
    "ENCODED_AT_ONCE", "Encode", "Indexed", "Look", "ahead", "brought", "collection_for", "described",
    "found_again", "index_files", "index_source", "look_at", "one_indexer", "taken",
]  # fmt: skip

Array = np.ndarray[Any, Any]
Encode = Callable[[torch.Tensor], Array]
Progress = Callable[[int, int], None]
T = TypeVar("T")
R = TypeVar("R")

ENCODED_AT_ONCE = 256
WRITTEN_AT_ONCE = 2048
LOOKED_AT = 16  # files by which a folder under another path is recognised
_AT_ONCE = 1 << 26  # bytes: larger files are hashed in pieces and decoded from the disk


@dataclass
class Indexed:
    """What one run did.

    Attributes:
        added, changed, removed, unchanged, moved: how many pictures; those that lie elsewhere in the
            folder now are moved, with all that was known of them.
        skipped: (file, reason) of each that is no readable picture.
        notes: sentences about what was ignored, merged or guessed.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    moved: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def touched(self) -> int:
        """How many rows were written or removed."""
        return self.added + self.changed + self.removed + self.moved


def collection_for(
    address: str | Path, about: About, *, stated: Sequence[str] = (), new_version: bool = False
) -> Collection:
    """The collection at an address, to go on with, or a new one where there is none.

    Pictures under another path are the same where their files are: a drive may be mounted elsewhere.

    Args:
        address: a folder, or an object store's address.
        about: whose codes and which pictures are to go there.
        stated: what of ``about`` must not differ from what is there, such as ``pool``; the
            fingerprint, ``pictures`` and the preprocessing always must not.
        new_version: begin a new version where they differ; the ones before stay.

    Raises:
        BadFile: it holds codes of another model or of other pictures, and ``new_version`` is not set.
    """
    if not Collection.exists(address):
        return Collection.create(address, about)
    collection = Collection.open(address, going_on=about.fingerprint)
    before = collection.about
    differing = [
        name
        for name in ("pictures", *INPUTS, *stated)
        if getattr(before, name) != getattr(about, name)
    ]
    if "pictures" in differing and _holds(about.pictures, collection):
        differing.remove("pictures")
        collection.change(pictures=about.pictures)
    if "levels" in differing and _kept(before, about):
        differing.remove("levels")  # those that were chosen for the first pictures stay
    same = before.fingerprint == about.fingerprint and not differing
    if new_version and (collection.version.complete or not same):
        return Collection.create(address, about)
    collection.check(about.fingerprint, about.model)
    if differing:
        name = differing[0]
        raise BadFile(
            f"{address} was made with {name} {getattr(before, name)!r}, not {getattr(about, name)!r}: "
            "name another collection, or add --new-version to begin a new version of this one"
        )
    collection.change(model=about.model)
    return collection


def _kept(before: About, about: About) -> bool:
    """Whether the levels that are there are those of the model, and what was chosen where it has none."""
    known = before.preprocessing.levels or Levels()
    return (about.preprocessing.levels or Levels()).completed(known) == known


def _holds(folder: str, collection: Collection) -> bool:
    """Whether most of a collection's files lie in a folder: a few of them are compared by content."""
    looks = list(found_again(folder, collection))
    return 2 * sum(looks) > len(looks)


def found_again(folder: str, collection: Collection) -> Iterator[bool]:
    """Of some of a collection's pictures, whether they lie in a folder or an archive as they were indexed."""
    if not os.path.exists(folder) or not len(collection):
        return
    there = collection.table(["id", "path", "size", "hash"]).to_pylist()
    some = there[:: max(1, len(there) // LOOKED_AT)]
    if some[0]["path"] is None:
        files = archived(folder)
        for row in some:
            yield _is_member(files.get(row["id"]), row["hash"])
        return
    for row in some:
        pieces = PurePath(row["id"])
        same = False
        try:
            path = os.path.join(folder, pieces)
            inside = not pieces.is_absolute() and ".." not in pieces.parts
            if inside and os.path.isfile(path) and os.stat(path).st_size == row["size"]:
                with open(path, "rb") as opened:
                    digest = hashlib.file_digest(
                        opened, lambda: hashlib.blake2b(digest_size=16)
                    ).hexdigest()
                same = digest == row["hash"]
        except (OSError, ValueError):  # gone, or a name that no file can have
            pass
        yield same


def _is_member(file: Found | None, digest: str) -> bool:
    """Whether a member of an archive has the content that it had."""
    if file is None:
        return False
    try:
        with file.opened() as content:
            assert isinstance(content, bytes)
            return hashlib.blake2b(content, digest_size=16).hexdigest() == digest
    except (OSError, UnreadableImage):
        return False


def index_files(
    collection: Collection,
    found: PictureFiles,
    encode: Encode,
    *,
    among: Iterable[str] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Indexed:
    """Bring a collection up to the present state of a folder.

    A file whose size and time of change are those in the collection is not opened; one whose
    content turns out to be the same is not encoded. A file that has another name or lies elsewhere in
    the folder now keeps its row, with its scores. A file that is gone, or is no picture any more, leaves
    the collection.

    Args:
        collection: where to; its ``about`` says in which shape pictures are read.
        found: the files, by :func:`narrows.images.files.picture_files`.
        encode: uint8 (B, C, H, W) → codes (B, *code).
        among: ids, no rows but whose are looked at; None looks at all.
        workers: threads that decode; by default as many as processors, at most 16.
        progress: called with (done, total) of the files that are opened.

    Raises:
        NarrowsError: the codes of a picture are not finite, or the disk fails; what was written
            before stays.
    """
    with _alone(collection):
        known = _Known(collection, found.metadata, [file.id for file in found.files], among)
        todo = [(row, file) for row, file in enumerate(found.files) if known.stale(file)]
        done = Indexed(
            skipped=list(found.skipped),
            unchanged=len(found.files) - len(todo),
            notes=found.notes + known.notes,
        )
        writer = _Writer(collection, encode, known, done)
        options, deep = with_one_range(
            [file for _, file in todo],
            collection.about.preprocessing.wanted,
            lambda function, paths: ahead(function, paths, workers),
        )
        if options.levels is not None and options.levels != collection.about.preprocessing.levels:
            if collection.is_part:
                raise NarrowsError(
                    f"{next(iter(deep))} has more than 8 bits and the model no range for it; one is chosen "
                    "from all pictures together, so index these in one go"
                )
            collection.change(levels=options.levels.document())
        changes = Changes()
        present = {file.id for file in found.files} | {name for name, _ in found.skipped}
        closed = tuple(f"{name}/" for name, _ in found.skipped)  # folders that may not be read now
        removed = [id_ for id_ in known.places if id_ not in present and not id_.startswith(closed)]
        lost = known.by_content(removed)

        def look(item: tuple[int, Found]) -> Look:
            row, file = item
            before = known.digest(file.id)
            return look_at(row, file, lost if before is None else (before,), options)

        with writer:
            gone = []
            for count, looked in enumerate(ahead(look, todo, workers), 1):
                if looked.same and looked.file.id not in known.places:
                    if lost[looked.digest]:
                        writer.move(looked.row, looked.file, lost[looked.digest].pop())
                    else:  # one more of the same content
                        looked = look_at(looked.row, looked.file, (), options)
                if looked.picture is not None:
                    changes.add(looked.file.id, looked.told, deep.get(looked.file.id))
                    writer.take(looked.row, looked.file, looked.digest, looked.picture)
                elif looked.same and looked.file.id in known.places:
                    writer.touch(looked.row, looked.file)
                elif not looked.same:
                    done.skipped.append((looked.file.id, looked.reason))
                    if looked.certain:
                        gone.append(looked.file.id)
                if progress is not None:
                    progress(count, len(todo))
        removed += [id_ for id_ in gone if id_ in known.places]
        known.move(found.files)
        done.notes += changes.notes(options.levels)
        _end(collection, known, done, removed)
    return done


def index_source(
    collection: Collection,
    source: Source,
    encode: Encode,
    *,
    among: Iterable[str] | None = None,
    progress: Progress | None = None,
) -> Indexed:
    """Bring a collection up to an array or a named set: all are hashed, what is new is encoded.

    Args:
        collection, encode, among: as in :func:`index_files`.
        source: pictures of any size; its ids, labels, metadata and split become columns.
        progress: called with (done, total).
    """
    n = len(source)
    ids = [str(id_) for id_ in getattr(source, "ids", None) or range(n)]
    with _alone(collection):
        known = _Known(collection, described(source), ids, among)
        done = Indexed(
            skipped=list(getattr(source, "skipped", ())),
            notes=[*getattr(source, "notes", ()), *known.notes],
        )
        writer = _Writer(collection, encode, known, done)
        with writer:
            for low in range(0, n, ENCODED_AT_ONCE):
                rows = range(low, min(low + ENCODED_AT_ONCE, n))
                pixels = taken(source, torch.arange(rows.start, rows.stop))
                fitted = brought(pixels, collection.about.preprocessing)
                for row, mine, whole in zip(rows, fitted, pixels, strict=True):
                    content = whole.numpy().tobytes()
                    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
                    if known.digest(ids[row]) == digest:
                        done.unchanged += 1
                        continue
                    height, width = whole.shape[1:]
                    small = Seen(mine, thumbnail(whole), width, height)
                    writer.take(row, Found(ids[row], "", len(content), 0), digest, small)
                if progress is not None:
                    progress(rows.stop, n)
        present = set(ids)
        _end(collection, known, done, [id_ for id_ in known.places if id_ not in present])
    return done


_mine = threading.local()  # the folders whose lock this thread holds


@contextlib.contextmanager
def one_indexer(address: str | Path) -> Iterator[None]:
    """Wait until nobody else indexes into the same folder (an object store has no locks).

    Who holds it may ask again, in the same thread.

    Raises:
        NarrowsError: the folder holds other things, or may not be written.
    """
    folder = local(str(address))
    held: set[Path] = _mine.__dict__.setdefault("held", set())
    if folder is None or folder.resolve() in held:
        yield
        return
    look(str(address))
    with contextlib.ExitStack() as stack:
        with guarded(str(address)):
            stack.enter_context(locked(folder))
        held.add(folder.resolve())
        try:
            yield
        finally:
            held.discard(folder.resolve())
            with contextlib.suppress(OSError):
                if os.listdir(folder) == ["lock"]:  # nothing came of it
                    os.unlink(folder / "lock")
                    folder.rmdir()


@contextlib.contextmanager
def _alone(collection: Collection) -> Iterator[None]:
    """Be the only one that indexes into a collection, or one of those who make a part of it.

    A new version into which nothing was written goes with the error that prevented it.
    """
    if collection.is_part:
        collection.settle()
        yield
        return
    with one_indexer(collection.address):
        collection.settle()
        try:
            yield
        except BaseException:
            if not collection.version.complete and not len(collection):
                collection.discard()
            raise


def _end(collection: Collection, known: _Known, done: Indexed, removed: list[str]) -> None:
    """Remove what is gone, write what else is known by now, tidy, and call the version whole.

    A part is neither tidied nor called whole: that is done when all of them are there.
    """
    if (
        not collection.is_part
        and not done.added
        and not done.moved
        and len(removed) == len(known.places)
    ):
        first = f": {done.skipped[0][0]}: {done.skipped[0][1]}" if done.skipped else ""
        raise NoImages(
            f"none of the {len(known.ids):,} files is a picture that can be read{first}; "
            "nothing was indexed and nothing removed"
        )
    known.describe()
    if removed:
        collection.delete(removed)
        done.removed = len(removed) - done.moved
    if collection.is_part:
        return
    collection.optimize()
    collection.commit()


# ---- what is known already -----------------------------------------------------------------------


class _Known:
    """The rows that a collection has, and the metadata that the pictures have now."""

    def __init__(
        self,
        collection: Collection,
        metadata: Mapping[str, Array],
        ids: Sequence[str],
        among: Iterable[str] | None = None,
    ) -> None:
        self.collection = collection
        self.ids = list(ids)
        names = column_names(metadata)
        self.metadata = {names[name]: values for name, values in metadata.items()}
        self.notes = self._agree()
        wanted = ["id", "path", "size", "mtime", "hash", *self.metadata]
        table = collection.table(wanted) if among is None else collection.found(wanted, among)
        there = values_of(table)
        for name in ("size", "mtime"):  # of rows that were not made of files
            there[name] = table[name].fill_null(-1).to_numpy()
        self.there = there
        self.places = {id_: place for place, id_ in enumerate(there["id"])}

    def _agree(self) -> list[str]:
        """Bring the columns that are there and those that are given to one type; what to say of it.

        What was names stays names; what was numbers and is names now is written anew.
        """
        schema = self.collection.schema
        kinds = {name: type_of(values) for name, values in self.metadata.items()}
        notes, new_version = [], {}
        for name, kind in kinds.items():
            before = schema.field(name).type if name in schema.names else kind
            if before == kind:
                continue
            if str(before) == "string":
                self.metadata[name] = class_names(self.metadata[name])
                notes.append(f"the column {name} held names before: its numbers are kept as names")
            elif str(before) == "double" and str(kind) == "int64":
                self.metadata[name] = np.asarray(self.metadata[name], float)
            else:
                new_version[name] = kind
                notes.append(
                    f"the column {name} held {before} before and holds {kind} now: it is written anew"
                )
        self.collection.retype(new_version)
        self.collection.add_columns(kinds)
        ours = {*COLUMNS, *self.metadata, *self.collection.scores}
        if old := [name for name in self.collection.columns if name not in ours]:
            notes.append(
                f"no table says {', '.join(old)} any more: the collection keeps the old values"
            )
        return notes

    def move(self, files: Sequence[Found]) -> None:
        """Write where files lie that are the same and lie elsewhere now."""
        moved = [
            (file.id, path)
            for file in files
            if (place := self.places.get(file.id)) is not None
            and (path := _stored(file.path)) != self.there["path"][place]
        ]
        for low in range(0, len(moved), WRITTEN_AT_ONCE):
            some = moved[low : low + WRITTEN_AT_ONCE]
            self.collection.update([id_ for id_, _ in some], {"path": [path for _, path in some]})

    def stale(self, file: Found) -> bool:
        """Whether a file is new, or another than its row says."""
        place = self.places.get(file.id)
        if place is None:
            return True
        there = self.there
        return bool(there["size"][place] != file.size or there["mtime"][place] != file.mtime)

    def digest(self, id_: str) -> str | None:
        """The content's hash of a row that is there."""
        place = self.places.get(id_)
        return None if place is None else self.there["hash"][place]

    def by_content(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """The hashes of rows, and whose they are, the first one last."""
        found: dict[str, list[str]] = {}
        for id_ in reversed(ids):
            if self.digest(id_):
                found.setdefault(str(self.digest(id_)), []).append(id_)
        return found

    def described(self, row: int) -> dict[str, Any]:
        """What is known of a picture."""
        return {name: _plain(values[row]) for name, values in self.metadata.items()}

    def describe(self) -> None:
        """Write metadata that changed although the picture did not."""
        differing = []
        for row, id_ in enumerate(self.ids):
            place = self.places.get(id_)
            if place is not None and any(
                _plain(values[row]) != _plain(self.there[name][place])
                for name, values in self.metadata.items()
            ):
                differing.append(row)
        for low in range(0, len(differing), WRITTEN_AT_ONCE):
            some = differing[low : low + WRITTEN_AT_ONCE]
            columns = {
                name: [_plain(values[row]) for row in some]
                for name, values in self.metadata.items()
            }
            self.collection.update([self.ids[row] for row in some], columns)


def _plain(value: Any) -> Any:
    """A value of a column as Python has it; None where it is not known."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or value == "" or value != value:
        return None
    return value


def _stored(path: str) -> str | None:
    """A file's whole path as a table can hold it, None where there is none.

    A name that is not UTF-8 is written as ids are: the picture is there, its file is not found by it.
    """
    return printable(os.path.abspath(path)) if path else None


def described(source: Source) -> dict[str, Array]:
    """The columns that a source in memory carries."""
    n = len(source)
    columns: dict[str, Array] = {}
    labels = getattr(source, "labels", None)
    given = labels if isinstance(labels, Mapping) else {"label": labels}
    for name, values in (*given.items(), *(getattr(source, "metadata", None) or {}).items()):
        if values is not None and np.asarray(values).shape == (n,):
            columns.setdefault("label" if name == "folder" else name, np.asarray(values))
    split = getattr(source, "split", None)
    if split is not None:
        columns.setdefault("split", np.asarray(split))
    return columns


# ---- decoding ------------------------------------------------------------------------------------


class Look(NamedTuple):
    """What became of one file: its content's hash, and the picture or the reason why there is none."""

    row: int
    file: Found
    digest: str
    picture: Seen | None
    same: bool = False  # only the time of change is another
    reason: str = ""
    certain: bool = False  # about the content: asking again would not help
    told: Sequence[str] = ()  # what was given up to read it, as images/read.py calls it


def look_at(row: int, file: Found, before: Container[str], options: Wanted) -> Look:
    """Open one file: hash it and, unless its content is one that there was before, decode it."""
    if file.member is not None:
        return _look_at_member(row, file, before, options)
    try:
        if not os.path.isfile(file.path):  # a pipe or a device would block
            return Look(row, file, "", None, reason="it vanished, or is not a file")
        content: bytes | None = None
        with open(file.path, "rb") as opened:
            if file.size <= _AT_ONCE:
                content = opened.read(_AT_ONCE + 1)
                digest = hashlib.blake2b(content, digest_size=16).hexdigest()
            else:
                digest = hashlib.file_digest(
                    opened, lambda: hashlib.blake2b(digest_size=16)
                ).hexdigest()
    except OSError as error:
        reason = f"may not be read ({(error.strerror or str(error)).lower()})"
        return Look(row, file, "", None, reason=reason)
    return _seen_at(row, file, digest, file.path if content is None else content, before, options)


def _look_at_member(row: int, file: Found, before: Container[str], options: Wanted) -> Look:
    """The same of a member of an archive."""
    try:
        with file.opened() as content:
            assert isinstance(content, bytes)
            digest = hashlib.blake2b(content, digest_size=16).hexdigest()
            return _seen_at(row, file, digest, content, before, options)
    except UnreadableImage as error:
        return Look(row, file, "", None, reason=str(error), certain=True)
    except OSError as error:
        reason = f"its archive may not be read ({(error.strerror or str(error)).lower()})"
        return Look(row, file, "", None, reason=reason)


def _seen_at(
    row: int,
    file: Found,
    digest: str,
    content: str | bytes,
    before: Container[str],
    options: Wanted,
) -> Look:
    """Decode a picture, unless its content is one that there was before."""
    if digest in before:
        return Look(row, file, digest, None, same=True)
    told: set[str] = set()
    try:
        picture = seen(content, options, told)
        return Look(row, file, digest, picture, told=sorted(told))
    except UnreadableImage as error:
        return Look(row, file, digest, None, reason=str(error), certain=True)


def ahead(function: Callable[[T], R], items: Iterable[T], workers: int | None) -> Iterator[R]:
    """The function of each item in their order, by threads that are a few items ahead.

    Each thread keeps torch's own threads to one, as in images/folder.py.
    """
    count = workers or min(os.cpu_count() or 1, 16)
    before = torch.get_num_threads()
    with ThreadPoolExecutor(
        count, "decode", initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 4 * count + ENCODED_AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            torch.set_num_threads(before)


def taken(source: Source, rows: torch.Tensor) -> torch.Tensor:
    """uint8 (B, C, H, W) of a source."""
    take = getattr(source, "take", None)
    if take is not None:
        taken: torch.Tensor = take(rows).cpu()
        return taken
    return (source.batch(rows).cpu() * 255).round().to(torch.uint8)


def brought(pixels: torch.Tensor, how: Preprocessing) -> torch.Tensor:
    """Pictures in the shape that the model takes."""
    if tuple(pixels.shape[1:]) == how.shape:
        return pixels
    if pixels.shape[1] not in (1, 3) or how.mode is None:
        raise ValueError(
            f"the model takes pictures of shape {how.shape}; these are {tuple(pixels.shape[1:])}"
        )
    return fit_pixels(pixels, how.wanted)


# ---- encoding and writing ------------------------------------------------------------------------


class _Writer:
    """Encodes what it is given in batches and writes whole batches; closing writes the rest.

    Where it is left by an error or Ctrl-C, what was encoded by then is written.
    """

    def __init__(
        self, collection: Collection, encode: Encode, known: _Known, done: Indexed
    ) -> None:
        self.collection, self.encode, self.known, self.done = collection, encode, known, done
        self._pixels: list[torch.Tensor] = []
        self._waiting: list[dict[str, Any]] = []  # without a code
        self._rows: list[dict[str, Any]] = []
        self._codes: list[Array] = []
        self._touched: list[tuple[int, Found]] = []
        self._moved: list[tuple[int, Found, str]] = []

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._encode()
        if kind is None or issubclass(kind, (KeyboardInterrupt, NarrowsError)):
            self._write()

    def take(self, row: int, file: Found, digest: str, picture: Seen) -> None:
        """One picture that is new or changed."""
        self._pixels.append(picture.pixels)
        self._waiting.append(
            {
                "id": file.id,
                "path": _stored(file.path),
                "size": file.size,
                "mtime": file.mtime,
                "hash": digest,
                "width": picture.width,
                "height": picture.height,
                "thumbnail": picture.thumbnail,
                **self.known.described(row),
            }
        )
        if len(self._waiting) >= ENCODED_AT_ONCE:
            self._encode()
        if len(self._rows) >= WRITTEN_AT_ONCE:
            self._write()

    def touch(self, row: int, file: Found) -> None:
        """One picture whose file has another time of change and the same content."""
        self._touched.append((row, file))
        self.done.unchanged += 1
        if len(self._touched) >= WRITTEN_AT_ONCE:
            self._write()

    def move(self, row: int, file: Found, before: str) -> None:
        """One picture that had another id."""
        self._moved.append((row, file, before))
        if len(self._moved) >= WRITTEN_AT_ONCE:
            self._write()

    def _encode(self) -> None:
        if not self._waiting:
            return
        codes = np.asarray(self.encode(torch.stack(self._pixels)))
        codes = pooled(codes, self.collection.about.pool)
        fine = np.isfinite(codes).all(1)
        if not fine.all():
            name = self._waiting[int(np.flatnonzero(~fine)[0])]["id"]
            raise NarrowsError(
                f"the model's code of {name} holds NaN or infinite values, as "
                f"{int((~fine).sum())} of these {len(fine)} codes do; nothing of them was stored, "
                "and what was indexed before stays: train the model again"
            )
        self._rows += self._waiting
        self._codes.append(codes)
        self._pixels, self._waiting = [], []

    def _write(self) -> None:
        if self._touched:
            files = [file for _, file in self._touched]
            self.collection.update(
                [file.id for file in files],
                {"size": [file.size for file in files], "mtime": [file.mtime for file in files]},
            )
            self._touched = []
        if self._moved:  # under the new id first: the old one goes at the end
            rows = self.collection.rows(ids=[before for *_, before in self._moved])
            files = [file for _, file, _ in self._moved]
            described = [self.known.described(row) for row, *_ in self._moved]
            rows |= {name: [each[name] for each in described] for name in self.known.metadata}
            rows |= {
                "id": [file.id for file in files],
                "path": [_stored(file.path) for file in files],
                "size": [file.size for file in files],
                "mtime": [file.mtime for file in files],
            }
            self.collection.add(rows)
            self.done.moved += len(files)
            self._moved = []
        if not self._rows:
            return
        changed = sum(row["id"] in self.known.places for row in self._rows)
        columns: dict[str, Any] = {
            name: [row[name] for row in self._rows] for name in self._rows[0]
        }
        columns["code"] = np.concatenate(self._codes)
        (self.collection.upsert if changed else self.collection.add)(columns)
        self.done.changed += changed
        self.done.added += len(self._rows) - changed
        self._rows, self._codes = [], []
