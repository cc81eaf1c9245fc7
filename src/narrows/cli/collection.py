"""``narrows collection``: what a collection holds, as a file for other programs, and removing rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed

if TYPE_CHECKING:
    from ..collection import Collection

__all__ = ["Address", "Moved", "Number", "Where", "collection", "model_of", "plain"]

Address = Annotated[
    str,
    typer.Argument(help="The folder or address that [bold]narrows index[/] wrote to."),
]
Where = Annotated[
    str | None,
    typer.Option(help="Only rows that pass, such as \"label = 'cat' and width > 500\"."),
]
Number = Annotated[
    int | None, typer.Option(help="A version of the collection; the newest whole one by default.")
]

Moved = Annotated[
    Path | None, typer.Option(help="The model, where it moved since the collection was made.")
]

collection = typer.Typer(no_args_is_help=True, help="What a collection holds; export; delete.")
app.add_typer(collection, name="collection")


@collection.command()
def info(collection: Address, version: Number = None, as_json: options.Json = False) -> None:
    """Say what a collection holds: pictures, columns, the model, its versions.

    Example: [bold]narrows collection info holiday-codes[/]
    """
    from ..collection import Collection

    opened = Collection.open(collection, version)
    about = opened.about
    document: dict[str, Any] = {
        "collection": opened.address,
        "pictures": len(opened),
        "of": about.pictures,
        "model": about.model,
        "fingerprint": about.fingerprint,
        "code": f"{about.size} numbers, {about.pool} of {'×'.join(map(str, about.code_shape))}",
        "search": f"by index, {about.probes} cells" if about.trained else "exact",
        "columns": {field.name: str(field.type) for field in opened.schema},
        "version": opened.version.number,
        "whole": opened.version.whole,
        "versions": [
            {"version": each.number, "model": each.about.whose, "whole": each.whole}
            for each in opened.versions()
        ],
    }
    lines = [
        f"{key:<12} {value}"
        for key, value in document.items()
        if key not in ("columns", "versions")
    ]
    lines.append(f"{'columns':<12} {', '.join(document['columns'])}")
    lines += [
        f"version {each['version']:<4} {each['model']}{'' if each['whole'] else ', not whole yet'}"
        for each in document["versions"]
    ]
    printed(document, as_json, "\n".join(lines))


@collection.command()
def export(
    collection: Address,
    file: Annotated[Path, typer.Argument(help="A .parquet, .csv or .npz file.")],
    where: Where = None,
    version: Number = None,
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
    collection: Address,
    id_: Annotated[list[str] | None, typer.Option("--id", help="A picture. Repeatable.")] = None,
    where: Where = None,
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

    if sum(given is not None for given in (id_ or None, where, version)) != 1:
        raise ValueError("say what to remove: --id, --where or --version, one of the three")
    opened = Collection.open(collection)
    if version is not None:
        opened.drop(version)
        document: dict[str, Any] = {"removed_version": version}
        printed(document, as_json, f"version {version} of {collection} is removed")
        return
    if id_:
        opened.table(["id"], ids=id_)  # refuses an id that is not there
    count = opened.delete(id_ or None, where)
    document = {"removed": count, "pictures": len(opened)}
    printed(document, as_json, f"{count:,} removed, {document['pictures']:,} left in {collection}")


def model_of(opened: Collection, given: Path | None, device: str) -> Any:
    """The model that made a collection, checked by its fingerprint.

    Args:
        opened: the collection.
        given: where the model lies now; None: where it lay when it was last used.
        device: as every verb takes it.

    Raises:
        BadFile: it cannot be read, or is another model.
    """
    from ..errors import BadFile
    from ..training import load

    path = given or Path(opened.about.model)
    try:
        model = load(path)
    except BadFile as error:
        raise BadFile(
            f"the model of this collection cannot be read ({error}); where it moved, say so with "
            "--model"
        ) from error
    opened.check(model.fingerprint(), str(path))
    options.place(model, device)
    return model


def plain(value: Any) -> Any:
    """A value of a row as JSON has it: null where it is not known."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and value != value else value
