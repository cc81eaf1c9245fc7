"""``narrows data``: the named sets, what is in a folder, and a sheet of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..tables import counted
from . import options
from .app import App, app, printed

__all__ = ["data"]

data = App(no_args_is_help=True, help="Named sets of pictures, and what is in a folder.")
app.add_typer(data, name="data")


@data.command("list")
def list_(as_json: options.Json = False) -> None:
    """List the named sets and where each was found.

    Example: [bold]narrows data list[/]
    """
    from dataclasses import asdict

    from ..images import describe, names

    rows = [describe(name) for name in names()]

    def place(row: Any) -> str:
        return row.where or ("to download" if row.can_download else "not here")

    wide = max(len(place(row)) for row in rows)
    text = "\n".join(
        f"{row.name:<14} {row.number:>8,}  {place(row):<{wide}}  {row.about}" for row in rows
    )
    text += "\n\nA set is found below the folder that NARROWS_DATA names, one folder per set."
    printed([asdict(row) for row in rows], as_json, text)


@data.command("describe")
def describe_(
    pictures: options.Pictures,
    size: options.Size = None,
    gray: options.Gray = False,
    fit: options.Fit = "crop",
    as_json: options.Json = False,
) -> None:
    """Say what a folder, a file or a named set holds, and what was skipped and why.

    Example: [bold]narrows data describe holiday/ --size 64[/]
    """
    from ..images import describe, names

    images = options.pictures(pictures, size, gray, fit)
    document: dict[str, object] = {"description": images.description, "pictures": len(images)}
    document["shape"] = list(images.shape)
    for name, values in (getattr(images, "labels", None) or {}).items():
        document[f"label {name}"] = _counted(values)
    if getattr(images, "split", None) is not None:
        document["split"] = _counted(images.split)
    lines = [options.summary(images)]
    lines += [f"{key}: {value}" for key, value in list(document.items())[3:]]
    if pictures in names():
        row = describe(pictures)
        document |= {"origin": row.origin, "licence": row.licence}
        lines += [f"origin: {row.origin}", f"licence: {row.licence}"]
    document["notes"] = list(getattr(images, "notes", ()))
    lines += [f"note: {note}" for note in getattr(images, "notes", ())]
    document["skipped"] = [list(item) for item in getattr(images, "skipped", ())]
    printed(document, as_json, "\n".join(lines))


@data.command("show")
def show_(
    pictures: options.Pictures,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The PNG that is written.", show_default=True)
    ] = Path("sheet.png"),
    label: Annotated[
        str | None,
        typer.Option(help="Rows are of this column. Default: the first whose values are classes."),
    ] = None,
    split: options.Split = None,
    columns: Annotated[int, typer.Option(min=1, help="Pictures in a row.")] = 10,
    as_json: options.Json = False,
) -> None:
    """Draw a sheet of a folder or a named set: a row for each class, how many there are, their sizes.

    Example: [bold]narrows data show mnist -o sheet.png[/]
    """
    from ..figures import save
    from ..images import sheet

    if out.suffix.lower() != ".png":
        raise ValueError(f"-o is a PNG, such as sheet.png; we got {out}")
    figure = sheet(pictures, label=label, split=split, columns=columns)
    save(figure, out)
    printed({"sheet": str(out)}, as_json, f"look at {out}")


@data.command("verify")
def verify_(
    name: Annotated[str, typer.Argument(help="A named set.")], as_json: options.Json = False
) -> None:
    """Check a named set's files against their hashes; exit code 1 if any is wrong.

    Example: [bold]narrows data verify mnist[/]
    """
    from ..images import verify

    wrong = verify(name)
    lines = (
        [f"{name}: {len(wrong)} files are missing or damaged"]
        if wrong
        else [f"{name}: all files are right"]
    )
    printed(
        {"name": name, "wrong": list(wrong)}, as_json, "\n".join(lines + [f"  {w}" for w in wrong])
    )
    if wrong:
        raise typer.Exit(1)


@data.command("cache")
def cache_(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of them.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show the decoded pictures that are kept for the next time, or remove them.

    What was not used for longest goes first when all come to more than 5 GB, or than the environment
    variable NARROWS_CACHE_LIMIT says (5G, 800M; 0 keeps none but the last).

    Example: [bold]narrows data cache --clear[/]
    """
    import time

    from ..images import cache

    where, note = cache.place("packed")
    removed = cache.clear(where.parent) if clear else (0, 0)
    left = cache.kept(where.parent)
    total = sum(one.size for one in left)
    lines = [
        f"{one.size / 1e6:>10,.1f} MB  used {time.strftime('%Y-%m-%d %H:%M', time.localtime(one.used))}"
        f"  {one.folder.name}"
        for one in left
    ]
    if clear:
        lines.append(f"removed {_folders(removed[0])}, {removed[1] / 1e6:,.1f} MB")
    lines.append(
        f"{_folders(len(left))}, {total / 1e6:,.1f} MB of at most {cache.limit() / 1e6:,.0f}, in {where}"
    )
    lines += [f"note: {note}"] if note else []
    document = {
        "where": str(where),
        "bytes": total,
        "limit": cache.limit(),
        "folders": [{"name": o.folder.name, "bytes": o.size, "used": o.used} for o in left],
        "removed": {"folders": removed[0], "bytes": removed[1]},
        "notes": [note] if note else [],
    }
    printed(document, as_json, "\n".join(lines))


def _folders(count: int) -> str:
    return counted(count, "packed folder")


def _counted(values: object) -> str:
    import numpy as np

    found, counts = np.unique(np.asarray(values).astype(str), return_counts=True)
    order = np.argsort(-counts)[:8]
    text = ", ".join(f"{found[i]} {counts[i]:,}" for i in order)
    return text + (f", … ({len(found)} values)" if len(found) > 8 else "")
