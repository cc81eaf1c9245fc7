"""``narrows collection``: what a collection holds, as a file for other programs, and removing rows."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import answer, app, printed
from .options import ModelOrCollection, OfModel, Where

if TYPE_CHECKING:
    from ..collection import Collection

__all__ = ["Given", "ModelOrCollection", "OfModel", "Where", "collection", "given"]

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
