"""What is known about the pictures of a folder: a CSV file beside them, or their folders' names.

    file,hair,eyes                labels.csv, split.csv or metadata.csv in the folder; the first
    00002.jpg,blonde,pink         column names the picture, the others what is known of it

A column called split, subset or set becomes the official split, one called person, identity, group
or subject the groups; columns of masks only say which files are no pictures.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadFile

__all__ = [
    "Known", "Table", "class_names", "column", "folder_known", "known_labels", "mask_files", "read_tables",
    "table_known",
]  # fmt: skip

Array = np.ndarray[Any, Any]

TABLES = ("labels.csv", "split.csv", "metadata.csv")
FILE = {"file", "image", "path", "filename", "file_name", "name"}
SPLIT = {"split", "subset", "set"}
GROUP = {"person", "group", "identity", "subject"}
MASK = {"mask", "masks", "annotation", "target"}
UNKNOWN = ("", "nan", "none", "None")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass
class Table:
    """One CSV file: lower-case column names, and rows of text by the picture they are about."""

    path: Path
    columns: list[str]
    rows: dict[str, list[str]]


@dataclass
class Known:
    """Columns of N values each, for N pictures. ``metadata`` has every column."""

    labels: dict[str, Array] = field(default_factory=dict)
    metadata: dict[str, Array] = field(default_factory=dict)
    groups: Array | None = None
    split: Array | None = None


def read_tables(root: Path, given: str | Path | bool | None = None) -> list[Table]:
    """The tables of a folder, or the one that was given.

    Raises:
        BadFile: a table cannot be read, or the one given names no pictures in its first column.
    """
    if given is not None and not isinstance(given, bool):
        path = Path(given)
        if not path.is_file():
            raise BadFile(f"there is no labels file {path}")
        table = _read(path)
        if table is None:
            raise BadFile(f"the first column of {path} must be called file, image, path or name")
        return [table]
    tables = [_read(root / name) for name in TABLES if (root / name).is_file()]
    return [table for table in tables if table is not None]


def _read(path: Path) -> Table | None:
    try:
        with open(path, newline="", encoding="utf-8-sig") as opened:
            lines = csv.reader(opened)
            header = [name.strip() for name in next(lines, [])]
            if not header or header[0].lower() not in FILE:
                return None
            rows = {_clean(line[0]): line[1:] for line in lines if line}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadFile(
            f"{path} cannot be read as a table ({error}); repair it or pass labels=False"
        ) from error
    return Table(path, header[1:], rows)


def _clean(name: str) -> str:
    name = name.strip().replace("\\", "/")
    return name[2:] if name.startswith("./") else name


def mask_files(tables: Sequence[Table], ids: Sequence[str]) -> set[str]:
    """The ids that a column of masks names."""
    present = set(ids)
    named: set[str] = set()
    for table in tables:
        for place, name in enumerate(table.columns):
            if name.lower() in MASK:
                for row in table.rows.values():
                    if place < len(row):
                        mask = _clean(row[place])
                        named.update({mask, f"images/{mask}"} & present)
    return named


def table_known(tables: Sequence[Table], ids: Sequence[str]) -> Known:
    """Put the columns of the tables in the order of ``ids``. Of a name in two tables the first counts."""
    known = Known()
    persons: dict[str, Array] = {}
    for table in tables:
        places = _matched(table, ids)
        for place, name in enumerate(table.columns):
            texts = [
                row[place].strip() if row is not None and place < len(row) else "" for row in places
            ]
            if name in known.metadata or not name or not any(texts):
                continue
            values = column(texts)
            known.metadata[name] = values
            kind = name.lower()
            if kind in SPLIT and known.split is None:
                known.split = _split(texts)
            elif kind in GROUP:
                persons[name] = values
                if known.groups is None:
                    alone = [text or f"\0{id_}" for text, id_ in zip(texts, ids, strict=True)]
                    known.groups = np.array(alone)
            elif kind not in MASK:
                known.labels[name] = values
    known.labels |= persons
    return known


def _matched(table: Table, ids: Sequence[str]) -> list[list[str] | None]:
    """The row of each picture: by its path, below images/, or by its bare name where that is unique."""
    rows = table.rows
    bare: dict[str, list[str] | None] = {}
    for path, row in rows.items():
        name = path.rsplit("/", 1)[-1]
        bare[name] = None if name in bare else row
    names = [id_.rsplit("/", 1)[-1] for id_ in ids]
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return [
        rows.get(id_)
        or rows.get(id_.removeprefix("images/"))
        or (bare.get(name) if seen[name] == 1 else None)
        for id_, name in zip(ids, names, strict=True)
    ]


def column(texts: Sequence[str]) -> Array:
    """Texts as int64, as float64 with NaN for the empty ones, or as they are."""
    try:
        if all(texts):
            return np.array([int(text) for text in texts], dtype=np.int64)
    except (ValueError, OverflowError):
        pass
    try:
        return np.array([float(text) if text else np.nan for text in texts])
    except ValueError:
        return np.array(texts)


def _split(texts: Sequence[str]) -> Array | None:
    """The official split, or None where a value is not one of its names."""
    names = [SPLIT_NAMES.get(text.lower()) for text in texts]
    return None if None in names else np.array(names)


def folder_known(ids: Sequence[str]) -> Known:
    """Split and label from folders: train/cat/1.png, or cat/1.png.

    Folders train, validation and test at the top are the split where every picture lies in one.
    The first folder in which pictures differ is the label, where there are at least two.
    """
    known = Known()
    parts = [id_.split("/")[:-1] for id_ in ids]
    if parts and all(part and part[0].lower() in SPLIT_NAMES for part in parts):
        names = np.array([SPLIT_NAMES[part[0].lower()] for part in parts])
        if len(set(names.tolist())) > 1:
            known.split = names
            parts = [part[1:] for part in parts]
    while all(parts) and len({part[0] for part in parts}) == 1:
        parts = [part[1:] for part in parts]
    if all(parts):
        classes = np.array([part[0] for part in parts])
        if len(set(classes.tolist())) > 1:
            known.labels["folder"] = classes
    return known


def class_names(values: Any) -> Array:
    """Labels of any kind as names (N,); what is not known (empty, NaN) is an empty one."""
    flat = np.asarray(values).ravel()
    if flat.dtype.kind == "f":
        whole = bool((flat[np.isfinite(flat)] % 1 == 0).all())
        flat = np.array(["" if np.isnan(v) else str(int(v) if whole else v) for v in flat.tolist()])
    names = np.array([str(v).strip() for v in flat.tolist()], dtype=np.str_)
    names[np.isin(names, UNKNOWN)] = ""
    return names


def known_labels(source: Any, given: str | None = None) -> tuple[str, Array] | None:
    """The labels (N,) of a source and what they are; None where nothing is given and none known.

    Args:
        source: Images, or a part of some.
        given: a column of its labels or metadata; a CSV file whose first column names the pictures,
            or FILE.csv:COLUMN; a .npy file of N values. By default its main label.

    Raises:
        ValueError: no such column, or not a value for each picture.
        BadFile: the file is missing or damaged.
    """
    columns = {**getattr(source, "metadata", {}), **getattr(source, "labels", {})}
    if given is None:
        return next(iter(dict(getattr(source, "labels", {})).items()), None)
    if given in columns:
        return given, np.asarray(columns[given])
    if given.lower().endswith(".npy"):
        return Path(given).stem, _label_array(given, len(source))
    file, colon, name = given.rpartition(":")
    file, name = (file, name) if colon and file.lower().endswith(".csv") else (given, "")
    if not file.lower().endswith(".csv"):
        known = f"those of these pictures are {', '.join(columns)}" if columns else "they have none"
        raise ValueError(
            f"there are no labels {given!r}: {known}; a .csv or .npy file may be named"
        )
    ids = getattr(source, "ids", None) or map(str, range(len(source)))
    found = table_known(read_tables(Path(), file), list(ids)).labels
    if name and name not in found or not found:
        raise ValueError(
            f"{file} says {', '.join(found) or 'nothing'} of these pictures, and not {name!r}"
            if name
            else f"{file} says nothing of these pictures: its first column holds their names"
        )
    return (name, found[name]) if name else next(iter(found.items()))


def _label_array(file: str, n: int) -> Array:
    try:
        values = np.load(file, allow_pickle=False)
    except FileNotFoundError as error:
        raise BadFile(f"there is no labels file {file}") from error
    except (OSError, ValueError, EOFError) as error:
        raise BadFile(f"{file} cannot be read as labels: {error}") from error
    if values.shape != (n,):
        raise ValueError(
            f"{file} must hold a label for each of the {n} pictures, got {values.shape}"
        )
    return np.asarray(values)
