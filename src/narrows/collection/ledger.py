"""Ledger: a version of a collection that several processes make, a part of the pictures each.

    part 1 ─┐              ┌──► pictures-N-….lance   the rows of all parts
    part 2 ─┼── appends ───┤
    part 3 ─┘              └──► parts-N.lance        whose codes; a line where a part begins, one at its end
                                     │ all are there
                                     ▼
                                narrows.lance        from now on version N is one like the others

The version's number is told to every part. Who comes first makes the ledger, in one commit; the others
find it and compare. No listing names the version before it is finished, so nobody reads half of it.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadFile, NarrowsError
from .about import INPUTS, About
from .collection import Collection
from .rows import schema_of
from .store import Store, Version, guarded, table_name

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Ledger"]


class Ledger:
    """What is known of a version in parts. Make it by :meth:`begun` or :meth:`open`.

    Attributes:
        number: of the version.
        of: how many parts there are.
        about: whose codes they are.
        pictures: a digest of the pictures' list.
        rows: part → how many rows it left; None of one that was begun and not finished.
        skipped: (picture, reason) of each that is no readable picture, by part.
    """

    def __init__(self, store: Store, number: int) -> None:
        self.store, self.number = store, number
        self._name = ledger_name(number)
        with guarded(store.address):
            lines = store.table(self._name).search().limit(None).to_list()
        try:
            head = next(line for line in lines if line["part"] == 0)
            self.of, self.pictures = int(head["of"]), str(head["pictures"])
            self.about = About.read(head["about"], store.address)
            self._table = table_name(head["table"])
            self.rows: dict[int, int | None] = {}
            self.skipped: dict[int, list[tuple[str, str]]] = {}
            for line in lines:
                part = int(line["part"])
                if line["rows"] is not None and part:
                    self.rows[part] = int(line["rows"])
                    told = json.loads(line["skipped"])
                    self.skipped[part] = [(str(name), str(reason)) for name, reason in told]
                elif part:
                    self.rows.setdefault(part, None)
        except (StopIteration, KeyError, TypeError, ValueError) as error:
            raise BadFile(
                f"the ledger of version {number} of {store.address} cannot be read; tell the parts "
                "another version"
            ) from error

    @staticmethod
    def open(address: str | Path, number: int) -> Ledger | None:
        """The ledger of a version; None where no part of it was begun."""
        store = Store(str(address), make=True)
        return Ledger(store, number) if number in store.ledgers() else None

    @staticmethod
    def begun(
        address: str | Path,
        number: int,
        of: int,
        about: About,
        pictures: str,
        columns: Mapping[str, pa.DataType],
    ) -> Ledger:
        """The ledger of a version, made where there is none; any number of processes may do so at once.

        Args:
            number: of the version, the next one that there is none of.
            of: how many parts.
            pictures: a digest of their list.
            columns: of metadata.

        Raises:
            BadFile: there is such a version already, or its other parts are of another model or pictures.
            ValueError: a version before it is missing.
        """
        import pyarrow as pa

        store = Store(str(address), make=True)
        name = ledger_name(number)
        with store.alone():
            there = store.ledgers()
            if number not in there:
                last = max([*there, *(each.number for each in store.versions())], default=0)
                if number != last + 1:
                    raise ValueError(
                        f"the next version of {address} is {last + 1}; we got {number}"
                        if number > last
                        else f"{address} has a version {number} already; the next one is {last + 1}"
                    )
                schema = schema_of(about.size)
                for column, kind in columns.items():
                    schema = schema.append(pa.field(column, kind))
                table = f"pictures-{number}-{secrets.token_hex(4)}"
                with store.writing(table):
                    store.database.create_table(table, schema=schema)
                head = _line(0, of, about.text(), pictures, table)
                try:
                    with store.writing(name):
                        store.database.create_table(name, head)
                except BadFile:  # another process was faster: its ledger counts
                    if number not in store.ledgers():
                        raise
                    with contextlib.suppress(NarrowsError), guarded(store.address):
                        store.database.drop_table(table)
        ledger = Ledger(store, number)
        ledger.check(of, about, pictures)
        schema = ledger.collection().schema
        if {name: schema.field(name).type for name in schema.names[len(schema_of(1)) :]} != columns:
            raise BadFile(
                f"the pictures of version {number} of {address} have the columns "
                f"{', '.join(schema.names)}, and these have others: give every part the same tables"
            )
        return ledger

    def check(self, of: int | None, about: About, pictures: str) -> None:
        """Refuse what does not go together with the parts that were begun.

        Raises:
            BadFile: another model, other pictures, or another number of parts.
        """
        where = f"version {self.number} of {self.store.address}"
        if about.fingerprint != self.about.fingerprint:
            raise BadFile(
                f"the parts of {where} are codes of {self.about.whose}; those of "
                f"{about.model or 'a model'} ({about.fingerprint}) do not mix with them: use that model, "
                "or tell the parts another version"
            )
        for name in ("pool", "features", "distance", *INPUTS):
            mine, others = getattr(about, name), getattr(self.about, name)
            if mine != others:
                raise BadFile(
                    f"the parts of {where} were made with {name} {others!r}, not {mine!r}: tell the parts "
                    "another version"
                )
        if pictures != self.pictures:
            raise BadFile(
                f"the parts of {where} are of other pictures than these: give every part the same ones, "
                "unchanged, or tell the parts another version"
            )
        if of is not None and of != self.of:
            raise BadFile(
                f"the pictures of {where} are divided into {self.of} parts, not into {of}: name a part "
                f"of {self.of}"
            )

    @property
    def missing(self) -> list[int]:
        """The parts that are not finished."""
        return [part for part in range(1, self.of + 1) if self.rows.get(part) is None]

    def collection(self) -> Collection:
        """The rows so far. What is written to it from here may be written by others at the same time."""
        store = Store(self.store.address, ledger=self.number)
        return Collection(store, Version(self.number, self._table, self.about, False))

    def note(
        self, part: int, rows: int | None = None, skipped: Sequence[tuple[str, str]] = ()
    ) -> None:
        """A line that a part is begun; with its rows, that it is done."""
        self.rows[part] = rows
        line = _line(part, self.of, "", "", "", rows, json.dumps([list(each) for each in skipped]))
        store = Store(self.store.address, ledger=self.number)
        with store.alone():
            store.settle(self._name)
            with store.writing(self._name):
                store.database.open_table(self._name).add(line)

    def finished(self) -> Collection:
        """The version as one like the others, not complete yet, each picture once.

        Raises:
            NarrowsError: parts or rows are missing.
        """
        if missing := self.missing:
            shown = ", ".join(f"{part}/{self.of}" for part in missing[:10])
            more = f" and {len(missing) - 10:,} more" if len(missing) > 10 else ""
            word = "part is" if len(missing) == 1 else "parts are"
            raise NarrowsError(
                f"version {self.number} of {self.store.address} cannot be finished: of {self.of} parts "
                f"{len(missing)} {word} not, {shown}{more}; run narrows index with --part "
                f"{missing[0]}/{self.of}"
            )
        listed = [each for each in self.store.versions() if each.number == self.number]
        if listed and listed[0].table != self._table:
            raise BadFile(
                f"{self.store.address} has got another version {self.number} meanwhile: run the parts "
                f"again with --version {max(each.number for each in self.store.versions()) + 1}"
            )
        if not listed:
            expected = sum(rows or 0 for rows in self.rows.values())
            collection = Collection(
                self.store, Version(self.number, self._table, self.about, False)
            )
            if len(collection) > expected:  # one part ran twice at the same time
                collection.delete_twins()
            if len(collection) != expected:
                raise NarrowsError(
                    f"version {self.number} of {self.store.address} holds {len(collection):,} pictures, "
                    f"and its parts left {expected:,}: rows were lost; run all parts again as "
                    f"--version {max(self.store.ledgers()) + 1}"
                )
            self.store.write(collection.version)
            return collection
        return Collection(self.store, listed[0])

    def drop(self) -> None:
        """Remove the ledger: the version is complete, or is not wanted any more."""
        self.store.drop_table(self._name)


def ledger_name(number: int) -> str:
    """The table of a version's ledger."""
    return f"parts-{number}"


def _line(
    part: int,
    of: int,
    about: str,
    pictures: str,
    table: str,
    rows: int | None = None,
    skipped: str = "[]",
) -> pa.Table:
    import pyarrow as pa

    kinds = {
        "part": pa.int64(), "of": pa.int64(), "about": pa.string(), "pictures": pa.string(),
        "table": pa.string(), "rows": pa.int64(), "skipped": pa.string(),
    }  # fmt: skip
    values = (part, of, about, pictures, table, rows, skipped)
    return pa.Table.from_pylist(
        [dict(zip(kinds, values, strict=True))], pa.schema(list(kinds.items()))
    )
