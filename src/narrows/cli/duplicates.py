"""``narrows duplicates``: pictures of a collection that are there twice, and which one to keep."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed
from .collection import Address, Moved, Number, Where, model_of, plain

if TYPE_CHECKING:
    import numpy as np

    from ..applications.duplicates import Group, Threshold
    from ..collection import Collection

__all__ = ["duplicates"]

SAMPLE = 2000  # pictures whose nearest other is looked for
MADE = 64  # pictures that copies are made of
NEAR = 5  # pictures nearest by code that each is compared with
BATCH = 1000
SHOWN, BESIDE, EXAMPLES = 24, 7, 4  # groups on the sheet, pictures beside a keeper, pairs


@app.command()
def duplicates(
    collection: Address,
    by: Annotated[
        str,
        typer.Option(
            help="look: pictures that codes or coarse looks bring together are laid onto each other; "
            "finds crops too. codes: the distance of codes alone."
        ),
    ] = "pixels",
    threshold: Annotated[
        float | None,
        typer.Option(
            help="The largest difference of duplicates: of looks, from 0 to 1, or the distance of "
            "codes. By default one that is made of copies of the collection's own pictures."
        ),
    ] = None,
    where: Where = None,
    move_to: Annotated[
        Path | None,
        typer.Option(help="Move all but the keepers into this folder; nothing is deleted."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The sheet of groups and of pairs at the threshold.")
    ] = Path("duplicates.png"),
    model: Moved = None,
    version: Number = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Find pictures that show the same, and suggest which one of each group to keep.

    Pictures are compared with those that are nearest by code or at a coarse look; of these, what is
    left once one is laid onto the other decides. The keeper is the largest picture, of equals the
    largest file. Look at the sheet before you
    move anything: its last rows show pairs that the threshold just counts, and just does not.

    Example: [bold]narrows duplicates holiday-codes --move-to holiday-twice/[/]
    """
    from ..applications.quarantine import LIST
    from ..collection import Collection
    from ..figures import save
    from ..figures.contact import grouped_sheet

    if by not in ("pixels", "codes"):
        raise ValueError(f"--by is pixels or codes; we got {by!r}")
    opened = Collection.open(collection, version)
    rows = opened.rows(["id", "code", "path", "size", "mtime", "hash", "width", "height"], where)
    n = len(rows["id"])
    if n < 2:
        among = f"passing the filter {where!r}" if where else "in it"
        raise ValueError(f"{collection} has {n} pictures {among}; duplicates need two")
    if move_to is not None and any(path is None for path in rows["path"]):
        raise ValueError(f"--move-to needs files; the pictures of {collection} are not")
    if by == "pixels":
        found = _by_look(opened, rows, where, threshold)
    else:
        found = _by_codes(opened, rows, where, threshold, model, device)
    groups, distance, advice, pairs = found
    save(grouped_sheet(_sections(opened, rows, groups, pairs, distance)), out)
    redundant = [row for group in groups for row in group.others]
    document: dict[str, Any] = {
        "collection": str(collection),
        "version": opened.version.number,
        "where": where,
        "pictures": n,
        "by": by,
        "threshold": distance,
        "examples": _examples(advice),
        "groups": [_described(rows, group) for group in groups],
        "duplicates": len(redundant),
        "bytes": sum(int(rows["size"][row]) for row in redundant if rows["path"][row] is not None),
        "sheet": str(out),
    }
    lines = _text(document, advice)
    if move_to is not None:
        moved, stayed = _quarantine(opened, rows, groups, move_to)
        document |= {
            "moved": [{"id": id_, "to": to} for id_, to in moved],
            "not_moved": [list(item) for item in stayed],
        }
        if moved:
            lines.append(f"{len(moved):,} moved to {move_to}; {move_to / LIST} says from where")
        lines += [f"  not moved: {id_}: {reason}" for id_, reason in stayed[:10]]
        if len(stayed) > 10:
            lines.append(f"  … and {len(stayed) - 10} more (all of them with --json)")
    printed(document, as_json, "\n".join(lines))


def _best_first(rows: dict[str, Any]) -> np.ndarray:
    """The rows from the one to keep: the largest picture, the largest file, the first one."""
    import numpy as np

    area = np.nan_to_num(rows["width"].astype(float) * rows["height"])
    return np.lexsort((-np.nan_to_num(rows["size"].astype(float)), -area))


def _by_look(
    opened: Collection, rows: dict[str, Any], where: str | None, threshold: float | None
) -> tuple[list[Group], float, Threshold | None, list[tuple[float, int, int]]]:
    """Groups, the threshold and what speaks for it, and the pairs that were compared."""
    import numpy as np

    from ..applications.near_duplicates import near_duplicates, signatures

    n, place = len(rows["id"]), {id_: row for row, id_ in enumerate(rows["id"])}
    small = np.zeros((n, *signatures(()).shape[1:]), np.uint8)
    with options.counting("looking") as progress:
        done = 0
        for batch in opened.iter_batches(["id", "thumbnail"], where, BATCH):
            there = [i for i, id_ in enumerate(batch["id"]) if id_ in place]
            at = [place[batch["id"][i]] for i in there]
            small[at] = signatures(_thumbnail(batch["thumbnail"][i]) for i in there)
            progress(done := done + len(batch["id"]), max(n, done))
    near = np.full((n, NEAR + 1), -1)
    with options.counting("searching") as progress:
        for low in range(0, n, BATCH):
            hits = opened.search(rows["code"][low : low + BATCH], NEAR + 1, where=where)
            found = [[place.get(id_, -1) for id_ in ids] for ids in hits.ids]
            near[low : low + BATCH, : hits.ids.shape[1]] = found
            progress(min(low + BATCH, n), n)
    examples = [] if threshold is not None else _some_pictures(opened, rows["id"])
    with options.counting("comparing") as progress:
        told = near_duplicates(
            small,
            near,
            threshold=threshold,
            examples=examples,
            order=_best_first(rows),
            progress=progress,
        )
    beyond = np.argsort(told.differences)
    beyond = beyond[told.differences[beyond] > told.threshold.distance][: 4 * EXAMPLES]
    pairs = [
        (float(told.differences[i]), int(told.pairs[i, 0]), int(told.pairs[i, 1])) for i in beyond
    ]
    advice = None if threshold is not None else told.threshold
    return told.groups, told.threshold.distance, advice, pairs


def _by_codes(
    opened: Collection,
    rows: dict[str, Any],
    where: str | None,
    threshold: float | None,
    model: Path | None,
    device: str,
) -> tuple[list[Group], float, Threshold | None, list[tuple[float, int, int]]]:
    """As :func:`_by_look`; the pairs are those of some pictures with the nearest other one."""
    from ..applications.duplicates import duplicates as apply

    pairs = _nearest(opened, rows, where)
    advice = None if threshold is not None else _advice(opened, rows["id"], pairs, model, device)
    distance = threshold if advice is None else advice.distance
    assert distance is not None
    with options.counting("comparing") as progress:
        groups = apply(rows["code"], distance, order=_best_first(rows), progress=progress)
    return groups, distance, advice, pairs


def _thumbnail(content: bytes | None) -> np.ndarray:
    from ..images.thumbnails import opened_thumbnail

    if content is None:
        raise ValueError(
            "this collection has pictures without a thumbnail: compare codes, with --by codes"
        )
    return opened_thumbnail(content)


def _some_pictures(opened: Collection, ids: Any) -> list[np.ndarray]:
    """Thumbnails that copies are made of, evenly chosen."""
    import numpy as np

    from ..images.thumbnails import opened_thumbnail

    places = np.unique(np.linspace(0, len(ids) - 1, min(len(ids), MADE)).astype(np.int64))
    small = opened.rows(["thumbnail"], ids=[ids[place] for place in places])["thumbnail"]
    return [opened_thumbnail(content) for content in small if content is not None]


def _nearest(
    opened: Collection, rows: dict[str, Any], where: str | None
) -> list[tuple[float, int, int]]:
    """Of some pictures the distance to the nearest other one, and the two rows."""
    import numpy as np

    n = len(rows["id"])
    some = np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).astype(np.int64))
    found = opened.search(rows["code"][some], 2, where=where)
    place = {id_: row for row, id_ in enumerate(rows["id"])}
    pairs = {}
    for row, ids, distances in zip(some.tolist(), found.ids, found.distances, strict=True):
        for id_, distance in zip(ids, distances.tolist(), strict=True):
            other = place.get(id_)  # None of a picture that came since
            if other is not None and other != row:
                pairs[row] = (distance, row, other)
                break
    return sorted(pairs.values())


def _advice(
    opened: Collection,
    ids: Any,
    pairs: list[tuple[float, int, int]],
    model: Path | None,
    device: str,
) -> Threshold:
    """A threshold made of examples; see :func:`threshold_of`."""
    import numpy as np
    import torch

    from ..applications.duplicates import threshold_of
    from ..collection import pooled
    from ..images import Images
    from ..images.read import fit_pixels, wanted

    loaded = model_of(opened, model, device)
    about = opened.about
    channels, height, width = about.shape
    how = wanted((height, width), "gray" if channels == 1 else "rgb", about.fit, None)

    def encode(pictures: Any) -> Any:
        pixels = [fit_pixels(torch.from_numpy(each.copy())[None], how) for each in pictures]
        return pooled(loaded.encode(Images(torch.cat(pixels))).z.numpy(), about.pool)

    apart = float(np.median([pair[0] for pair in pairs]))
    return threshold_of(_some_pictures(opened, ids), encode, apart)


def _sections(
    opened: Collection,
    rows: dict[str, Any],
    groups: list[Group],
    pairs: list[tuple[float, int, int]],
    threshold: float,
) -> list[tuple[str, list[list[tuple[str, str, Any]]]]]:
    """What the sheet shows: groups, then pairs on either side of the threshold."""
    from ..images.thumbnails import opened_thumbnail

    shown = groups[:SHOWN]
    counted = sorted(
        (distance, group.keeper, other)
        for group in groups
        for other, distance in zip(group.others, group.distances, strict=True)
    )[-EXAMPLES:]
    apart = [pair for pair in pairs if pair[0] > threshold]
    beyond = list({frozenset(pair[1:]): pair for pair in apart[: 4 * EXAMPLES]}.values())
    beyond = sorted(beyond)[:EXAMPLES]
    wanted = {row for group in shown for row in (group.keeper, *group.others[:BESIDE])}
    wanted |= {row for _, a, b in (*counted, *beyond) for row in (a, b)}
    ids = [rows["id"][row] for row in sorted(wanted)]
    small = opened.rows(["thumbnail"], ids=ids)["thumbnail"]
    pictures = dict(zip(sorted(wanted), map(opened_thumbnail, small), strict=True))

    def cell(row: int, caption: str) -> tuple[str, str, Any]:
        return caption, Path(rows["id"][row]).name, pictures[row]

    def size(row: int) -> str:
        return f"{plain(rows['width'][row])}×{plain(rows['height'][row])}"

    def group_cells(group: Group) -> list[tuple[str, str, Any]]:
        first = zip(group.others[:BESIDE], group.distances, strict=False)
        cells = [cell(row, f"{distance:.3g}   {size(row)}") for row, distance in first]
        more = len(group.others) - BESIDE
        keep = f"keep   {size(group.keeper)}" + (f"   (+{more} more)" if more > 0 else "")
        return [cell(group.keeper, keep), *cells]

    def pair_cells(pair: tuple[float, int, int]) -> list[tuple[str, str, Any]]:
        return [cell(pair[1], f"{pair[0]:.3g}"), cell(pair[2], "")]

    redundant = sum(len(group.others) for group in groups)
    title = f"{len(groups):,} groups, {redundant:,} redundant pictures of {len(rows['id']):,}"
    if len(groups) > SHOWN:
        title += f"; the {SHOWN} largest groups"
    sections = [(title, [group_cells(group) for group in shown])]
    if counted:
        sections.append(
            (
                f"the farthest that are counted: up to {threshold:.3g}",
                list(map(pair_cells, counted)),
            )
        )
    if beyond:
        sections.append(("the nearest that are not", list(map(pair_cells, beyond))))
    return sections


def _described(rows: dict[str, Any], group: Group) -> dict[str, Any]:
    def picture(row: int) -> dict[str, Any]:
        named = {key: plain(rows[key][row]) for key in ("id", "path", "width", "height", "size")}
        return named

    keeper = rows["hash"][group.keeper]
    return {
        "keeper": picture(group.keeper),
        "others": [
            {
                **picture(row),
                "distance": distance,
                "same_file": keeper is not None and rows["hash"][row] == keeper,
            }
            for row, distance in zip(group.others, group.distances, strict=True)
        ],
    }


def _examples(advice: Threshold | None) -> dict[str, Any] | None:
    """What speaks for a threshold, as JSON."""
    import numpy as np

    if advice is None:
        return None
    return {
        "made": {
            name: {"median_distance": float(np.median(away)), "found": advice.found(name)}
            for name, away in advice.made.items()
        },
        "nearest_other_picture": advice.apart if math.isfinite(advice.apart) else None,
    }


def _text(document: dict[str, Any], advice: Threshold | None) -> list[str]:
    kind = "differences" if document["by"] == "pixels" else "distances"
    lines = [
        f"{document['duplicates']:,} duplicates in {len(document['groups']):,} groups among "
        f"{document['pictures']:,} pictures, at {kind} up to {document['threshold']:.4g}"
    ]
    if advice is not None:
        reached = (0.5, 1.0, 2.0)
        marks = [factor * advice.distance for factor in reached]
        lines.append(
            "  made of these pictures   " + "".join(f"{f'up to {mark:.3g}':>14}" for mark in marks)
        )
        for name in advice.made:
            shares = "".join(f"{advice.found(name, mark):>14.0%}" for mark in marks)
            lines.append(f"  {name:<23}  {shares}")
        if math.isfinite(advice.apart):
            lines.append(f"  the nearest other picture is usually {advice.apart:.3g} away")
    for group in document["groups"][:8]:
        names = [other["id"] for other in group["others"]]
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        lines.append(f"  keep {group['keeper']['id']}, redundant {', '.join(names[:4])}{more}")
    if len(document["groups"]) > 8:
        lines.append(f"  … and {len(document['groups']) - 8} groups more (all of them with --json)")
    lines.append(f"look at {document['sheet']}")
    return lines


def _quarantine(
    opened: Collection, rows: dict[str, Any], groups: list[Group], folder: Path
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Move the files of all but the keepers; what was moved leaves the collection."""
    from ..applications.quarantine import Redundant, quarantine

    redundant_files = [
        Redundant(
            rows["id"][row],
            rows["path"][row],
            int(rows["size"][row]),
            int(rows["mtime"][row]),
            rows["path"][group.keeper],
        )
        for group in groups
        for row in group.others
    ]
    moved, stayed = quarantine(redundant_files, folder, opened.about.pictures)
    if moved:
        opened.delete([id_ for id_, _ in moved])
    return moved, stayed
