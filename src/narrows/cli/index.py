"""``narrows index``: pictures into a collection of their codes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .app import app, printed

__all__ = ["index"]


@app.command()
def index(
    model: options.Model,
    pictures: options.Pictures,
    to: Annotated[
        str,
        typer.Option("--to", help="The collection: a folder, or an object store's address."),
    ],
    metadata: Annotated[
        Path | None,
        typer.Option(
            help="A CSV file whose first column names the picture; labels.csv, split.csv and "
            "metadata.csv in the folder are read anyway."
        ),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(help="Codes that are maps: flatten them, or take their mean or max."),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(help="How a picture meets the model's size: crop, pad or stretch."),
    ] = None,
    new_version: Annotated[
        bool,
        typer.Option(
            "--new-version", help="Begin a new version of the collection: of another model, say."
        ),
    ] = False,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Encode pictures into a collection that can be searched.

    A second run touches only what is new, changed or gone; a run that was stopped goes on where it
    was. Pictures that cannot be read are skipped and named at the end. The files stay where they
    are.

    Example: [bold]narrows index runs/pca-vae-holiday holiday/ --to holiday-codes[/]
    """
    from ..applications.index import collection_for, index_files, index_source
    from ..collection import About
    from ..images import Images
    from ..training import load

    began = time.perf_counter()
    loaded = load(model)
    options.place(loaded, device)
    source, where = _found(pictures, metadata, to)
    about = About(
        loaded.fingerprint(),
        str(model.resolve()),
        tuple(loaded.code_shape),
        pool or "flatten",
        where,
        tuple(loaded.shape),
        fit or "crop",
    )
    stated = [name for name, given in (("pool", pool), ("fit", fit)) if given is not None]
    collection = collection_for(to, about, stated=stated, new_version=new_version)

    def encode(x: Any) -> Any:
        return loaded.encode(Images(x)).z.numpy()

    apply: Any = index_source if hasattr(source, "batch") else index_files
    with options.counting("indexing") as progress:
        done = apply(collection, source, encode, progress=progress)
    seconds = time.perf_counter() - began
    document = {
        "collection": str(to),
        "version": collection.version.number,
        "pictures": len(collection),
        "added": done.added,
        "changed": done.changed,
        "removed": done.removed,
        "unchanged": done.unchanged,
        "skipped": [list(item) for item in done.skipped],
        "code": collection.about.size,
        "columns": collection.columns,
        "seconds": round(seconds, 2),
    }
    printed(document, as_json, _text(document))


def _found(pictures: str, metadata: Path | None, to: str) -> tuple[Any, str]:
    """The files of a folder, or a source in memory; and what the collection remembers of them."""
    from ..collection.store import local
    from ..images.arrays import idx_folder
    from ..images.files import picture_files

    path = Path(pictures).expanduser()
    where = str(path.resolve()) if path.exists() else pictures
    if path.is_dir() and idx_folder(path) is None:
        return picture_files(path, metadata, local(to)), where
    if metadata is not None:
        raise ValueError(f"--metadata goes with a folder of pictures; {pictures} is none")
    return options.pictures(pictures), where


def _text(document: dict[str, Any]) -> str:
    counted = [f"{document[key]:,} {key}" for key in ("added", "changed", "removed", "unchanged")]
    lines = [
        f"{document['pictures']:,} pictures in {document['collection']}, codes of "
        f"{document['code']} numbers",
        f"{', '.join(counted)}; {document['seconds']:.1f} s",
    ]
    skipped = document["skipped"]
    if skipped:
        lines.append(f"skipped {len(skipped)}:")
        lines += [f"  {name}: {reason}" for name, reason in skipped[:10]]
        if len(skipped) > 10:
            lines.append(f"  … and {len(skipped) - 10} more (all of them with --json)")
    lines.append(f"  search it   narrows search {document['collection']} --like PICTURE")
    return "\n".join(lines)
