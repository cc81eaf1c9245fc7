"""``narrows collection``: what a collection holds, as a file for other programs, and removing rows."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed

if TYPE_CHECKING:
    from ..collection import Collection

__all__ = [
    "Address", "Given", "ModelOrCollection", "Moved", "Number", "OfModel", "Where", "collection",
    "given", "model_of", "plain",
]  # fmt: skip

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

ModelOrCollection = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL|COLLECTION",
        help="The folder that [bold]narrows train[/] wrote, or one that [bold]narrows index[/] wrote.",
    ),
]
OfModel = Annotated[
    str | None,
    typer.Argument(
        help="With a model: a folder, an .npz, .npy or IDX file, or a named set. A collection has its own."
    ),
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
        "complete": opened.version.complete,
        "versions": [
            {"version": each.number, "model": each.about.whose, "complete": each.complete}
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
        f"version {each['version']:<4} {each['model']}{'' if each['complete'] else ', not complete yet'}"
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


@dataclass(frozen=True)
class Given:
    """A model and pictures, named one after the other or together as a collection.

    Attributes:
        folder: of the model.
        model: loaded, on its device.
        images: in the shape that the model takes, with labels and metadata.
        codes: (N, D) as they are stored; None where no collection was named.
        pictures: what the pictures are called.
        collection: None where a model was named.
    """

    folder: Path
    model: Any
    images: Any
    codes: Any
    pictures: str
    collection: Collection | None


def given(named: Path, pictures: str | None, where: str | None, fit: str, device: str) -> Given:
    """What MODEL|COLLECTION and PICTURES mean.

    The pictures of a collection are read again from where they were indexed, those that pass the
    filter and are still there; its columns are their labels and metadata.

    Raises:
        ValueError: a model without pictures, or a collection or a filter that does not go with them.
        NoImages: none of the collection's pictures passes or is there any more.
    """
    from ..errors import NoImages
    from ..training import load

    if not (named / "narrows.lance").is_dir():
        if where is not None:
            raise ValueError(f"--where chooses rows of a collection; {named} is none")
        if pictures is None:
            raise ValueError(f"say which pictures: {named} is no collection, which has its own")
        model = load(named)
        options.place(model, device)
        return Given(
            named, model, options.pictures_like(model, pictures, fit), None, pictures, None
        )
    if pictures is not None:
        raise ValueError(
            f"{named} is a collection and has its own pictures; leave {pictures!r} out"
        )
    from ..collection import Collection

    opened = Collection.open(str(named))
    model = model_of(opened, None, device)
    own = ("path", "size", "mtime", "hash", "thumbnail")
    rows = opened.rows([name for name in opened.columns if name not in own], where)
    if not len(rows["id"]):
        among = f"passes the filter {where!r}" if where else "is in it"
        raise NoImages(f"no picture of {named} {among}")
    source = options.pictures_like(model, opened.about.pictures, opened.about.fit)
    places = {id_: place for place, id_ in enumerate(getattr(source, "ids", ()))}
    there = [row for row, id_ in enumerate(rows["id"]) if id_ in places]
    if not there:
        raise NoImages(
            f"none of the pictures is in {opened.about.pictures} any more: run narrows index again"
        )
    if gone := len(rows["id"]) - len(there):
        print(f"{gone:,} pictures are gone since they were indexed", file=sys.stderr)
    images = source.select([places[rows["id"][row]] for row in there])
    columns = {name: rows[name][there] for name in rows if name not in ("id", "code")}
    images.metadata = {
        **{name: values for name, values in columns.items() if name != "label"},
        **images.metadata,
    }
    if "label" in columns and not images.labels:
        images.labels = {"label": columns["label"]}
    return Given(Path(opened.about.model), model, images, rows["code"][there], str(named), opened)


def plain(value: Any) -> Any:
    """A value of a row as JSON has it: null where it is not known."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and value != value else value
