"""What is known about the pictures of a folder: a CSV file beside them, or their folders' names.

    file,hair,eyes                labels.csv, split.csv or metadata.csv in the folder; a column
    00002.jpg,blonde,pink         names the picture, the others what is known of it

A column called split, subset or set becomes the official split, one called person, identity, group
or subject the groups; columns of masks only say which files are no pictures. A picture of which the
official split does not say a part is in none. Whatever is left out or guessed is a sentence in
``notes``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadFile
from .npy import npy
from .tables import SPLIT, Table, clean, heading, read_tables

__all__ = [
    "Known",
    "class_names",
    "column",
    "folder_known",
    "known_labels",
    "known_of",
    "part_named",
]

Array = np.ndarray[Any, Any]

GROUP = {"person", "group", "identity", "subject", "personid", "subjectid", "patient", "patientid"}
MASK = {"mask", "masks", "annotation", "target"}
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "trainset": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "valset": "validation",
    "test": "test",
    "testing": "test",
    "testset": "test",
    "eval": "test",
    "evaluation": "test",
    "holdout": "test",
    "trainingsdaten": "train",
    "trainingsbilder": "train",
    "validierung": "validation",
    "validierungsdaten": "validation",
    "testdaten": "test",
    "testbilder": "test",
}
_IS = {"istrain": "train", "istraining": "train", "istrainingimage": "train", "istest": "test"}
_TRUE, _FALSE = ("1", "true", "yes"), ("0", "false", "no")
_PLAIN = {
    "",
    "set",
    "data",
    "dataset",
    "split",
    "part",
    "images",
    "image",
    "imgs",
    "img",
    "pictures",
}
_CHARACTERS = 1 << 26  # of a column in memory, where each text is as long as the longest
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")


@dataclass
class Known:
    """Columns of N values each, for N pictures. ``metadata`` has every column."""

    labels: dict[str, Array] = field(default_factory=dict)
    metadata: dict[str, Array] = field(default_factory=dict)
    groups: Array | None = None
    split: Array | None = None
    notes: list[str] = field(default_factory=list)

    def select(self, rows: Array) -> Known:
        """The same of some of the pictures, by their positions."""
        return replace(
            self,
            labels={name: values[rows] for name, values in self.labels.items()},
            metadata={name: values[rows] for name, values in self.metadata.items()},
            groups=None if self.groups is None else self.groups[rows],
            split=None if self.split is None else self.split[rows],
        )


def part_named(text: str) -> str | None:
    """The part of a split that a text names: Train, training set, train2017, val_images; or None."""
    words = [word for word in re.split(r"[\W_\d]+", text.strip().lower()) if word not in _PLAIN]
    return SPLIT_NAMES.get(words[0]) if len(words) == 1 else None


def _with_part(name: str) -> bool:
    """Whether one of a folder's words names a part."""
    return any(word in SPLIT_NAMES for word in re.split(r"[\W_\d]+", name.lower()))


def _parts_beside(names: Iterable[str]) -> dict[str, str]:
    """Folders beside each other that name parts, each alone (train) or with the same words (seg_train).

    The name → its part.
    """
    found = {name: part for name in names if (part := part_named(name)) is not None}
    groups: dict[str, dict[str, str]] = {}
    for name in names:
        words = [word for word in re.split(r"[\W_\d]+", name.lower()) if word]
        parts = [word for word in words if word in SPLIT_NAMES]
        if len(parts) == 1 and name not in found:
            words.remove(parts[0])
            groups.setdefault(" ".join(words), {})[name] = SPLIT_NAMES[parts[0]]
    for group in groups.values():
        if len(set(group.values())) > 1 and "train" in group.values():
            found |= group
    return found


def known_of(
    root: Path,
    given: str | Path | bool | None,
    ids: Sequence[str],
    inside: tuple[list[Table], list[str]] | None = None,
    folders: Callable[[Sequence[str]], Known] | None = None,
) -> tuple[Known, set[str]]:
    """What tables and folders' names say of the pictures, and which ids are masks of others.

    Tables go first; of what they do not say, folders' names give the split, and the label where no
    table fits. The columns have a value for each id that is no mask, in their order.

    Args:
        root: the folder.
        given: a CSV file, or False for none; None takes those in the folder.
        ids: of the pictures.
        inside: the tables of an archive and what has to be said of them, instead of the folder's.
        folders: what folders' names say of some ids, if these are not the pictures' own paths.

    Raises:
        BadFile: a table cannot be read, or the one given names no pictures.
    """
    tables: list[Table] = []
    notes: list[str] = []
    if given is None and inside is not None:
        tables, notes = inside
    elif given is not False:
        tables, notes = read_tables(root, given, ids)
    masks = _mask_files(tables, ids)
    if masks:
        notes.append(f"{len(masks):,} files are masks by a table's column: they are no pictures")
        ids = [id_ for id_ in ids if id_ not in masks]
    if given is False or not ids:
        return Known(notes=notes), masks
    known, named = _table_known(tables, ids), (folders or folder_known)(ids)
    known.notes[:0] = notes
    if known.split is None and named.split is not None:
        known.split = named.split
        known.notes += named.notes
    elif known.split is not None and named.split is not None:
        both = (known.split != "") & (named.split != "")
        if differing := int((both & (known.split != named.split)).sum()):
            known.notes.append(
                f"{differing:,} pictures lie in a folder of another part than the table names: "
                "the table counts"
            )
    elif not known.metadata:
        known.notes += named.notes
    if not known.metadata:
        known.labels = named.labels
    return known, masks


def _mask_files(tables: Sequence[Table], ids: Sequence[str]) -> set[str]:
    """The ids that a column of masks names."""
    present = set(ids)
    named: set[str] = set()
    for table in tables:
        for place, name in enumerate(table.columns):
            if heading(name) in MASK:
                for row in table.rows.values():
                    if place < len(row):
                        mask = clean(row[place])
                        named.update({mask, f"images/{mask}"} & present)
    return named


def _table_known(tables: Sequence[Table], ids: Sequence[str]) -> Known:
    """Put the columns of the tables in the order of ``ids``. Of a name in two tables the first counts."""
    known = Known()
    persons: dict[str, Array] = {}
    for table in tables:
        known.notes += table.fitting(ids)
        places = table.matched(ids)
        if not any(row is not None for row in places):
            continue
        known.notes += table.notes
        for place, name in enumerate(table.columns):
            texts = [row[place] if row is not None else "" for row in places]
            if name in known.metadata:
                again = table.columns.count(name) > 1
                known.notes.append(
                    f"{table.path.name}: {'it' if again else 'another table'} has the column {name!r}, "
                    f"too: the first {'one' if again else 'table'} counts"
                )
                continue
            if not any(texts):
                continue
            if (longest := max(map(len, texts))) * len(texts) > _CHARACTERS:
                known.notes.append(
                    f"{table.path.name}, column {name!r}: a text of {longest:,} characters; it is "
                    "left out"
                )
                continue
            kind = heading(name)
            if kind not in SPLIT and known.split is None and (told := _told_parts(kind, texts)):
                kind, texts = "split", told
                known.notes.append(
                    f"{table.path.name}: the column {name!r} names parts of a split and is taken as one"
                )
            values = np.array(texts) if kind in SPLIT else column(texts)
            known.metadata[name] = values
            if kind in SPLIT:
                split, said = _split(texts, ids, f"{table.path.name}, column {name!r}", kind)
                if known.split is not None and split is not None:
                    said.append(
                        f"{table.path.name}, column {name!r}: an earlier column is the split"
                    )
                known.split = split if known.split is None else known.split
                known.notes += said
            elif kind in GROUP:
                persons[name] = values
                if known.groups is None:
                    alone = [text or f"\0{id_}" for text, id_ in zip(texts, ids, strict=True)]
                    known.groups = np.array(alone)
            elif kind not in MASK:
                known.labels[name] = values
                known.notes += _mixed(texts, f"{table.path.name}, column {name!r}")
    known.labels |= persons
    return known


def _told_parts(kind: str, texts: Sequence[str]) -> list[str]:
    """The parts that a column under another heading names: is_train, or train and test in all its cells."""
    told = {text.lower() for text in texts if text}
    if kind in _IS and told <= {*_TRUE, *_FALSE}:
        other = "test" if _IS[kind] == "train" else "train"
        return [text and (_IS[kind] if text.lower() in _TRUE else other) for text in texts]
    parts = {SPLIT_NAMES.get(text) for text in told}
    return list(texts) if None not in parts and "train" in parts and len(parts) > 1 else []


def column(texts: Sequence[str]) -> Array:
    """Texts as int64, as float64 with NaN for the empty ones, or as they are.

    They are numbers only where each is written as one and no two that differ become the same: 01, 1
    and 001 stay three texts, and so do 10 and 10.0, 1_2, nan and NA.
    """
    told = {text for text in texts if text}
    if not all(map(_is_number, told)) or len({float(text) for text in told}) < len(told):
        return np.array(texts)
    whole = all("." not in text and "e" not in text.lower() for text in told)
    if whole and all(texts) and all(abs(int(text)) < 2**63 for text in told):
        return np.array([int(text) for text in texts], dtype=np.int64)
    if whole and any(int(float(text)) != int(text) for text in told):
        return np.array(texts)
    return np.array([float(text) if text else np.nan for text in texts])


def _is_number(text: str) -> bool:
    if _NUMBER.fullmatch(text):
        return text != "-0" and bool(np.isfinite(float(text)))
    try:
        return bool(np.isfinite(float(text))) and repr(float(text)) == text
    except ValueError:
        return False


def _mixed(texts: Sequence[str], where: str) -> list[str]:
    """What to say of a column of numbers that a few words make one of texts."""
    told = {text for text in texts if text}
    words = sorted(text for text in told if not _is_number(text))
    if not words or 2 * len(words) > len(told):
        return []
    return [f"{where}: {words[0]!r} is no number, so all of its values are names"]


def _split(
    texts: Sequence[str], ids: Sequence[str], where: str, kind: str
) -> tuple[Array | None, list[str]]:
    """The official split, '' where it is not said; and what has to be told of it.

    A column without one part's name is no split; where it is called split, it is one that says
    nothing, so that nobody divides anew what was divided.
    """
    names = [part_named(text) for text in texts]
    odd = sorted({text for text, name in zip(texts, names, strict=True) if text and name is None})
    shown = ", ".join(map(repr, odd[:3])) + (", …" if len(odd) > 3 else "")
    if not any(names):
        if kind in ("set", "subset"):
            return None, [f"{where} holds {shown}, which are no parts of a split: it is none"]
        return np.full(len(texts), "", "<U10"), [
            f"{where} holds {shown}, which are no parts of a split (train, validation, test): "
            "no picture is in a part"
        ]
    out = [id_ for id_, name in zip(ids, names, strict=True) if name is None]
    said = []
    if out:
        values = f" ({shown} is no part)" if odd else ""
        said.append(
            f"{where} names no part for {len(out):,} of {len(ids):,} pictures{values}, such as "
            f"{out[0]}: they are neither trained on nor tested"
        )
    return np.array([name or "" for name in names], "<U10"), said


# ---- folders -------------------------------------------------------------------------------------


def folder_known(ids: Sequence[str]) -> Known:
    """Split and label from folders: train/cat/1.png, archive/train/cat/1.png, or cat/1.png.

    Two folders beside each other that are called as parts are the split, at whatever depth; what
    lies beside them is in no part, or in train where no folder is. The first folder in which
    pictures differ is the label, where there are at least two.
    """
    known = Known()
    parts = [id_.split("/")[:-1] for id_ in ids]
    called = _parts_beside({name for part in parts for name in part})
    places = _split_places(parts, called)
    if places is not None:
        names = [
            called[part[place]] if place is not None else None
            for part, place in zip(parts, places, strict=True)
        ]
        rest = "" if "train" in names else "train"
        known.split = np.array([name or rest for name in names], "<U10")
        others = [id_ for id_, name in zip(ids, names, strict=True) if name is None]
        if others:
            folders = " and ".join(sorted({name for name in names if name}))
            fate = "are taken as train" if rest else "are neither trained on nor tested"
            known.notes.append(
                f"{len(others):,} pictures lie beside the folders of {folders}, such as "
                f"{others[0]}: they {fate}"
            )
        parts = [
            part if place is None else part[:place] + _without_parts(part[place + 1 :], called)
            for part, place in zip(parts, places, strict=True)
        ]
    elif alone := {part[0] for part in parts if part and part_named(part[0])}:
        if any(not part or part[0] not in alone for part in parts):
            name = min(alone)
            known.notes.append(
                f"the folder {name} is taken as a class: no folder beside it is called as another "
                "part of a split"
            )
    elif odd := sorted({part[0] for part in parts if part and _with_part(part[0])}):
        shown = ", ".join(odd[:3]) + (", …" if len(odd) > 3 else "")
        known.notes.append(f"folders called {shown} are taken as classes, and no part of a split")
    while (inside := [part for part in parts if part]) and 2 * len(inside) > len(parts):
        if len({part[0] for part in inside}) > 1:
            break
        parts = [part[1:] for part in parts]
    else:
        if len({part[0] for part in inside}) > 1:
            known.notes.append(
                f"{len(inside):,} of {len(parts):,} pictures lie in folders and most beside them: "
                "folders are taken as no classes"
            )
        return known
    known.labels["folder"] = np.array([part[0] if part else "" for part in parts])
    if loose := [id_ for id_, part in zip(ids, parts, strict=True) if not part]:
        known.notes.append(
            f"{len(loose):,} pictures lie beside the folders that are the classes, such as "
            f"{loose[0]}: they have no label"
        )
    return known


def _without_parts(folders: Sequence[str], called: Mapping[str, str]) -> list[str]:
    """The folders after one of a part, without the same once more (seg_train/seg_train/sea)."""
    return list(itertools.dropwhile(called.__contains__, folders))


def _split_places(
    parts: Sequence[Sequence[str]], called: Mapping[str, str]
) -> list[int | None] | None:
    """Where in each path the folder of its part stands, or None where folders are no split.

    The depth at which all paths have one is preferred, then one where two parts are named, then
    wherever each path has its first.
    """
    depth = max(map(len, parts), default=0)
    levels = [
        [level if level < len(part) and part[level] in called else None for part in parts]
        for level in range(depth)
    ]

    def named(places: Sequence[int | None]) -> set[str | None]:
        return {
            called[part[place]]
            for part, place in zip(parts, places, strict=True)
            if place is not None
        }

    two = [places for places in levels if len(named(places)) > 1]
    whole = [places for places in two if None not in places]
    if whole or two:
        return (whole or two)[0]
    first = [
        next((level for level, name in enumerate(part) if name in called), None) for part in parts
    ]
    if len(named(first)) > 1 or (named(first) & {"test", "validation"} and None in first):
        return first
    return None


def class_names(values: Any) -> Array:
    """Labels of any kind as names (N,); what is not known (empty, NaN, None) is an empty one.

    The texts nan, none and NA are names like any other.
    """
    flat = np.asarray(values).ravel()
    if flat.dtype.kind == "f":
        whole = bool((flat[np.isfinite(flat)] % 1 == 0).all())
        flat = np.array(["" if np.isnan(v) else str(int(v) if whole else v) for v in flat.tolist()])
    known = [
        "" if value is None or value != value else str(value).strip() for value in flat.tolist()
    ]
    return np.array(known, dtype=np.str_)


def known_labels(
    source: Any, given: str | None = None, said: list[str] | None = None
) -> tuple[str, Array] | None:
    """The labels (N,) of a source and what they are; None where nothing is given and none known.

    Args:
        source: Images, or a part of some.
        given: a column of its labels or metadata; a CSV file whose first column names the pictures,
            or FILE.csv:COLUMN; a .npy file of N values. By default its main label.
        said: what a table made us guess or leave out is added to it.

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
    tables, notes = read_tables(Path(), file, list(ids))
    read = _table_known(tables, list(ids))
    found = read.labels
    if said is not None:
        said += notes + read.notes
    if name and name not in found or not found:
        raise ValueError(
            f"{file} says {', '.join(found) or 'nothing'} of these pictures, and not {name!r}"
            if name
            else f"{file} says nothing of these pictures: its first column holds their names"
        )
    return (name, found[name]) if name else next(iter(found.items()))


def _label_array(file: str, n: int) -> Array:
    if not Path(file).is_file():
        raise BadFile(f"there is no labels file {file}")
    try:
        values = npy(file)
    except BadFile as error:
        raise BadFile(f"{file} cannot be read as labels: {error.__cause__ or error}") from error
    if values.shape != (n,):
        raise ValueError(
            f"{file} must hold a label for each of the {n} pictures, got {values.shape}"
        )
    return np.asarray(values)
