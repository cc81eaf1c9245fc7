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
    file: Annotated[
        Path | None, typer.Argument(help="A .parquet, .csv or .npz file; or say it with -o.")
    ] = None,
    for_: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="PROGRAM",
            help="embedding-atlas or parquet (a .parquet file), lightly (.csv), or fiftyone (a folder): "
            "as that opens it, with thumbnails, neighbours and scores where it has a place for them.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file or folder.")] = None,
    where: options.Where = None,
    version: options.Version = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Write codes, metadata and scores to one file (thumbnails too, in Parquet).

    Example: [bold]narrows collection export holiday-codes holiday.parquet[/]  or
    [bold]narrows collection export holiday-codes --for embedding-atlas -o holiday.parquet[/]
    """
    from ..collection import Collection
    from ..collection import export as write

    if (file is None) == (out is None):
        raise ValueError("say once where it goes: FILE, or -o FILE")
    file = file or out
    assert file is not None
    if for_ is not None:
        from ..applications.bridges import export_for

        answer(
            export_for(Collection.open(collection, version), file, for_, where=where, seed=seed),
            as_json,
        )
        return
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
