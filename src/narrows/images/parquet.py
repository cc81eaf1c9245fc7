"""Pictures in a column of a .parquet file, as data sets of the Hugging Face hub have them.

schema ──► which column holds pictures ──► row groups, one at a time ──► bytes of a row
       └─► the other columns ──► texts about each row (numbers of classes as their names)
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from ..errors import BadFile, Unavailable, UnreadableImage
from .members import MEMBER_BYTES, MEMBERS, Contents, Member, clean_name, told
from .npy import FREE, RATIO
from .walk import printable

__all__ = ["Groups", "parquet_contents"]

GROUP_BYTES = 1 << 30  # of a row group's pictures
BUFFER = 1 << 16  # bytes of a column that are read ahead
AT_ONCE = 1 << 27  # bytes that the rows of one batch may become
_ROWS = 65536
KEPT = 2  # row groups in memory, of all archives together
_NAMES = ("image", "img", "picture", "photo", "pixel_values", "bytes", "jpg", "png", "content")
_TEXTS = 1 << 28  # bytes of a column beside the pictures
_CELLS = 4_000_000  # of all columns together


class Groups:
    """The pictures of the row groups that were read last; threads may ask for them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Path, int], Any] = OrderedDict()
        self._lock = Lock()

    def column(self, path: Path, group: int, column: str) -> Any:
        """The bytes of a row group, by its rows; or the reason why it cannot be read."""
        key = path, group
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            while len(self._kept) >= KEPT:
                self._kept.popitem(last=False)
            try:
                self._kept[key] = _read_group(path, group, column)
            except (FileNotFoundError, PermissionError):
                raise  # asked again, it may be there
            except Exception as error:  # parsers given hostile bytes raise anything at all
                reason = " ".join(str(error).split())[:120] or type(error).__name__
                self._kept[key] = f"damaged (its part of the archive cannot be read: {reason})"
            return self._kept[key]


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise Unavailable(
            ".parquet files need pyarrow: run pip install 'narrows[collections]'"
        ) from error
    return pyarrow.parquet


def parquet_contents(path: Path, groups: Groups) -> Contents:
    """The rows of a .parquet file, by the path that each picture has there, else by their numbers.

    Args:
        groups: what is in memory of this and of other files.

    Raises:
        BadFile: it is damaged, has no column of pictures, or claims more than can be trusted.
        Unavailable: there is no pyarrow.
    """
    parquet = _parquet()
    contents = Contents(pictures=True)
    with told(path), parquet.ParquetFile(path, buffer_size=BUFFER) as opened:
        schema, about = opened.schema_arrow, opened.metadata
        counts = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
        if min(counts, default=0) < 0 or sum(counts) > MEMBERS:
            raise ValueError(f"it claims {sum(counts):,} rows, and at most {MEMBERS:,} are read")
        features = _features(schema)
        column, leaf = _picture_column(path, schema, features)
        _check_columns(opened)
        _check_groups(about, leaf)
        names = _names(opened, schema, column, sum(counts))
        sizes = [
            sum(one.total_compressed_size for one in _columns(about.row_group(g), leaf))
            // max(1, n)
            for g, n in enumerate(counts)
        ]
        row = 0
        for group, count in enumerate(counts):
            for place in range(count):
                read = partial(_content, groups, path, group, leaf, place)
                contents.members.append(Member(names[row], min(sizes[group], MEMBER_BYTES), read))
                row += 1
        _describe(contents, path, opened, schema, column, features, names)
    return contents


def _features(schema: Any) -> Mapping[str, Any]:
    """What the hub's library wrote of the columns; nothing where it did not."""
    try:
        said = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: one for name, one in said.items() if isinstance(one, dict)}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def _picture_column(path: Path, schema: Any, features: Mapping[str, Any]) -> tuple[str, str]:
    """The column of pictures and, with the field of it that holds the bytes, its path."""
    from pyarrow import types

    def is_bytes(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    found: dict[str, str] = {}
    for field in schema:
        kind = field.type
        if "." in field.name:
            continue
        if is_bytes(kind):
            found[field.name] = field.name
        elif types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            if is_bytes(kind.field("bytes").type):
                found[field.name] = f"{field.name}.bytes"
    said = [name for name in found if features.get(name, {}).get("_type") == "Image"]
    structs = [name for name, leaf in found.items() if leaf != name]
    some = said or structs or list(found)
    if not some:
        there = ", ".join(map(printable, schema.names[:8]))
        raise BadFile(
            f"{path} has no column of pictures (bytes, or a struct with a field bytes); it has {there}"
        )
    if len(some) > 1:
        named = [name for like in _NAMES for name in some if name.lower() == like]
        if not named and not said:
            raise BadFile(
                f"{path} has several columns of bytes ({', '.join(map(printable, some[:8]))}): call "
                "that of the pictures image"
            )
        some = named or some
    return some[0], found[some[0]]


def _check_columns(opened: Any) -> None:
    """Refuse what pyarrow's ``metadata`` would end the process for, such as statistics that contradict the schema.

    Asked for no rows of a row group it looks at each of its columns, too, and raises.
    """
    every = list(range(len(opened.schema)))
    for number in range(opened.metadata.num_row_groups):
        if opened.metadata.row_group(number).num_columns != len(every):
            raise ValueError("a row group has other columns than the file")
        next(opened.reader.iter_batches(0, [number], every, use_threads=False), None)


def _check_groups(about: Any, leaf: str) -> None:
    """Refuse row groups that claim more than can be, or more than is held at once."""
    for number in range(about.num_row_groups):
        group = about.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            claimed, stored = column.total_uncompressed_size, column.total_compressed_size
            if min(claimed, stored) < 0:
                raise ValueError("a column claims less than nothing")
            if claimed > FREE and claimed > RATIO * stored:
                raise ValueError(
                    f"a column claims {claimed:,} bytes out of {stored:,} stored ones: it is damaged or "
                    "hostile"
                )
            if column.path_in_schema == leaf and claimed > GROUP_BYTES:
                raise ValueError(
                    f"a row group holds {claimed:,} bytes of pictures, and {GROUP_BYTES >> 30} GiB are "
                    "held at once: write it with smaller row groups"
                )


def _read_group(path: Path, group: int, leaf: str) -> Any:
    """The pictures of a row group, by its rows."""
    import pyarrow

    found, total = [], 0
    with _parquet().ParquetFile(path) as opened:
        claimed = _claimed(opened, group, leaf)
        most = max(FREE, 2 * claimed)
        for some in _batches(opened, leaf, [group]):
            total += some.nbytes
            if total > most:
                raise ValueError("its rows become far more than it says")
            found.append(some)
    return pyarrow.chunked_array(found or [pyarrow.array([], pyarrow.binary())])


def _batches(opened: Any, leaf: str, groups: list[int]) -> Iterator[Any]:
    """The values of a column, some at a time.

    A value may be stored once and named by many rows: so few rows at a time are taken that all of them
    could have the largest.
    """
    for number in groups:
        columns = _columns(opened.metadata.row_group(number), leaf)
        claimed = _claimed(opened, number, leaf)
        most = max(1, min(_ROWS, AT_ONCE // max(1, claimed)))
        if not any("DICTIONARY" in coding for column in columns for coding in column.encodings):
            most = _ROWS
        for batch in opened.iter_batches(most, [number], [leaf], use_threads=False):
            column = batch.column(0)
            while hasattr(column.type, "get_field_index"):
                column = column.field(0)
            yield column


def _claimed(opened: Any, group: int, leaf: str) -> int:
    """The bytes that a column of a row group says it has."""
    columns = _columns(opened.metadata.row_group(group), leaf)
    return sum(int(column.total_uncompressed_size) for column in columns)


def _columns(group: Any, leaf: str) -> list[Any]:
    """What a row group says of a column."""
    every = (group.column(place) for place in range(group.num_columns))
    return [column for column in every if column.path_in_schema == leaf]


def _content(
    groups: Groups, path: Path, group: int, leaf: str, place: int, count: int | None
) -> bytes:
    """A picture's bytes, the first ``count`` of them or all.

    Raises:
        UnreadableImage: it is damaged, too large, or not there.
    """
    column = groups.column(path, group, leaf)
    if isinstance(column, str):
        raise UnreadableImage(column)
    try:
        buffer = column[place].as_py()
    except Exception as error:  # as above
        raise UnreadableImage("damaged (the archive has fewer rows than it says)") from error
    if buffer is None:
        raise UnreadableImage("the row has no picture")
    if len(buffer) > MEMBER_BYTES:
        raise UnreadableImage(f"larger than {MEMBER_BYTES >> 20} MiB")
    content: bytes = buffer[:count]
    return content


def _names(opened: Any, schema: Any, column: str, count: int) -> list[str]:
    """The paths that pictures have in the column, where each has its own; else their numbers."""
    kind = schema.field(column).type
    numbers = [str(row) for row in range(count)]
    if column not in schema.names or not hasattr(kind, "get_field_index"):
        return numbers
    if kind.get_field_index("path") < 0 or str(kind.field("path").type) not in (
        "string",
        "large_string",
    ):
        return numbers
    texts = _texts(opened, f"{column}.path")
    if texts is None or len(texts) != count:
        return numbers
    names = [clean_name(text.replace("\\", "/")) for text in texts]
    if None in names or len(set(names)) < count:
        return numbers
    return [str(name) for name in names]


def _texts(opened: Any, leaf: str) -> list[str] | None:
    """The values of a column as texts, nothing for what is null; None where they are too long."""
    result: list[str] = []
    total = 0
    for some in _batches(opened, leaf, list(range(opened.metadata.num_row_groups))):
        total += some.nbytes
        if total > _TEXTS:
            return None
        result += map(_text, some.to_pylist())
    return result


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _describe(
    contents: Contents,
    path: Path,
    opened: Any,
    schema: Any,
    column: str,
    features: Mapping[str, Any],
    names: list[str],
) -> None:
    """Read the columns beside the pictures; those of other things than numbers and texts are said."""
    from pyarrow import types

    known: dict[str, list[str]] = {}
    left: list[str] = []
    for field in schema:
        name, kind = field.name, field.type
        if name == column:
            continue
        if types.is_dictionary(kind):
            kind = kind.value_type
        plain = (
            types.is_integer(kind)
            or types.is_floating(kind)
            or types.is_boolean(kind)
            or types.is_string(kind)
            or types.is_large_string(kind)
        )
        few = (len(known) + 1) * len(names) <= _CELLS
        texts = _texts(opened, name) if plain and few and "." not in name else None
        if texts is None or len(texts) != len(names):
            left.append(printable(name))
            continue
        classes = features.get(name, {}).get("names")
        if features.get(name, {}).get("_type") == "ClassLabel" and isinstance(classes, list):
            texts = [_class(text, classes) for text in texts]
        known[name] = texts
    for row, name in enumerate(names):
        contents.rows[name] = {key: texts[row] for key, texts in known.items()}
    if left:
        shown = ", ".join(left[:4]) + (", …" if len(left) > 4 else "")
        contents.notes.append(
            f"{path.name}: of its columns {shown} {'is' if len(left) == 1 else 'are'} left out (no "
            "numbers or short texts)"
        )


def _class(text: str, names: list[Any]) -> str:
    """The name of a class by its number; nothing where it has none (-1: not known)."""
    try:
        number = int(text)
    except ValueError:
        return text
    return str(names[number]) if 0 <= number < len(names) else ""
