"""The pictures of a folder or of archives, unread, and what tables, names and members beside them say.

    folder ──walk──► files ───────────────────────────────┐
    .zip · .tar · .parquet ──► members ──the same rules──► Found, skipped, notes ──known_of──► Listing
    a folder of nothing but these (shards) ──► all of theirs

A member of an archive is what it would be as a file in a folder: its path there is its id, its folders
are its classes, a labels.csv with it is read. In a .tar what stands beside a picture under the same
name (.cls, .json, .txt) is about it; a .parquet file has columns.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import BadFile, NarrowsError, NoImages, Unavailable, UnreadableImage
from .labels import Known, folder_known, known_of
from .members import Contents, Member
from .parquet import Groups, parquet_contents
from .tables import BYTES, CELLS, TABLES, Table, nameless, read_table, read_tables
from .tars import tar_contents
from .walk import Found, Sieve, archives_below, natural, printable, walk
from .zips import zip_contents

__all__ = ["Listing", "archived", "listed"]

_BESIDE = (".cls", ".json", ".txt")
_BESIDE_BYTES = 1 << 20
_SHARD = re.compile(r"-\d+-of-\d+.*$")  # train-00000-of-00003


@dataclass
class Listing:
    """The pictures at a place.

    Attributes:
        files: N of them in order, without masks.
        skipped: (file, reason) of what could not be looked at.
        notes: what names made us pass over.
        known: what is known of them, N values a column.
        folders: what their folders' names say.
    """

    files: list[Found]
    skipped: list[tuple[str, str]]
    notes: list[str]
    known: Known
    folders: Known


def listed(
    root: Path, table: str | Path | bool | None = None, without: str | None = None
) -> Listing:
    """All that may be pictures in a folder or an archive, and what is known of them.

    Args:
        root: a folder, or a .zip, .tar or .parquet file.
        table: a CSV file; None looks for labels.csv, split.csv and metadata.csv; False takes none.
        without: a folder below that is passed over.

    Raises:
        NoImages: there is no such folder, or it cannot be read.
        BadFile: an archive or a table cannot be read.
        Unavailable: a .parquet file, and there is no pyarrow.
    """
    if root.is_dir():
        files, skipped, notes = walk(root)
        if without is not None:
            files = [file for file in files if not file.id.startswith(f"{without}/")]
        if not files and (shards := archives_below(root)):
            return _of_shards(root, shards, skipped, table)
        known, masks = known_of(root, table, [file.id for file in files])
        files = [file for file in files if file.id not in masks]
        return Listing(files, skipped, notes, known, folder_known([file.id for file in files]))
    state = root.stat()
    opened = _opened(Found(root.name, os.fspath(root), state.st_size, state.st_mtime_ns), Groups())
    ids = [file.id for file in opened.files]
    known, masks = known_of(root, table, ids, (opened.tables, opened.said))
    files = [file for file in opened.files if file.id not in masks]
    folders = folder_known([file.id for file in files])
    return Listing(files, opened.skipped, opened.notes, known, folders)


def archived(place: str | Path) -> dict[str, Found]:
    """The members of an archive, or of the archives that a folder has no pictures beside, by their ids.

    Nothing of what is no such place or cannot be read.
    """
    try:
        found = listed(Path(place), False)
    except NarrowsError:
        return {}
    return {file.id: file for file in found.files if file.member is not None}


# ---- one archive ---------------------------------------------------------------------------------


@dataclass
class _Opened:
    """The pictures of one archive; ``said`` is about its tables."""

    files: list[Found]
    skipped: list[tuple[str, str]]
    notes: list[str]
    tables: list[Table] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def _opened(archive: Found, groups: Groups) -> _Opened:
    path = Path(archive.path)
    ending = path.suffix.lower()
    if ending == ".parquet":
        contents = parquet_contents(path, groups)
    else:
        contents = zip_contents(path) if ending == ".zip" else tar_contents(path)
    members = contents.last_ones()
    skipped = [(printable(name), reason) for name, reason in contents.skipped]
    if contents.pictures:
        files = [_found(printable(one.name), one, archive) for one in members]
        opened = _Opened(files, skipped, contents.notes)
        rows = {file.id: contents.rows[one.name] for file, one in zip(files, members, strict=True)}
    else:
        files, notes, others = _sifted(members, archive, contents)
        opened = _Opened(files, skipped, contents.notes + notes)
        _read_tables(opened, path, others)
        rows = {} if ending == ".zip" else _beside(opened, others)
    if table := _table_of(path, rows, opened.said):
        opened.tables.append(table)
    return opened


def _found(id_: str, member: Member, archive: Found) -> Found:
    return Found(id_, "", member.size, archive.mtime, member.read)


def _sifted(
    members: Sequence[Member], archive: Found, contents: Contents
) -> tuple[list[Found], list[str], dict[str, Member]]:
    """Members as files of a folder: those that may be pictures, notes, and the others by their ids."""
    sieve = Sieve()
    prefixes: dict[str, str | None] = {"": ""}
    others: dict[str, Member] = {}
    keys = {_key(one.name) for one in members if not one.name.lower().endswith(_BESIDE)}
    packed_beside = archive.path.lower().endswith(".tar")

    def prefix_of(folder: str) -> str | None:
        if folder not in prefixes:
            parent, _, name = folder.rpartition("/")
            above = prefix_of(parent)
            id_ = None if above is None else sieve.named(above, name)
            enters = id_ is not None and sieve.enters(id_, name, parent.rpartition("/")[2])
            prefixes[folder] = f"{id_}/" if enters else None
        return prefixes[folder]

    for member in members:
        folder, _, name = member.name.rpartition("/")
        prefix = prefix_of(folder)
        id_ = None if prefix is None else sieve.named(prefix, name)
        if id_ is None:
            continue
        beside = packed_beside and name.lower().endswith(_BESIDE) and _key(member.name) in keys
        if not beside and sieve.takes(id_, name):
            sieve.found.append(_found(id_, member, archive))
        else:
            others[id_] = member
    files = sieve.files()
    return files, sieve.notes(), others


def _read_tables(opened: _Opened, path: Path, others: Mapping[str, Member]) -> None:
    """Read the tables that lie above all pictures: an archive often holds one folder, and all in it."""
    ids = [file.id for file in opened.files]
    above = os.path.commonprefix([id_.split("/")[:-1] for id_ in ids])
    folders = {"/".join(above[:end]) for end in range(len(above) + 1)}
    for name in TABLES:
        for id_, member in others.items():
            lies = PurePosixPath(id_)
            if (
                lies.with_suffix(".csv").name.lower() != name
                or "".join(lies.parts[:-1])
                and (str(lies.parent) not in folders)
            ):
                continue
            if lies.suffix.lower() not in (".csv", ".tsv"):
                continue
            if member.size > BYTES:
                raise BadFile(
                    f"{path}: {id_} has more than {BYTES >> 20} MiB, the most a table may"
                )
            try:
                table = read_table(path / id_, member.read(None), ids)
            except UnreadableImage as error:
                raise BadFile(f"{path}: {id_} cannot be read as a table: {error}") from error
            if table is None:
                opened.said.append(nameless(path / id_))
            else:
                opened.tables.append(table)


def _key(name: str) -> str:
    """What members about one picture share: all before the first dot of the name (WebDataset)."""
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.partition(".")[0]


def _beside(opened: _Opened, others: Mapping[str, Member]) -> dict[str, dict[str, str]]:
    """What members beside a picture, under its name, say of it: id → column → text."""
    pictures: dict[str, list[str]] = {}
    for file in opened.files:
        pictures.setdefault(_key(file.id), []).append(file.id)
    rows: dict[str, dict[str, str]] = {}
    for ending in _BESIDE:
        for id_, member in others.items():
            if not id_.lower().endswith(ending) or _key(id_) not in pictures:
                continue
            try:
                if member.size > _BESIDE_BYTES:
                    raise UnreadableImage(f"larger than {_BESIDE_BYTES >> 20} MiB")
                said = _said(ending, member.read(None))
            except UnreadableImage as error:
                opened.skipped.append((id_, str(error)))
                continue
            for picture in pictures[_key(id_)]:
                rows[picture] = said | rows.get(picture, {})
    return rows


def _said(ending: str, content: bytes) -> dict[str, str]:
    """The columns of one member: a class, a text, or the plain values of a JSON object.

    Raises:
        UnreadableImage: it is no JSON object.
    """
    if ending != ".json":
        column = "label" if ending == ".cls" else "text"
        return {column: content.decode("utf-8", "backslashreplace").strip()}
    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableImage("damaged (it is no JSON)") from error
    if not isinstance(document, dict):
        raise UnreadableImage("no JSON object, so it is not known what it says of the picture")
    return {
        str(name): str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in document.items()
        if isinstance(value, (str, int, float))
    }


def _table_of(path: Path, rows: Mapping[str, Mapping[str, str]], said: list[str]) -> Table | None:
    """What is said of pictures, as a table."""
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    most = CELLS // max(1, len(rows))
    if len(columns) > most:
        said.append(f"{path.name} says more than {CELLS:,} things of its pictures: the first count")
    columns = columns[:most]
    if not columns:
        return None
    texts = {id_: [row.get(name, "") for name in columns] for id_, row in rows.items()}
    return Table(path, columns, texts)


# ---- a folder of archives ------------------------------------------------------------------------


def _of_shards(
    root: Path,
    shards: Sequence[Found],
    skipped: list[tuple[str, str]],
    given: str | Path | bool | None,
) -> Listing:
    """The pictures of all archives of a folder: what two of them have stands behind its archive."""
    groups = Groups()
    opened: list[tuple[str, _Opened]] = []
    for shard in shards:
        try:
            opened.append((shard.id, _opened(shard, groups)))
        except Unavailable:
            raise
        except NarrowsError as error:
            skipped.append((shard.id, str(error)))
    if not opened:
        raise NoImages(
            f"none of the {len(shards)} archives in {root} can be read; {skipped[-1][1]}"
        )
    seen = Counter(file.id for _, one in opened for file in one.files)
    files: list[Found] = []
    inner: dict[str, tuple[str, str]] = {}  # id → its archive, its path there
    tables: dict[tuple[str, tuple[str, ...]], Table] = {}
    said: list[str] = []
    notes: list[str] = []
    for shard_id, one in opened:
        stem = os.path.splitext(shard_id)[0]
        names = {
            file.id: f"{stem}/{file.id}" if seen[file.id] > 1 else file.id for file in one.files
        }
        for file in one.files:
            name = names[file.id]
            while name in inner:
                name += "~2"
            names[file.id] = name
            inner[name] = stem, file.id
            files.append(file._replace(id=name))
        skipped += [(f"{shard_id}/{name}", reason) for name, reason in one.skipped]
        notes += one.notes
        said += one.said
        for table in one.tables:
            ids = [file.id for file in one.files]
            rows = dict(zip(ids, table.matched(ids), strict=True))
            mine = {names[id_]: row for id_, row in rows.items() if row is not None}
            kind = (
                table.path.name if table.path.suffix in (".csv", ".tsv") else "",
                (*table.columns,),
            )
            if kind in tables:
                tables[kind].rows.update(mine)
            else:
                tables[kind] = Table(table.path, table.columns, mine, table.notes)
    if not any(shard_id.lower().endswith(".parquet") for shard_id, _ in opened):
        files.sort(key=lambda file: natural(file.id))

    def folders(ids: Sequence[str]) -> Known:
        inside = folder_known([inner[id_][1] for id_ in ids])
        outside = folder_known([f"{_SHARD.sub('', inner[id_][0])}/x" for id_ in ids])
        if outside.split is not None:
            inside.split = outside.split
            inside.notes += outside.notes
        return inside

    ids = [file.id for file in files]
    beside, why = ([], []) if given is False else read_tables(root, given, ids)
    all_tables = beside if given else [*beside, *tables.values()]
    known, masks = known_of(
        root, False if given is False else None, ids, (all_tables, [*why, *said]), folders
    )
    files = [file for file in files if file.id not in masks]
    return Listing(files, skipped, notes, known, folders([file.id for file in files]))
