"""What a page may ask of columns: conditions as data, made into the library's filter here.

[{column, is, value}, …] ──checked against the rows' columns──► label = 'cat' AND width > 500

A page never sends a filter's text. Names are taken from the rows, texts are quoted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel, Field

from .rows import Rows

__all__ = ["Condition", "ids_in", "where"]

NUMBERS = {"=": "=", "≠": "!=", "<": "<", "≤": "<=", ">": ">", "≥": ">="}
MOST = 12


class Condition(BaseModel):
    """One condition of a filter."""

    column: str = Field(max_length=200)
    test: str = Field(max_length=16, description="=, ≠, <, ≤, >, ≥, contains, known")
    value: float | bool | str | None = Field(default=None, union_mode="left_to_right")


def where(rows: Rows, conditions: Sequence[Condition]) -> str | None:
    """All of them as a filter of the collection; None of none.

    Raises:
        ValueError: a column, a test or a value that there is not.
    """
    if len(conditions) > MOST:
        raise ValueError(f"a filter has at most {MOST} conditions; we got {len(conditions)}")
    return " AND ".join(_one(rows, each) for each in conditions) or None


def ids_in(rows: Rows, chosen: Sequence[int]) -> str:
    """A filter that these rows pass.

    Raises:
        ValueError: a row that there is not.
    """
    quoted = ("'" + rows.ids[rows.checked(row)].replace("'", "''") + "'" for row in chosen)
    return f"id IN ({', '.join(quoted)})"


def _one(rows: Rows, condition: Condition) -> str:
    name, test, value = condition.column, condition.test, condition.value
    if name not in rows.columns or "`" in name:
        raise ValueError(f"there is no column {name!r}; there are {', '.join(rows.columns)}")
    column = f"`{name}`"
    kind = rows.columns[name].dtype.kind
    known = [one for one in rows.columns[name][:64].tolist() if one is not None]
    if test == "known":
        return f"{column} IS NOT NULL"
    if kind in "iuf":
        number = _number(value)
        if test not in NUMBERS or number is None:
            raise ValueError(f"{name} holds numbers: it is =, ≠, <, ≤, > or ≥ a number")
        return f"cast({column} as double) {NUMBERS[test]} cast({number!r} as double)"
    if kind == "b" or (known and all(isinstance(one, bool) for one in known)):
        if test not in ("=", "≠"):
            raise ValueError(f"{name} is true or false: it is = or ≠ one of them")
        wanted = str(value).lower() in ("true", "1", "1.0")
        return f"{column} = {'true' if wanted == (test == '=') else 'false'}"
    text = "" if value is None else str(value)
    if "\0" in text or len(text) > 1000:
        raise ValueError(f"a value of {name} is a text of at most 1,000 characters")
    quoted = "'" + text.replace("'", "''") + "'"
    if test in ("=", "≠"):
        return f"{column} {NUMBERS[test]} {quoted}"
    if test == "contains":
        return f"strpos(lower({column}), lower({quoted})) > 0"
    raise ValueError(f"{name} holds texts: it is = or ≠ a text, or contains one")


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
