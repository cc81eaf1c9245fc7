"""``narrows collection``: what a collection holds, as a file for other programs, and removing rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app, printed

__all__ = ["collection"]

collection = typer.Typer(no_args_is_help=True, help="What a collection holds; export; delete.")
app.add_typer(collection, name="collection")


@collection.command()
def info(
    collection: options.Collection, version: options.Version = None, as_json: options.Json = False
) -> None:
    """Say what a collection holds: pictures, columns, the model, its versions.

    Example: [bold]narrows collection info holiday-codes[/]
    """
    from ..collection import Collection

    answer(Collection.open(collection, version).info(), as_json)


@collection.command()
def export(
    collection: options.Collection,
    file: Annotated[Path, typer.Argument(help="A .parquet, .csv or .npz file.")],
    where: options.Where = None,
    version: options.Version = None,
    as_json: options.Json = False,
) -> None:
    """Write codes, metadata and scores to one file (thumbnails too, in Parquet).

    Example: [bold]narrows collection export holiday-codes holiday.parquet[/]
    """
    from ..collection import Collection
    from ..collection import export as write

    count = write(Collection.open(collection, version), file, where)
    printed({"file": str(file), "pictures": count}, as_json, f"{count:,} pictures in {file}")


@collection.command()
def delete(
    collection: options.Collection,
    ids: Annotated[list[str] | None, typer.Option("--id", help="A picture. Repeatable.")] = None,
    where: options.Where = None,
    version: Annotated[
        int | None, typer.Option(help="Remove this whole version and keep the others.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Remove rows, or an old version; no picture file is touched.

    A picture whose file is still there comes back with the next [bold]narrows index[/].

    Example: [bold]narrows collection delete holiday-codes --where "width < 100"[/]
    """
    from ..collection import Collection

    if sum(choice is not None for choice in (ids or None, where, version)) != 1:
        raise ValueError("say what to remove: --id, --where or --version, one of the three")
    opened = Collection.open(collection)
    if version is not None:
        opened.drop(version)
        text = f"version {version} of {collection} is removed"
        printed({"removed_version": version}, as_json, text)
        return
    if ids:
        opened.table(["id"], ids=ids)  # refuses an id that is not there
    count = opened.delete(ids or None, where)
    text = f"{count:,} removed, {len(opened):,} left in {collection}"
    printed({"removed": count, "pictures": len(opened)}, as_json, text)
