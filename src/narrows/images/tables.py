"""Tables beside pictures: bytes of a CSV file in, a row for each picture out.

    bytes ──► text ──► separator ──► which column names the pictures ──► rows by name ──► matched

Spreadsheets write one table in many ways; each guess that is made of it is a sentence in ``notes``.
"""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..errors import BadFile

__all__ = ["Table", "clean", "heading", "nameless", "read_table", "read_tables"]

TABLES = ("labels.csv", "split.csv", "metadata.csv")
SPLIT = {"split", "subset", "set", "partition", "datasplit"}  # headings of a column of parts
FILE = frozenset(
    """file files filename filenames filepath fileid image images imagename imagefile imagefilename
    imagepath imageid img imgname imgfile imgpath imgid path relativepath relpath name picture photo""".split()
)
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_SAMPLE, _BEGINNING = 50, 1 << 18  # rows, and letters at most, by which the separator is found
BYTES, _LINE, CELLS = 1 << 26, 1 << 20, 4_000_000  # of a table, a line, a table at most
_LINES = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_ABOVE = 10  # lines that may stand above those of the columns' names
_LIKE_TABLES = (".txt", ".json", ".jsonl", ".xlsx", ".xls", ".ods", ".parquet", ".yaml", ".yml")
_CALLED = frozenset(
    "label labels split splits metadata annotation annotations train test val valid".split()
)
_LOOKED_INTO = 1000  # folders below

Row = list[str]


@dataclass
class Table:
    """One CSV file: its columns' names, and rows of text by the picture they are about."""

    path: Path
    columns: list[str]
    rows: dict[str, Row]
    notes: list[str] = field(default_factory=list)

    def matched(self, ids: Sequence[str]) -> list[Row | None]:
        """The row of each picture, or None.

        By its path, below images/, or by as much of the path's end as both have and nobody else
        has; then without regard to case, and then without its suffix.
        """
        found = _exact(self.rows, ids)
        for key, _ in _WAYS:
            _by_end(self.rows, ids, key, found)
        return [None if name is None else self.rows[name] for name in found]

    def fitting(self, ids: Sequence[str]) -> list[str]:
        """How the rows fit the pictures, in sentences; none where each has its own by its name."""
        found = _exact(self.rows, ids)
        _by_end(self.rows, ids, _WAYS[0][0], found)
        said = []
        for key, words in _WAYS[1:]:
            before = sum(name is not None for name in found)
            _by_end(self.rows, ids, key, found)
            more = sum(name is not None for name in found) - before
            if more:
                said.append(f"{self.path.name}: {_pictures(more)} found by their names {words}")
        lacking = [id_ for id_, name in zip(ids, found, strict=True) if name is None]
        if len(lacking) == len(ids):
            first = next(iter(self.rows), None)
            other = "it has no row" if first is None else f"its first row is of {first!r}"
            return [
                f"{self.path.name} names none of these {len(ids):,} pictures and is left out: "
                f"{other}, the first picture is {ids[0]!r}"
            ]
        if lacking:
            said.append(
                f"{self.path.name} has no row for {len(lacking):,} of {len(ids):,} pictures, "
                f"such as {lacking[0]}"
            )
        named = {name for name in found if name is not None}
        odd = [name for name in self.rows if name not in named]
        if odd:
            said.append(
                f"{self.path.name}: {len(odd):,} of its {len(self.rows):,} rows name no picture "
                f"here, such as {odd[0]!r}"
            )
        return said


def _pictures(count: int) -> str:
    return "one picture was" if count == 1 else f"{count:,} pictures were"


def read_tables(
    root: Path, given: str | Path | bool | None, ids: Sequence[str]
) -> tuple[list[Table], list[str]]:
    """The tables of a folder, or the one that was given, and why others are left out.

    Raises:
        BadFile: a table cannot be read, or the one given names no pictures.
    """
    if given is not None and not isinstance(given, bool):
        path = Path(given)
        if not path.is_file():
            raise BadFile(f"there is no labels file {path}")
        table = _read(path, ids)
        if table is None:
            raise BadFile(f"the first column of {path} must be called file, image, path or name")
        return [table], []
    tables, notes = [], []
    there = sorted(path for path in root.iterdir() if path.suffix.lower() in (".csv", ".tsv"))
    called = {path.with_suffix(".csv").name.lower(): path for path in reversed(there)}
    for path in [called[name] for name in TABLES if name in called]:
        if path.is_file():
            table = _read(path, ids)
            if table is None:
                notes.append(nameless(path))
            else:
                tables.append(table)
    others = [
        path.name
        for path in there
        if path not in called.values() or path.with_suffix(".csv").name.lower() not in TABLES
    ]
    others += _other_tables(root, ids)
    if others:
        notes.append(
            f"not read: {', '.join(others[:3])}{', …' if len(others) > 3 else ''} (only "
            f"{', '.join(TABLES)} are, and a table that is named)"
        )
    return tables, notes


def nameless(path: Path) -> str:
    """What to say of a table that is left out."""
    return (
        f"{path.name} is left out: none of its columns names the pictures "
        "(call it file, image, path or name)"
    )


def _other_tables(root: Path, ids: Sequence[str]) -> list[str]:
    """What is called as a table and is of another kind, or lies in a folder below."""
    beside = [
        path.name
        for path in sorted(root.iterdir())
        if path.suffix.lower() in _LIKE_TABLES and path.stem.lower().strip("_") in _CALLED
    ]
    below = dict.fromkeys(folder for id_ in ids for folder in _folders(id_))
    names = (f"{folder}/{name}" for folder in islice(below, _LOOKED_INTO) for name in TABLES)
    return beside + [name for name in names if (root / name).is_file()]


def _folders(id_: str) -> list[str]:
    """a and a/b of a/b/1.png."""
    pieces = id_.split("/")[:-1]
    return ["/".join(pieces[: end + 1]) for end in range(len(pieces))]


def clean(name: str) -> str:
    """A picture's name as ids are written; of an address its path."""
    if "://" in name:
        name = unquote(urlsplit(name.strip()).path)
    name = name.strip().replace("\\", "/")
    while name.startswith("./"):
        name = name[2:]
    return name


def heading(name: str) -> str:
    """A column's name for comparison: image_ID and ImageId are imageid."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).lower())


# ---- reading -------------------------------------------------------------------------------------


def _read(path: Path, ids: Sequence[str]) -> Table | None:
    try:
        if path.stat().st_size > BYTES:
            raise _unreadable(path, f"it has more than {BYTES >> 20} MiB, the most it may")
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    return read_table(path, content, ids)


def read_table(path: Path, content: bytes, ids: Sequence[str]) -> Table | None:
    """The table of a file's bytes; None where no column names the pictures.

    Raises:
        BadFile: it cannot be read as one.
    """
    known = {key for id_ in ids for key in _hints(id_)}
    try:
        text, coding = _decoded(content)
        separator, start = _separator(_beginning(text), known)
        lines, cells = [], 0
        for line in _lines(text[start:] if start else text, separator):
            cells += len(line)
            if any(map(str.strip, line)):
                lines.append(line)
            if max(cells, len(lines) * len(lines[0]) if lines else 0) > CELLS:
                raise _unreadable(path, f"it has more than {CELLS:,} cells, the most it may")
        lines, above = _without_title(lines, known)
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, error) from error
    if not lines:
        return None
    place, header = _name_column(lines, known, len(ids))
    if place is None:
        return None
    if coding == "cp1252" and not _hits(lines, known)[place]:
        raise _unreadable(path, "it is not UTF-8")
    notes = []
    if above:
        notes.append(f"{path.name}: {above!r}, above the columns' names, is left out")
    if coding == "cp1252":
        notes.append(
            f"{path.name} is not UTF-8 and was read as cp1252 (western European): save it as UTF-8 "
            "if its words look wrong"
        )
    elif coding not in ("utf-8-sig", "ascii"):
        notes.append(f"{path.name} is not UTF-8 and was read as {coding}")
    if separator != ",":
        shown = {"\t": "tabs"}.get(separator, separator)
        notes.append(f"the columns of {path.name} are separated by {shown}")
    if header is None:
        others = len(lines[0]) - 1
        header = [f"column {i + 1}" for i in range(len(lines[0]))]
        if others == 1:
            header[1 - place] = "label"
        notes.append(
            f"{path.name} has no line with its columns' names: column {place + 1} names the "
            f"pictures, and the others are called {', '.join(_without(header, place))}"
        )
    else:
        lines = lines[1:]
        if heading(header[place]) not in FILE:
            notes.append(
                f"{path.name}: its column {header[place]!r} is taken as the pictures' names"
            )
    if torn := [line for line in lines if len(line) != len(header)]:
        notes.append(
            f"{path.name}: {len(torn):,} of its rows have not {len(header)} cells, such as "
            f"{separator.join(torn[0])[:60]!r}: what is too much is left out, what lacks is empty (text "
            "with separators in it stands in quotes)"
        )
    rows, again = _rows(lines, place, len(header))
    if again:
        notes.append(
            f"{path.name} has {len(again):,} names twice with other values, such as {again[0]!r}: "
            "the last row counts, and where the two name another part of the split the picture "
            "is in none"
        )
    columns, kept = _without(header, place), {}
    if blank := [i for i, name in enumerate(columns) if not name or _INDEX.fullmatch(name)]:
        columns = [name for i, name in enumerate(columns) if i not in blank]
        kept = {name: [c for i, c in enumerate(r) if i not in blank] for name, r in rows.items()}
        notes.append(f"{path.name}: {len(blank)} columns without a name are left out")
    table = Table(path, columns, kept or rows, notes)
    _torn(table, again)
    return table


_INDEX = re.compile(r"unnamed: \d+", re.IGNORECASE)  # what pandas calls it on its way back


def _unreadable(path: Path, why: object) -> BadFile:
    return BadFile(f"{path} cannot be read as a table ({why}); repair it or pass labels=False")


def _decoded(content: bytes) -> tuple[str, str]:
    """The text and what it was written in: UTF-8, UTF-16 or 32, else Windows' western code page."""
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return content.decode("utf-32"), "utf-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16"), "utf-16"
    if b"\0" in content[:4]:
        coding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
        return content.decode(coding), coding
    try:
        return content.decode("utf-8-sig"), "utf-8-sig"
    except UnicodeDecodeError:
        return content.decode("cp1252"), "cp1252"


def _without_title(lines: list[Row], known: set[str]) -> tuple[list[Row], str]:
    """The lines from the columns' names on, where a title or remarks of one cell stand above them."""
    for number, line in enumerate(lines[:_ABOVE]):
        if len(line) > 1 and any(heading(name) in FILE for name in line):
            above = lines[:number]
            if number and all(len(one) <= 1 or not any(one[1:]) for one in above):
                if not any(_hits(above, known)):
                    return lines[number:], " ".join(above[0]).strip()[:60]
            break
    return lines, ""


def _lines(text: str, separator: str) -> Iterator[Row]:
    return csv.reader(_physical(text), delimiter=separator, skipinitialspace=True)


def _physical(text: str) -> Iterator[str]:
    for found in _LINES.finditer(text):
        if len(found[0]) > _LINE:
            raise csv.Error(f"a line of {len(found[0]):,} characters")
        yield found[0]


def _beginning(text: str) -> str:
    """Whole lines, where there are any."""
    return (
        text
        if len(text) <= _BEGINNING
        else text[: text.rfind("\n", 0, _BEGINNING) + 1 or _BEGINNING]
    )


def _separator(text: str, known: set[str]) -> tuple[str, int]:
    """What stands between columns, and where the table begins (after a spreadsheet's ``sep=;``)."""
    if said := re.match(r"\s*\"?sep=(.)\"?[^\S\r\n]*(\r\n|\n|\r)", text, re.IGNORECASE):
        return said[1], said.end()

    def fits(separator: str) -> tuple[int, bool, bool, int]:
        try:
            lines = [line for line in islice(_lines(text, separator), _SAMPLE) if line]
        except csv.Error:
            return 0, False, False, 0
        if not lines:
            return 0, False, False, 0
        wide = len(lines[0])
        named = any(heading(name) in FILE for name in lines[0])
        same = sum(len(line) == wide for line in lines) * 10 >= 9 * len(lines)
        return max(_hits(lines, known), default=0), named, same and wide > 1, wide

    return max((",", ";", "\t", "|"), key=fits), 0


def _hints(id_: str) -> tuple[str, str]:
    name = _folded(id_.rsplit("/", 1)[-1])
    return name, _bare(name)


def _hits(lines: Sequence[Row], known: set[str]) -> list[int]:
    """For each column how many different pictures it seems to name."""
    wide = max(map(len, lines))
    seen: list[set[str]] = [set() for _ in range(wide)]
    for line in lines:
        for place, cell in enumerate(line):
            name = _folded(clean(cell).rsplit("/", 1)[-1])
            if name and (name in known or _bare(name) in known):
                seen[place].add(name)
    return [len(each) for each in seen]


def _name_column(lines: Sequence[Row], known: set[str], n: int) -> tuple[int | None, Row | None]:
    """Which column names the pictures, and the columns' names where the first line has them.

    One that is called so; else one that names at least half of the pictures.
    """
    hits = _hits(lines, known)
    first = [unicodedata.normalize("NFC", name.strip()) for name in lines[0]]
    called = [i for i, name in enumerate(first) if heading(name) in FILE]
    most = max(range(len(hits)), key=lambda i: (hits[i], -i))
    enough = 2 * hits[most] >= n and most < len(first)
    if called:
        place = max(called, key=lambda i: (hits[i] > 0, -i))
        return (place if hits[place] or not enough else most), first
    if not hits[most] or not enough:
        return None, None
    data = _SUFFIX.search(first[most]) or any(_hits([[first[most]]], known))
    return most, None if data else first


def _without(cells: Sequence[str], place: int) -> Row:
    return [cell for i, cell in enumerate(cells) if i != place]


def _rows(lines: Sequence[Row], place: int, wide: int) -> tuple[dict[str, Row], list[str]]:
    """Cells by the picture's name, and the names that stand there twice with other cells."""
    rows: dict[str, Row] = {}
    again: dict[str, None] = {}
    for line in lines:
        if place >= len(line) or not (name := clean(line[place])):
            continue
        cells = [cell.strip() for cell in (line + [""] * wide)[:wide]]
        cells = _without(cells, place)
        if rows.get(name, cells) != cells:
            again[name] = None
            cells = [a if a == b else f"{b}\0{a}" for a, b in zip(cells, rows[name], strict=True)]
        rows[name] = cells
    return rows, list(again)


def _torn(table: Table, again: Sequence[str]) -> None:
    """Where rows of one picture differ: the last value, or none where it is the split's."""

    for name in again:
        row = table.rows[name]
        for place, cell in enumerate(row):
            if "\0" in cell:
                of_split = heading(table.columns[place]) in SPLIT
                row[place] = "" if of_split else cell.rsplit("\0", 1)[-1]


# ---- names ---------------------------------------------------------------------------------------


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _bare(name: str) -> str:
    return _SUFFIX.sub("", name)


Key = Callable[[str], tuple[str, ...]]

_WAYS: tuple[tuple[Key, str], ...] = (
    (lambda name: (unicodedata.normalize("NFC", name),), ""),
    (lambda name: (_folded(name),), "without regard to case"),
    (lambda name: (_folded(name), _bare(_folded(name))), "without suffix"),
)
"""What of a name is compared: itself, without case, without suffix (of a row also with it)."""


def _exact(rows: dict[str, Row], ids: Sequence[str]) -> list[str | None]:
    found = [id_ if id_ in rows else id_.removeprefix("images/") for id_ in ids]
    return [name if name in rows else None for name in found]


def _by_end(rows: dict[str, Row], ids: Sequence[str], key: Key, found: list[str | None]) -> None:
    """Fill ``found`` where the end of a picture's path and of a row's are the same, and of no others."""
    if all(name is not None for name in found):
        return
    theirs: dict[str, str | None] = {}
    deepest = max(id_.count("/") for id_ in ids) + 1
    for row in rows:
        for end in {end for each in key(row) for end in _ends(each, deepest)}:
            theirs[end] = None if end in theirs else row
    ours = [_ends(key(id_)[-1], deepest) for id_ in ids]
    seen = Counter(end for ends in ours for end in ends)
    taken = {name for name in found if name is not None}
    for place, ends in enumerate(ours):
        if found[place] is None:
            name = next((theirs[end] for end in ends if seen[end] == 1 and theirs.get(end)), None)
            if name is not None and name not in taken:
                found[place] = name


def _ends(path: str, most: int) -> list[str]:
    """a/b/c, b/c and c: those of at most so many parts."""
    parts = path.rsplit("/", most)[-most:]
    return ["/".join(parts[i:]) for i in range(len(parts))]
