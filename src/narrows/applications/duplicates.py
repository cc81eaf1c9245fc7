"""Duplicates: pictures of a collection, or of a folder or array, that show the same; which one to keep.

    collection ──stored codes, thumbnails─┐
                                          ├──► whom to compare ──► differences ──► groups
    pictures [, model] ──read once────────┘

By ``pixels`` pictures that codes or coarse looks bring together are laid onto each other
(:mod:`narrows.applications.near_duplicates`); by ``codes`` the distance of codes alone decides
(:mod:`narrows.applications.close_codes`). Nothing is moved unless ``Duplicates.quarantine`` is called.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..collection import Collection
from ..figures.contact import grouped_sheet
from ..images.thumbnails import opened_thumbnail
from ..progress import Progress, stage
from ..results import Result
from ..tables import Table
from .close_codes import Group, Threshold, close_groups, threshold_of
from .comparing import Given, PicturesToCompare, Stored
from .keepers import best_first, on_disk, settled
from .near_duplicates import near_duplicates
from .opening import is_collection, opened_collection, opened_model
from .quarantine import LIST, Redundant, Undone, quarantine, undo
from .search import plain

__all__ = ["Duplicates", "duplicates"]

Array = np.ndarray[Any, Any]
Pair = tuple[float, int, int]  # a difference, and two rows

SAMPLE = 2000  # pictures whose nearest other is looked for
MADE = 64  # pictures that copies are made of
NEAR = 5  # pictures nearest by code that each is compared with
BATCH = 1000  # codes at a time
SHOWN, BESIDE, EXAMPLES = 24, 7, 4  # groups on the sheet, pictures beside a keeper, pairs


@dataclass(frozen=True, repr=False)
class Duplicates(Result):
    """Pictures that show the same, in groups with one to keep.

    Attributes:
        groups: rows of ``columns``: a keeper, the others, and their differences from it.
        by: ``pixels`` or ``codes``.
        threshold: the largest difference that counts: of pixels from 0 to 1, or of codes.
        examples: what speaks for the threshold; None where it was given.
        columns: id, path, size, mtime, hash, width and height of the N pictures, each (N,).
        beyond: (difference, row, row) of the nearest pairs that do not count.
        thumbnails: of the rows that the sheet shows, uint8 (3, H, W).
        collection: whose pictures they are; None of pictures that were given.
        source: what they are called.
        where: the filter.
        moved: (id, path) of what :meth:`quarantine` moved; None before.
        not_moved: (id, reason) of what had to stay.
        turns: of each group, of each of its others: how it is turned against the keeper, as "mirrored" or
            "turned by 90°"; empty where it is not.
        dry_run: whether ``moved`` says what would be moved.
        removed: the rows that left the collection with what was moved; None before.
        skipped, notes: as of every result.
    """

    name: ClassVar[str] = "duplicates"
    groups: Sequence[Group]
    by: str
    threshold: float
    examples: Threshold | None
    columns: Mapping[str, Array]
    beyond: Sequence[Pair]
    thumbnails: Mapping[int, Array]
    collection: Collection | None
    source: str
    where: str | None = None
    moved: Sequence[tuple[str, str]] | None = None
    not_moved: Sequence[tuple[str, str]] = ()
    folder: str = ""
    skipped: Sequence[tuple[str, str]] = ()
    turns: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    dry_run: bool = False
    removed: Mapping[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def redundant(self) -> list[int]:
        """The rows of all that are not keepers."""
        return [row for group in self.groups for row in group.others]

    def keeping(self, kept: Mapping[int, Sequence[int]]) -> Duplicates:
        """The groups that somebody looked at, with what is to stay of each.

        Args:
            kept: place in ``groups`` → the rows that stay, the keeper first; groups that are not named
                are left out, and so are those of which all stay. Differences remain those from the
                keeper that was suggested.

        Raises:
            ValueError: there is no such group, a group of which none stays, or a row that is not in it.
        """
        groups, turns = [], []
        for place, rows in sorted(kept.items()):
            if not 0 <= place < len(self.groups):
                raise ValueError(f"there is no group {place}; there are {len(self.groups):,}")
            group = self.groups[place]
            away = dict(zip(group.others, group.distances, strict=True))
            how = dict(zip(group.others, self.how(place), strict=True))
            members = [group.keeper, *group.others]
            if not rows or not set(rows) <= set(members):
                raise ValueError(
                    f"of group {place} one of the rows {members} or more have to stay; we got {list(rows)}"
                )
            first = rows[0]
            others = [row for row in members if row not in rows]
            if others:
                # the suggested keeper is as far from another one as that is from it
                distances = [away.get(row, away.get(first, 0.0)) for row in others]
                groups.append(Group(first, others, distances))
                turns.append([how.get(row, how.get(first, "")) for row in others])
        return dataclasses.replace(self, groups=groups, turns=turns)

    def quarantine(self, folder: Path | str, *, dry_run: bool = False) -> Duplicates:
        """Move the files of all but the keepers into a folder; nothing is deleted.

        What was moved leaves the collection. A file stays that changed or is gone since it was looked
        at, or whose keeper did or is; so does what is reached through a link. moved.csv in the folder says
        what was moved from where; :meth:`restore` brings it back, and with another program
        :func:`narrows.applications.quarantine.undo`.

        Args:
            folder: where to.
            dry_run: only say what would be moved.

        Returns:
            This result with ``moved`` and ``not_moved``.

        Raises:
            ValueError: the pictures are no files.
            BadFile: the folder is a file, or below the pictures.
            NarrowsError: it cannot be written; moved.csv there says what was moved before.
        """
        known = self.columns
        if any(path is None for path in known["path"]):
            raise ValueError(f"--move-to needs files; the pictures of {self.source} are not")
        files = [
            Redundant(
                known["id"][row],
                known["path"][row],
                int(known["size"][row]),
                int(known["mtime"][row]),
                known["path"][group.keeper],
                known["hash"][row] or "",
                known["hash"][group.keeper] or "",
            )
            for group in self.groups
            for row in group.others
        ]
        root = _root(self.source, self.collection)
        moved, stayed = quarantine(files, folder, root, dry_run=dry_run)
        removed = None
        if moved and self.collection is not None and not dry_run:
            gone = [id_ for id_, _ in moved]
            removed = self.collection.rows(where="true", ids=gone)
            self.collection.delete(gone)
        return dataclasses.replace(
            self,
            moved=moved,
            not_moved=stayed,
            folder=str(folder),
            dry_run=dry_run,
            removed=removed,
        )

    def restore(self) -> Undone:
        """Bring back what :meth:`quarantine` moved, and the rows of it into the collection.

        Raises:
            ValueError: nothing was moved.
            BadFile: the list of what was moved is gone.
            NarrowsError: a folder cannot be written; what was brought back before stays.
        """
        if not self.moved or self.dry_run:
            raise ValueError("nothing was moved, so that nothing can be brought back")
        undone = undo(self.folder)
        if self.removed is not None and self.collection is not None:
            back = set(undone.restored)
            there = [
                i for i, path in enumerate(self.removed["path"]) if os.path.abspath(path) in back
            ]
            if there:
                self.collection.upsert({n: values[there] for n, values in self.removed.items()})
        return undone

    def document(self) -> dict[str, Any]:
        """The groups, and what the threshold is made of."""
        known, rows = self.columns, self.redundant
        sizes = [int(known["size"][row]) for row in rows if known["path"][row] is not None]
        told: dict[str, Any] = {
            "collection": None if self.collection is None else self.collection.address,
            "version": None if self.collection is None else self.collection.version.number,
            "where": self.where,
            "pictures": len(known["id"]),
            "by": self.by,
            "threshold": self.threshold,
            "examples": _examples(self.examples),
            "groups": [self._described(place) for place in range(len(self.groups))],
            "duplicates": len(rows),
            "bytes": sum(sizes),
            "skipped": [list(item) for item in self.skipped],
        }
        if self.moved is not None:
            told["moved"] = [{"id": id_, "to": to} for id_, to in self.moved]
            told["not_moved"] = [list(item) for item in self.not_moved]
            told["dry_run"] = self.dry_run
        return told | {"notes": list(self.notes)}

    def how(self, place: int) -> Sequence[str]:
        """How the others of a group are turned against its keeper."""
        return self.turns[place] if self.turns else [""] * len(self.groups[place].others)

    def _described(self, place: int) -> dict[str, Any]:
        known, group = self.columns, self.groups[place]

        def picture(row: int) -> dict[str, Any]:
            return {
                key: plain(known[key][row]) for key in ("id", "path", "width", "height", "size")
            }

        keeper = known["hash"][group.keeper]
        others = zip(group.others, group.distances, self.how(place), strict=True)
        return {
            "keeper": picture(group.keeper),
            "others": [
                picture(row)
                | {
                    "distance": distance,
                    "same_file": keeper is not None and known["hash"][row] == keeper,
                    "turned": turned,
                }
                for row, distance, turned in others
            ],
        }

    def table(self) -> Table:
        """A row per redundant picture."""
        ids = self.columns["id"]
        rows = [
            {
                "keep": ids[g.keeper],
                "redundant": ids[row],
                "difference": float(distance),
                "turned": how,
            }
            for place, g in enumerate(self.groups)
            for row, distance, how in zip(g.others, g.distances, self.how(place), strict=True)
        ]
        turned = any(row["turned"] for row in rows)
        titles = {t: t for t in ("keep", "redundant", "difference", *["turned"] * turned)}
        return Table.of_rows(rows, titles, digits=4)

    def figures(self) -> dict[str, Any]:
        """Groups, then pairs on either side of the threshold."""
        return {"duplicates": grouped_sheet(_sections(self))}

    def __str__(self) -> str:
        kind = "differences" if self.by == "pixels" else "distances"
        lines = [
            f"{len(self.redundant):,} duplicates in {len(self.groups):,} groups among "
            f"{len(self.columns['id']):,} pictures, at {kind} up to {self.threshold:.4g}"
        ]
        if self.examples is not None:
            lines += _shares(self.examples)
        ids = self.columns["id"]
        for place, group in enumerate(self.groups[:8]):
            more = f" and {len(group.others) - 4} more" if len(group.others) > 4 else ""
            first = zip(group.others[:4], self.how(place), strict=False)
            names = ", ".join(ids[row] + (f" ({how})" if how else "") for row, how in first)
            lines.append(f"  keep {ids[group.keeper]}, redundant {names}{more}")
        if len(self.groups) > 8:
            lines.append(f"  … and {len(self.groups) - 8} groups more (all of them with --json)")
        if self.moved:
            moved = Path(self.folder)
            lines.append(
                f"{len(self.moved):,} would be moved to {moved}"
                if self.dry_run
                else f"{len(self.moved):,} moved to {moved}; back again: narrows duplicates --undo "
                f"{moved / LIST}"
            )
        lines += [f"  not moved: {id_}: {reason}" for id_, reason in self.not_moved[:10]]
        if len(self.not_moved) > 10:
            lines.append(f"  … and {len(self.not_moved) - 10} more (all of them with --json)")
        return "\n".join(lines)


def duplicates(
    subject: Any,
    *,
    by: str = "pixels",
    threshold: float | None = None,
    keep: str = "largest",
    turns: bool = True,
    where: str | None = None,
    model: Any = None,
    version: int | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> Duplicates:
    """Find pictures that show the same, and suggest which one of each group to keep.

    The keeper is the picture of most pixels, of equals the older one, then one without "(1)" or "copy" in
    its name, then the larger file. Where no threshold is given, one is made of copies of these very
    pictures (recompressed, resized, cropped, brightened). What is reached through a link, is one file
    under two names, or changed since it was indexed is never redundant, and ``notes`` say so.

    Args:
        subject: a collection (or its folder or address), or pictures of any kind, see
            :func:`narrows.images.inputs.pictures`.
        by: ``pixels``: pictures that codes or coarse looks bring together are laid onto each other;
            finds crops too. ``codes``: the distance of codes alone.
        threshold: the largest difference of duplicates: of pixels, from 0 to 1, or of codes.
        keep: ``largest``; ``oldest`` or ``newest`` put the time of change before the size.
        turns: by pixels, find mirrored copies and such as are turned by quarters, too.
        where: of a collection, only the rows that pass this filter.
        model: of a collection the one that made it, where it moved; of pictures, whose codes help
            to say whom to compare, and decide with ``by="codes"``.
        version: of the collection; None takes the newest that is complete.
        device: where a model that is read goes.
        progress: see :mod:`narrows.progress`.

    Raises:
        ValueError: fewer than two pictures, another ``by`` or ``keep``, a threshold below 0, codes without a model.
        BadFile: there is no such collection, or its model cannot be read or is another.
        NoImages: nothing can be read.

    Examples:
        >>> import numpy as np
        >>> import narrows as nw
        >>> pictures = np.random.default_rng(0).integers(256, size=(12, 1, 16, 16), dtype=np.uint8)
        >>> found = nw.duplicates(np.concatenate([pictures, pictures[:2]]))
        >>> len(found.groups)
        2
    """
    if by not in ("pixels", "codes"):
        raise ValueError(f"by is pixels or codes; we got {by!r}")
    pictures: PicturesToCompare
    if is_collection(subject):
        pictures = Stored(opened_collection(subject, version), where, model, device)
    elif where is not None or version is not None:
        raise ValueError("a filter and a version are of a collection; these pictures are none")
    elif by == "codes" and model is None:
        raise ValueError("duplicates of pictures by codes need a model: --model (model=)")
    else:
        pictures = Given(subject, None if model is None else opened_model(model, device), progress)
    n = len(pictures.columns["id"])
    if n < 2:
        among = f"passing the filter {where!r}" if where else "in it"
        raise ValueError(f"{pictures.source} has {n} pictures {among}; duplicates need two")
    disk = on_disk(pictures.columns, _root(pictures.source, pictures.collection))
    order = best_first(pictures.columns, disk, keep)
    if by == "pixels":
        found, distance, advice, pairs, how = _by_pixels(
            pictures, threshold, order, turns, progress
        )
    else:
        found, distance, advice, pairs, how = _by_codes(pictures, threshold, order, progress)
    groups, how, notes = settled(found, how, disk, pictures.columns["id"])
    beyond = _beyond(pairs, distance)
    shown = sorted(_shown(groups, beyond))
    small = dict(zip(shown, map(opened_thumbnail, pictures.thumbnails(shown)), strict=True))
    return Duplicates(
        groups, by, distance, advice, pictures.columns, beyond, small, pictures.collection,
        pictures.source, where, skipped=pictures.skipped, turns=how,
        notes=[*pictures.notes, *notes],
    )  # fmt: skip


def _root(source: str, collection: Collection | None) -> str:
    """The folder that all pictures are in; nothing of single files, which are in none."""
    root = source if collection is None else collection.about.pictures
    return root if root and Path(root).expanduser().is_dir() else ""


# ---- the comparison ------------------------------------------------------------------------------

Compared = tuple[list[Group], float, Threshold | None, list[Pair], list[list[str]]]


def _by_pixels(
    pictures: PicturesToCompare,
    threshold: float | None,
    order: Array,
    turns: bool,
    progress: Progress,
) -> Compared:
    """Groups, the threshold and what speaks for it, the pairs that were compared, and the turns."""
    small = pictures.signatures(progress)
    found = None if pictures.codes is None else _neighbours(pictures, progress)
    with stage(progress, "comparing") as step:
        told = near_duplicates(
            small,
            found,
            threshold=threshold,
            examples=[] if threshold is not None else _some_pictures(pictures),
            order=order,
            turns=turns,
            progress=step,
        )
    nearest = np.argsort(told.differences)
    pairs = [
        (float(told.differences[i]), int(told.pairs[i, 0]), int(told.pairs[i, 1])) for i in nearest
    ]
    advice = None if threshold is not None else told.threshold
    return told.groups, told.threshold.distance, advice, pairs, told.turns


def _by_codes(
    pictures: PicturesToCompare, threshold: float | None, order: Array, progress: Progress
) -> Compared:
    """As :func:`_by_pixels`; the pairs are those of some pictures with the nearest other one."""
    codes, pairs = pictures.codes, _nearest_others(pictures)
    assert codes is not None
    advice = None
    if threshold is None:
        apart = float(np.median([pair[0] for pair in pairs]))
        advice = threshold_of(_some_pictures(pictures), pictures.encode, apart)
    distance = threshold if advice is None else advice.distance
    assert distance is not None
    with stage(progress, "comparing") as step:
        groups = close_groups(codes, distance, order=order, progress=step)
    return groups, distance, advice, pairs, [[""] * len(group.others) for group in groups]


def _neighbours(pictures: PicturesToCompare, progress: Progress) -> Array:
    """The rows nearest to each by code, (N, NEAR + 1), itself among them; −1 where there is none."""
    codes = pictures.codes
    assert codes is not None
    near = np.full((len(codes), NEAR + 1), -1)
    with stage(progress, "searching") as step:
        for low in range(0, len(codes), BATCH):
            rows, _ = pictures.nearest(codes[low : low + BATCH], NEAR + 1)
            near[low : low + BATCH, : rows.shape[1]] = rows
            step(min(low + BATCH, len(codes)), len(codes))
    return near


def _nearest_others(pictures: PicturesToCompare) -> list[Pair]:
    """Of some pictures the distance to the nearest other one, and the two rows."""
    codes = pictures.codes
    assert codes is not None
    some = np.unique(np.linspace(0, len(codes) - 1, min(len(codes), SAMPLE)).astype(np.int64))
    rows, distances = pictures.nearest(codes[some], 2)
    pairs = {}
    for row, others, aways in zip(some.tolist(), rows.tolist(), distances.tolist(), strict=True):
        for other, away in zip(others, aways, strict=True):
            if other not in (-1, row):  # −1: a picture that came since
                pairs[row] = (away, row, other)
                break
    return sorted(pairs.values())


def _some_pictures(pictures: PicturesToCompare) -> list[Array]:
    """Thumbnails that copies are made of, evenly chosen."""
    n = len(pictures.columns["id"])
    rows = np.unique(np.linspace(0, n - 1, min(n, MADE)).astype(np.int64)).tolist()
    return [opened_thumbnail(each) for each in pictures.thumbnails(rows) if each]


# ---- what is shown and said ----------------------------------------------------------------------


def _beyond(pairs: Sequence[Pair], threshold: float) -> list[Pair]:
    """The nearest pairs that the threshold just does not count."""
    apart = [pair for pair in pairs if pair[0] > threshold][: 4 * EXAMPLES]
    return sorted({frozenset(pair[1:]): pair for pair in apart}.values())[:EXAMPLES]


def _counted(groups: Sequence[Group]) -> list[Pair]:
    """The farthest pairs that it just counts."""
    return sorted(
        (distance, group.keeper, other)
        for group in groups
        for other, distance in zip(group.others, group.distances, strict=True)
    )[-EXAMPLES:]


def _shown(groups: Sequence[Group], beyond: Sequence[Pair]) -> set[int]:
    """The rows that the sheet shows."""
    rows = {row for group in groups[:SHOWN] for row in (group.keeper, *group.others[:BESIDE])}
    return rows | {row for _, a, b in (*_counted(groups), *beyond) for row in (a, b)}


def _sections(found: Duplicates) -> list[tuple[str, list[list[tuple[str, str, Any]]]]]:
    """What the sheet shows: groups, then pairs on either side of the threshold."""
    known, pictures = found.columns, found.thumbnails

    def cell(row: int, caption: str) -> tuple[str, str, Any]:
        return caption, Path(known["id"][row]).name, pictures[row]

    def size(row: int) -> str:
        return f"{plain(known['width'][row])}×{plain(known['height'][row])}"

    def group_cells(place: int) -> list[tuple[str, str, Any]]:
        group = groups[place]
        first = zip(group.others[:BESIDE], group.distances, found.how(place), strict=False)
        cells = [
            cell(row, f"{distance:.3g}   {turned or size(row)}") for row, distance, turned in first
        ]
        more = len(group.others) - BESIDE
        keep = f"keep   {size(group.keeper)}" + (f"   (+{more} more)" if more > 0 else "")
        return [cell(group.keeper, keep), *cells]

    def pair_cells(pair: Pair) -> list[tuple[str, str, Any]]:
        return [cell(pair[1], f"{pair[0]:.3g}"), cell(pair[2], "")]

    groups, redundant = found.groups, len(found.redundant)
    title = f"{len(groups):,} groups, {redundant:,} redundant pictures of {len(known['id']):,}"
    if len(groups) > SHOWN:
        title += f"; the {SHOWN} largest groups"
    sections = [(title, list(map(group_cells, range(len(groups[:SHOWN])))))]
    if counted := _counted(groups):
        heading = f"the farthest that are counted: up to {found.threshold:.3g}"
        sections.append((heading, list(map(pair_cells, counted))))
    if found.beyond:
        sections.append(("the nearest that are not", list(map(pair_cells, found.beyond))))
    return sections


def _examples(advice: Threshold | None) -> dict[str, Any] | None:
    """What speaks for a threshold, as JSON."""
    if advice is None:
        return None
    return {
        "made": {
            name: {"median_distance": float(np.median(away)), "found": advice.found(name)}
            for name, away in advice.made.items()
        },
        "nearest_other_picture": advice.apart if math.isfinite(advice.apart) else None,
    }


def _shares(advice: Threshold) -> list[str]:
    """What the threshold, half of it and twice of it find of made copies."""
    marks = [factor * advice.distance for factor in (0.5, 1.0, 2.0)]
    columns = "".join(f"{f'up to {mark:.3g}':>14}" for mark in marks)
    lines = ["  made of these pictures   " + columns]
    for name in advice.made:
        shares = "".join(f"{advice.found(name, mark):>14.0%}" for mark in marks)
        lines.append(f"  {name:<23}  {shares}")
    if math.isfinite(advice.apart):
        lines.append(f"  the nearest other picture is usually {advice.apart:.3g} away")
    return lines
