"""Check and repair: whether every file of a collection holds what was written, and what can be saved.

listing, tables ──every checksum──► findings ──repair──► the last whole version, without the rows of
                                                         damaged files; narrows index makes them again
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import BadFile
from . import whole
from .collection import Collection
from .store import LISTING, Store, Version, guarded, local

__all__ = ["Finding", "check"]


class Finding(NamedTuple):
    """A table or a file of a collection, whether it is whole, and what it holds or what is wrong."""

    file: str
    whole: bool
    about: str


def check(address: str | Path, *, repair: bool = False) -> list[Finding]:
    """Read every file of a collection, and compare it with what was written.

    A table of which a flush vouches for nothing (of an older Narrows, or at an object store) is read
    as a whole instead.

    Args:
        address: a folder, or an object store's address.
        repair: put aside what is not whole and go back to the last version that is; remove the rows
            whose files are damaged. What was damaged and is not any more is a finding that is not
            whole, with what became of it.

    Returns:
        A row for each table, and one for each file that is damaged.

    Raises:
        BadFile: there is no collection, or nothing of its list of versions can be read.
    """
    store = Store(str(address))
    found = _checked(store, LISTING, None, repair)
    if any(not each.whole for each in found) and not repair:
        folder = local(str(address))
        assert folder is not None
        if whole.state(folder, LISTING, thorough=True).damaged:
            return found  # whose versions nobody can tell
    versions = store.versions()
    if not versions:
        raise BadFile(f"there is no collection in {address} to check")
    for version in versions:
        found += _checked(store, version.table, version, repair)
    return found


def _checked(store: Store, table: str, version: Version | None, repair: bool) -> list[Finding]:
    if store.folder is None:
        return [_read(store, table)]
    with guarded(store.address):
        state = whole.state(store.folder, table, thorough=True)
    wrong = [Finding(f"{table}/{name}", False, reason) for name, reason in state.damaged]
    wrong += [
        Finding(f"{table}/{name}", False, f"{reason}; the version before it counts")
        for name, reason in state.lacking
    ]
    manifest = state.whole
    if manifest is None:
        return [*wrong, Finding(table, False, "no version of it is whole")]
    if state.damaged:
        if not repair:
            return wrong
        wrong.append(_without(store, table, version, manifest, {name for name, _ in state.damaged}))
    elif state.lacking and repair:
        store.settle(table)
        wrong.append(Finding(table, True, f"back at its version {manifest.version}"))
    if not wrong and not state.vouched:
        return [_read(store, table)]
    if wrong:
        return wrong
    count = len(manifest.files) + 1
    return [Finding(table, True, f"{count:,} files, as they were written")]


def _read(store: Store, table: str) -> Finding:
    """Whether all rows of a table can be read, where nothing says what they were."""
    try:
        with guarded(store.address):
            rows = 0
            for batch in store.table(table).search().limit(None).to_batches():
                batch.validate(full=True)
                rows += len(batch)
    except BadFile as error:
        return Finding(table, False, str(error))
    return Finding(table, True, f"{rows:,} rows can be read; nothing says what was written")


def _without(
    store: Store, table: str, version: Version | None, manifest: whole.Manifest, damaged: set[str]
) -> Finding:
    """Remove the rows of damaged files, or the index if it is that."""
    assert store.folder is not None
    pieces = [which for which, names in manifest.fragments.items() if damaged & set(names)]
    if version is None:
        raise BadFile(
            f"the list of versions of {store.address} is damaged and cannot be repaired; copy the "
            "collection again, or index the pictures into another one"
        )
    with guarded(store.address):
        opened = store.database.open_table(table)
        if not damaged.isdisjoint(
            {name for name in manifest.files if name.startswith("_indices/")}
        ):
            for index in opened.list_indices():
                opened.drop_index(index.name)
        before, names = int(opened.count_rows()), []
        for which in pieces:
            span = f"_rowid >= {which << 32} AND _rowid < {which + 1 << 32}"
            names += _ids(opened, span)
            opened.delete(span)
        removed = before - int(opened.count_rows())
        whole.seal(store.folder, table)
    if version.about.trained:
        store.write(
            dataclasses.replace(
                version, about=dataclasses.replace(version.about, trained=0, probes=0)
            )
        )
        Collection(store, version).optimize()
    what = ", ".join(names[:10]) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")
    said = f": {what}" if names else ", whose names cannot be read" if removed else ""
    return Finding(table, True, f"{removed:,} rows removed{said}; narrows index makes them again")


def _ids(table: Any, span: str) -> list[str]:
    """The ids of some rows, if they can be read."""
    try:
        rows = table.search().select(["id"]).where(span).limit(None).to_arrow()
        return [str(each) for each in rows["id"].to_pylist()]
    except BaseException as error:  # the engine panics where a file is damaged
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return []
