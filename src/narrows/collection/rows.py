"""The columns of a collection, and its rows as arrow tables.

id · path · size · mtime · hash · width · height · thumbnail · code · metadata … · score_…
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["COLUMNS", "arrow", "column_name", "column_names", "numbers", "schema_of", "values_of"]

Array = np.ndarray[Any, Any]

COLUMNS = ("id", "path", "size", "mtime", "hash", "width", "height", "thumbnail", "code")


def schema_of(size: int) -> pa.Schema:
    """The columns that every collection has, for codes of ``size`` numbers."""
    import pyarrow as pa

    kinds = {
        "id": pa.string(),
        "path": pa.string(),
        "size": pa.int64(),
        "mtime": pa.int64(),
        "hash": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "thumbnail": pa.binary(),
        "code": pa.list_(pa.float32(), size),
    }
    return pa.schema([pa.field(name, kinds[name], name != "id") for name in COLUMNS])


def column_name(name: str) -> str:
    """A metadata column's name as filters write it: letters, digits and _, none of ours."""
    plain = re.sub(r"\W+", "_", name.strip()).strip("_") or "column"
    if plain[0].isdigit() or plain.lower() in (*COLUMNS, "_distance", "query_index", "_rowid"):
        plain = f"meta_{plain}"
    return plain


def column_names(names: Iterable[str]) -> dict[str, str]:
    """Each name and what :func:`column_name` makes of it, no two of them alike."""
    taken: set[str] = set()
    result = {}
    for name in names:
        plain, number = column_name(name), 2
        while plain.lower() in taken:
            plain, number = f"{column_name(name)}_{number}", number + 1
        taken.add(plain.lower())
        result[name] = plain
    return result


def arrow(rows: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """Columns of N values each as a table with the types of ``schema``, in its order.

    A column that ``schema`` does not have is refused; one that ``rows`` does not have is null.

    Raises:
        ValueError: columns of different lengths, of other types, or codes of another size.
    """
    import pyarrow as pa

    lengths = {name: len(values) for name, values in rows.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"all columns must have one length; we got {lengths}")
    unknown = [name for name in rows if name not in schema.names]
    if unknown:
        raise ValueError(f"this collection has no column {unknown[0]!r}")
    n = next(iter(lengths.values()), 0)
    columns = []
    for field in schema:
        if field.name not in rows:
            columns.append(pa.nulls(n, field.type))
            continue
        try:
            columns.append(_column(rows[field.name], field.type))
        except (pa.ArrowException, TypeError, OverflowError) as error:
            raise ValueError(
                f"the column {field.name} holds {field.type}; these values are others ({error})"
            ) from error
    return pa.table(columns, schema=schema)


def _column(values: Any, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_fixed_size_list(kind):
        codes = np.ascontiguousarray(values, np.float32)
        if codes.ndim != 2 or codes.shape[1] != kind.list_size:
            raise ValueError(
                f"the codes of this collection have {kind.list_size} numbers; "
                f"we got an array {codes.shape}"
            )
        return pa.FixedSizeListArray.from_arrays(pa.array(codes.ravel()), kind.list_size)
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
        array = pa.array(values, from_pandas=True)  # NaN is "not known" here
        return array if array.type == kind else array.cast(kind)
    listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
    if pa.types.is_string(kind):
        listed = [None if value is None else str(value) for value in listed]
    return pa.array(listed, kind, from_pandas=True)


def type_of(values: Any) -> pa.DataType:
    """The type of a metadata column or score: int64, float64, bool or string."""
    import pyarrow as pa

    kinds = {"i": pa.int64(), "u": pa.int64(), "f": pa.float64(), "b": pa.bool_()}
    return kinds.get(np.asarray(values).dtype.kind, pa.string())


def numbers(column: pa.ChunkedArray | pa.Array) -> Array:
    """A column of codes as an array (N, D), float32."""
    import pyarrow as pa

    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    size = column.type.list_size
    parts = [chunk.flatten().to_numpy().reshape(-1, size) for chunk in chunks]
    return np.concatenate(parts) if parts else np.zeros((0, size), np.float32)


def values_of(table: pa.Table) -> dict[str, Any]:
    """Columns as arrays: codes (N, D); numbers with NaN for null; texts and bytes as objects."""
    import pyarrow as pa

    result: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_fixed_size_list(column.type):
            result[name] = numbers(column)
        elif pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
            result[name] = column.to_numpy()  # of whole numbers with nulls: float64 with NaN
        else:
            result[name] = np.array([*column.to_pylist(), None], object)[:-1]
    return result


def condition(ids: Sequence[str]) -> str:
    """A filter for these ids."""
    quoted = ", ".join("'" + id_.replace("'", "''") + "'" for id_ in ids)
    return f"id IN ({quoted})"
