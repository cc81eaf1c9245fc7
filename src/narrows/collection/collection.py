"""A collection: N pictures' codes with the pictures' metadata.

add, upsert, update, delete ──one commit each──► table ──optimize──► compact, indexed
                                                │
queries (Q, D) ──search──► exact: blocks of codes, up to 10,000 of them or where asked for
                      └──► cells: the index, as many cells as reach 0.995 of the exact answer
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadFile
from .about import About
from .info import CollectionInfo
from .nearest import nearest
from .rows import arrow, condition, numbers, schema_of, type_of, values_of
from .store import Store, Version, guarded, look

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["EXACT_ROWS", "Collection", "Neighbours"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]

EXACT_ROWS = 10_000  # up to so many codes every search is exact
RECALL = 0.995  # of the ten nearest, that the index is to find
_BLOCK = 8192
_IDS_AT_ONCE = 1000
_QUERIES_AT_ONCE = 1024
_FRAGMENTS = 16  # more pieces than these are made into one
_OLD = timedelta(hours=1)  # a reader may be in the middle of a query on a version this old


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """The pictures nearest to Q queries.

    Attributes:
        ids: (Q, k), the nearest first; None where there are fewer than k.
        distances: (Q, k), Euclidean; inf where there are fewer.
        exact: whether every code was looked at.
    """

    ids: Array
    distances: Array
    exact: bool


class Collection:
    """The rows of one version of a collection. Make it by :meth:`create` or :meth:`open`.

    Rows have the columns of :data:`COLUMNS`, metadata columns, and scores called ``score_…``.
    Any number of processes may read while one writes; a read sees whole commits only.
    """

    def __init__(self, store: Store, version: Version) -> None:
        self._store = store
        self.version = version
        self._table = store.table(version.table)
        there = self.schema
        for field in schema_of(version.about.size):
            kind = there.field(field.name).type if field.name in there.names else "missing"
            if kind != field.type:
                what = "no column" if kind == "missing" else f"{kind} instead of {field.type} in"
                raise BadFile(
                    f"the collection {self.address} has {what} {field.name}; "
                    "index the pictures again into another one"
                )

    @staticmethod
    def create(address: str | Path, about: About) -> Collection:
        """A new, empty version; the first one makes the collection.

        Raises:
            NarrowsError: the folder holds other things, or may not be written.
        """
        store = Store(str(address), make=True)
        return Collection(store, store.make(about))

    @staticmethod
    def open(
        address: str | Path, version: int | None = None, *, going_on: str | None = None
    ) -> Collection:
        """A collection that is there.

        Args:
            address: its folder, or an object store's address such as ``s3://bucket/path``.
            version: its number; None takes the newest complete one, or the newest of all.
            going_on: a model's fingerprint: take the newest also where it is not complete, if it is
                of that model.

        Raises:
            BadFile: there is none, or it is damaged or from a newer version.
            ValueError: there is no such version.
        """
        store = Store(str(address))
        versions = store.versions()
        if not versions:
            raise BadFile(
                f"there is no collection in {address}: make one with "
                f"`narrows index MODEL PICTURES --to {address}`"
            )
        if version is not None:
            chosen = [each for each in versions if each.number == version]
            if not chosen:
                raise ValueError(
                    f"{address} has the versions {', '.join(str(v.number) for v in versions)}; "
                    f"we got {version}"
                )
        else:
            last = versions[-1].about.fingerprint == going_on
            chosen = versions if last else [each for each in versions if each.complete] or versions
        return Collection(store, chosen[-1])

    @staticmethod
    def exists(address: str | Path) -> bool:
        """Whether an address holds a collection.

        Raises:
            BadFile: it is a folder of other things, or a damaged collection.
        """
        return look(str(address)) and bool(Store(str(address)).versions())

    # ---- what it is ------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.count()

    def __repr__(self) -> str:
        return f"<Collection: {len(self):,} pictures in {self.address}>"

    @property
    def address(self) -> str:
        """Where it is."""
        return self._store.address

    @property
    def about(self) -> About:
        """Which model made the codes, and of what."""
        return self.version.about

    @property
    def schema(self) -> pa.Schema:
        """The columns and their types."""
        with guarded(self.address):
            return self._table.schema

    @property
    def columns(self) -> list[str]:
        """The columns' names."""
        return list(self.schema.names)

    @property
    def is_part(self) -> bool:
        """Whether other processes write to this version at the same time, a part each."""
        return self._store.ledger is not None

    @property
    def scores(self) -> list[str]:
        """The columns of scores."""
        return [name for name in self.columns if name.startswith("score_")]

    def info(self) -> CollectionInfo:
        """What this version holds, and which other ones there are."""
        return CollectionInfo(
            self.address,
            len(self),
            self.version,
            {field.name: str(field.type) for field in self.schema},
            self.versions(),
        )

    def versions(self) -> list[Version]:
        """All versions of the collection, the oldest first."""
        return self._store.versions()

    def check(self, fingerprint: str, model: str) -> None:
        """Refuse another model's codes.

        Raises:
            BadFile: the model of that fingerprint is not the one that made this collection.
        """
        if fingerprint != self.about.fingerprint:
            raise BadFile(
                f"{self.address} holds codes of {self.about.whose}; those of {model} "
                f"({fingerprint}) do not mix with them: use that model, or index the pictures "
                "again into a new version (narrows index --new-version)"
            )

    # ---- reading ---------------------------------------------------------------------------------

    def count(self, where: str | None = None) -> int:
        """How many rows pass a filter.

        Raises:
            ValueError: the filter does not parse, or names a column that is not there.
        """
        return self._passing(where)[1]

    def table(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        ids: Sequence[str] | None = None,
    ) -> pa.Table:
        """Rows as an arrow table.

        Args:
            columns: which; None is all.
            where: a filter such as ``label = 'cat' and width > 500``.
            ids: these rows in this order.

        Raises:
            ValueError: a filter that does not parse, a column or an id that is not there.
        """
        wanted = self.columns if columns is None else list(columns)
        unknown = [name for name in wanted if name not in self.columns]
        if unknown:
            raise ValueError(
                f"{self.address} has no column {unknown[0]!r}; there are {', '.join(self.columns)}"
            )
        if ids is not None:
            return self._by_ids(wanted, list(ids), self._condition(where))
        return self._scanned(wanted, self._condition(where))

    def rows(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        ids: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Like :meth:`table`, as arrays: codes (N, D) float32, texts and bytes as objects."""
        return values_of(self.table(columns, where, ids))

    def codes(self, where: str | None = None) -> tuple[list[str], Array]:
        """The ids, and the codes (N, D) float32 in the same order."""
        table = self.table(["id", "code"], where)
        return table["id"].to_pylist(), numbers(table["code"])

    def iter_codes(
        self, where: str | None = None, size: int = _BLOCK
    ) -> Iterator[tuple[list[str], Array]]:
        """Ids and codes (n, D) a block at a time, all of one commit."""
        for block in self.iter_batches(["id", "code"], where, size):
            yield block["id"].tolist(), block["code"]

    def iter_batches(
        self, columns: Sequence[str], where: str | None = None, size: int = _BLOCK
    ) -> Iterator[dict[str, Any]]:
        """Columns as :meth:`rows` gives them, a block of rows at a time, all of one commit."""
        for batch in self._batches(columns, where, size):
            yield values_of(batch)

    def found(self, columns: Sequence[str], ids: Iterable[str]) -> pa.Table:
        """Rows of these ids as far as they are there, in one pass over all rows."""
        import pyarrow as pa
        from pyarrow import compute

        wanted = pa.array(list(ids), pa.string())
        parts = [self._scanned(list(columns), "false")]
        if not len(wanted):
            return parts[0]
        for batch in self._batches(columns, None, _BLOCK):
            some = batch.filter(compute.is_in(batch["id"], value_set=wanted))
            parts += [some] if len(some) else []
        return pa.concat_tables(parts)

    def _batches(self, columns: Sequence[str], where: str | None, size: int) -> Iterator[pa.Table]:
        import pyarrow as pa

        condition = self._condition(where)
        with guarded(self.address):
            query = self._table.search().select(list(columns)).limit(None)
            reader = (query.where(condition) if condition else query).to_batches(batch_size=size)
        while True:
            with guarded(self.address):
                batch = next(reader, None)
            if batch is None:
                return
            yield pa.table(batch)

    def _scanned(self, columns: list[str], condition: str | None) -> pa.Table:
        with guarded(self.address):
            query = self._table.search().select(columns).limit(None)
            return (query.where(condition) if condition else query).to_arrow()

    def _by_ids(self, columns: list[str], ids: list[str], also: str | None) -> pa.Table:
        import pyarrow as pa

        wanted = list(dict.fromkeys(["id", *columns]))
        parts = []
        for low in range(0, len(ids), _IDS_AT_ONCE):
            these = condition(ids[low : low + _IDS_AT_ONCE])
            parts.append(self._scanned(wanted, f"{these} AND {also}" if also else these))
        if not parts:
            return self._scanned(columns, "false")
        table = pa.concat_tables(parts)
        places = {id_: place for place, id_ in enumerate(table["id"].to_pylist())}
        missing = [id_ for id_ in ids if id_ not in places]
        if missing and also is None:
            raise ValueError(self._no_such(missing[0]))
        order = [places[id_] for id_ in ids if id_ in places]
        return table.take(pa.array(order, pa.int64())).select(columns)

    def _no_such(self, id_: str) -> str:
        ids = self.table(["id"])["id"].to_pylist()
        near = difflib.get_close_matches(id_, ids[:20_000], 1)
        near = near or [other for other in ids if other.endswith(f"/{id_}")][:1]
        hint = f"did you mean {near[0]!r}?" if near else f"the first of its ids is {ids[:1]}"
        return f"{self.address} has no picture {id_!r}; {hint}"

    def _condition(self, where: str | None) -> str | None:
        return None if where is None else self._passing(where)[0]

    def _passing(self, where: str | None) -> tuple[str | None, int]:
        """A filter that parses, in brackets (the engine would ignore what follows an expression),
        and how many rows pass."""
        if where is None:
            with guarded(self.address):
                return None, int(self._table.count_rows())
        bracketed = f"({where})"
        try:
            return bracketed, int(self._table.count_rows(bracketed))
        except ValueError as error:
            if "Invalid input" in str(error) and "magic" not in str(error):
                raise ValueError(self._unusable(where, error)) from error
            with guarded(self.address):
                raise
        except Exception:
            with guarded(self.address):
                raise

    def _unusable(self, where: str, error: ValueError) -> str:
        text = " ".join(str(error).split()).removeprefix("Invalid input, ").split(", /")[0]
        text = text.split(" Valid fields")[0].split("Error parsing statement")[-1]
        for before in ("sql parser error: ", "Schema error: ", "Invalid user input: "):
            text = text.split(before)[-1]
        shown = [name for name in self.columns if name not in ("code", "thumbnail")]
        return (
            f"the filter {where!r} cannot be used ({text.strip(' .)')[:120]}); "
            f"the columns are {', '.join(shown)}, and texts stand in single quotes"
        )

    # ---- writing ---------------------------------------------------------------------------------

    def add(self, rows: Mapping[str, Any]) -> None:
        """Append rows whose ids are not there yet, in one commit.

        Args:
            rows: column → N values; ``id`` and ``code`` (N, D) at least.

        Raises:
            ValueError: values of another type or length, codes that are not finite.
        """
        self._check_codes(rows, whole=True)
        batch = arrow(rows, self.schema)
        with self._writing():
            self._table.add(batch)

    def upsert(self, rows: Mapping[str, Any]) -> None:
        """Rows in place of those with their ids, and new ones where there are none: one commit."""
        self._check_codes(rows, whole=True)
        batch = arrow(rows, self.schema)
        with self._writing():
            merge = self._table.merge_insert("id").when_matched_update_all()
            merge.when_not_matched_insert_all().execute(batch)

    def update(self, ids: Sequence[str], columns: Mapping[str, Any]) -> None:
        """Set columns of rows that are there, in one commit; others stay. New columns are made.

        Args:
            ids: N ids; those that are not there are passed over.
            columns: column → N values, such as ``score_knn``.
        """
        import pyarrow as pa

        self._check_codes(columns, whole=False)
        self.add_columns({name: type_of(values) for name, values in columns.items()})
        rows: dict[str, Any] = {"id": list(ids), **columns}
        schema = pa.schema([self.schema.field(name) for name in rows])
        batch = arrow(rows, schema)
        if not len(batch):
            return
        with self._writing():
            self._table.merge_insert("id").when_matched_update_all().execute(batch)

    def add_columns(self, columns: Mapping[str, pa.DataType]) -> None:
        """Make the columns that are not there, empty."""
        import pyarrow as pa

        new = [(name, kind) for name, kind in columns.items() if name not in self.columns]
        if not new:
            return
        with self._writing():
            for name, kind in new:
                self._table.add_columns(pa.field(name, kind))

    def retype(self, columns: Mapping[str, pa.DataType]) -> None:
        """Make columns anew that are there with other types; they are empty until they are written."""
        import pyarrow as pa

        if not columns:
            return
        with self._writing():
            for name, kind in columns.items():
                self._table.drop_columns([name])
                self._table.add_columns(pa.field(name, kind))

    def delete(self, ids: Sequence[str] | None = None, where: str | None = None) -> int:
        """Remove rows by their ids or by a filter; gives how many. No file is touched."""
        if (ids is None) == (where is None):
            raise ValueError("rows are deleted by ids or by a filter: name one of the two")
        before = len(self)
        chosen = list(ids or ())
        filters = [
            condition(chosen[a : a + _IDS_AT_ONCE]) for a in range(0, len(chosen), _IDS_AT_ONCE)
        ]
        if where is not None:
            filters = [str(self._condition(where))]
        with self._writing():
            for each in filters:
                self._table.delete(each)
        return before - len(self)

    def delete_twins(self) -> None:
        """Of rows with one id keep the first."""
        seen: set[str] = set()
        twins: list[int] = []
        for block in self.iter_batches(["id", "_rowid"]):
            for id_, row in zip(block["id"], block["_rowid"].tolist(), strict=True):
                if id_ in seen:
                    twins.append(int(row))
                seen.add(id_)
        with self._writing():
            for low in range(0, len(twins), _IDS_AT_ONCE):
                rows = ", ".join(map(str, twins[low : low + _IDS_AT_ONCE]))
                self._table.delete(f"_rowid IN ({rows})")

    def settle(self) -> None:
        """Before a write: what a power cut left broken is put aside, under another name."""
        if self._store.settle(self.version.table):
            self._table = self._store.table(self.version.table)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        shared = self._store.alone() if self.is_part else contextlib.nullcontext()
        with shared:
            self.settle()
            with self._store.writing(self.version.table):
                yield

    def change(self, **what: Any) -> None:
        """Change what is said about this version, such as where its model lies."""
        about = dataclasses.replace(self.about, **what)
        if about != self.about:
            self._set(dataclasses.replace(self.version, about=about))

    def commit(self) -> None:
        """Mark this version as complete: from now on it is the one that opens."""
        if not self.version.complete:
            self._set(dataclasses.replace(self.version, complete=True))

    def drop(self, version: int) -> None:
        """Remove one version, but not the only one.

        Raises:
            ValueError: there is no such version, or no other.
        """
        versions = {each.number: each for each in self.versions()}
        if version not in versions or len(versions) == 1:
            raise ValueError(
                f"{self.address} has the versions {', '.join(map(str, versions))}; version {version} "
                f"{'is the only one' if version in versions else 'is none of them'}"
            )
        self._store.drop(versions[version])

    def discard(self) -> None:
        """Remove this version, and with the only one the collection."""
        self._store.drop(self.version)
        if not self.versions():
            self._store.clear()

    def _set(self, version: Version) -> None:
        self._store.write(version)
        self.version = version

    def _check_codes(self, rows: Mapping[str, Any], whole: bool) -> None:
        if whole and not {"id", "code"} <= rows.keys():
            raise ValueError(f"rows need an id and a code each; we got {', '.join(rows) or 'none'}")
        if "code" not in rows:
            return
        fine = np.isfinite(np.asarray(rows["code"])).reshape(len(rows["code"]), -1).all(1)
        if not fine.all():
            bad = int(np.flatnonzero(~fine)[0])
            name = f"of {rows['id'][bad]!r} " if "id" in rows else ""
            raise ValueError(
                f"the code {name}holds NaN or infinite values, as {int((~fine).sum()):,} of these "
                f"{len(fine):,} codes do; nothing of them was stored"
            )

    # ---- the index -------------------------------------------------------------------------------

    def optimize(self) -> None:
        """Make many small pieces one, and build or refresh the index where there is need.

        Readers go on reading; what one of them has open stays for an hour.
        """
        n = len(self)
        with guarded(self.address):
            described = self._table.list_versions()[-1]["metadata"]
            pieces = int(described.get("total_fragments", 0))
            tail = self._tail()
        if pieces > _FRAGMENTS or (tail is not None and tail > n // 20):
            with self._writing():
                self._table.optimize(cleanup_older_than=_OLD)
        if n > EXACT_ROWS and (tail is None or n > 2 * self.about.trained or not self.about.probes):
            self._build(n)

    def _tail(self) -> int | None:
        """How many rows the index does not hold; None where there is no index."""
        index = [each for each in self._table.list_indices() if each.columns == ["code"]]
        if not index:
            return None
        return int(self._table.index_stats(index[0].name).num_unindexed_rows)

    def _build(self, n: int) -> None:
        from lancedb.index import IvfFlat

        cells = max(1, round(n**0.5))
        how = IvfFlat(distance_type="l2", num_partitions=cells, max_iterations=20, sample_rate=64)
        with self._writing():
            self._table.create_index("code", config=how, replace=True)
        self.change(trained=n, probes=self._probes(cells))

    def _probes(self, cells: int) -> int:
        """The fewest cells to visit, by doubling, that find the share RECALL of the ten nearest."""
        chosen = self._sample(200)
        queries = chosen + np.float32(1e-3) * chosen.std(0)  # beside the codes, not on them
        exact = self._exact(queries, 10, None).ids
        probes = 4
        while probes < cells:
            approximate = self._in_cells(queries, 10, None, probes).ids
            pairs = zip(approximate, exact, strict=True)
            hits = sum(len(set(a.tolist()) & set(b.tolist())) for a, b in pairs)
            if hits >= RECALL * exact.size:
                break
            probes *= 2
        return min(probes, cells)

    def _sample(self, count: int) -> Array:
        """Some codes, evenly spread over the rows."""
        places = np.linspace(0, len(self) - 1, count).astype(np.int64)
        with guarded(self.address):
            table = self._table.take_offsets(places.tolist()).select(["code"]).to_arrow()
        return numbers(table["code"])

    # ---- search ----------------------------------------------------------------------------------

    def search(
        self, queries: Array, k: int = 10, *, where: str | None = None, exact: bool = False
    ) -> Neighbours:
        """The k pictures whose codes are nearest to each query by Euclidean distance.

        Args:
            queries: (Q, D) or one (D,).
            k: how many; where fewer pass the filter, all of them.
            where: a filter.
            exact: look at every code, also where there is an index.

        Raises:
            ValueError: queries of another size or not finite, a filter that does not parse.
        """
        queries = np.atleast_2d(np.asarray(queries, np.float32))
        if queries.ndim != 2 or queries.shape[1] != self.about.size:
            raise ValueError(
                f"queries of this collection have {self.about.size} numbers; we got {queries.shape}"
            )
        if not np.isfinite(queries).all():
            raise ValueError("a query holds NaN or infinite values; nothing is near to it")
        if k < 1:
            raise ValueError(f"the number of neighbours is at least 1; we got {k}")
        condition, among = self._passing(where)
        k = min(k, among)
        if not k or not len(queries):
            shape = (len(queries), k)
            return Neighbours(np.full(shape, None, object), np.full(shape, np.inf), True)
        if exact or among <= EXACT_ROWS or not self.about.probes:
            return self._exact(queries, k, condition)
        return self._in_cells(queries, k, condition, self.about.probes)

    def _exact(self, queries: Array, k: int, condition: str | None) -> Neighbours:
        ids: list[str] = []

        def codes() -> Iterator[Array]:
            for names, block in self.iter_codes(condition):
                ids.extend(names)
                yield block

        places, distances = nearest(codes(), queries, k)
        return Neighbours(np.array([*ids, None], object)[places], distances, True)

    def _in_cells(self, queries: Array, k: int, condition: str | None, probes: int) -> Neighbours:
        ids = np.full((len(queries), k), None, object)
        distances = np.full((len(queries), k), np.inf)
        todo, most = np.arange(len(queries)), probes
        while len(todo):
            for low in range(0, len(todo), _QUERIES_AT_ONCE):
                some = todo[low : low + _QUERIES_AT_ONCE]
                whose, rank, names, row_distances = self._visited(
                    queries[some], k, condition, probes, most
                )
                ids[some[whose], rank], distances[some[whose], rank] = names, row_distances
            if not most:
                break
            todo, most = np.flatnonzero(np.isinf(distances[:, -1])), 0  # 0: on until k are found
        return Neighbours(ids, distances, False)

    def _visited(
        self, queries: Array, k: int, condition: str | None, least: int, most: int
    ) -> tuple[Array, Array, Array, Array]:
        """What lies in the cells nearest to the queries: whose it is, its rank, id and distance."""
        with guarded(self.address):
            query = self._table.search(queries if len(queries) > 1 else queries[0])
            query = query.minimum_nprobes(least).maximum_nprobes(most)
            query = query.select(["id", "_distance"]).limit(k)
            if condition:
                query = query.where(condition, prefilter=True)
            table = query.to_arrow()
        squared = table["_distance"].to_numpy()
        alone = len(queries) == 1
        whose = np.zeros(len(squared), np.int64) if alone else table["query_index"].to_numpy()
        order = np.lexsort((squared, whose))
        whose, squared = whose[order], squared[order]
        rank = np.arange(len(whose)) - np.searchsorted(whose, whose)
        names = np.array([*table["id"].to_pylist(), None], object)[order]
        return whose, rank, names, np.sqrt(np.maximum(squared, 0))
