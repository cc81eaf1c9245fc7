"""``narrows index``: pictures into a collection of their codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

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
        typer.Option(
            help="What to do with codes that are maps: flatten, mean or max. Default: flatten."
        ),
    ] = None,
    features: options.Features = None,
    distance: Annotated[
        str | None,
        typer.Option(
            help="What nearness is: euclidean, cosine, or whitened (every direction in which the features "
            "vary counts the same). Default: as the collection has it, or euclidean."
        ),
    ] = None,
    new_version: Annotated[
        bool,
        typer.Option(
            "--new-version",
            help="Begin a new version of the collection, such as one of another model.",
        ),
    ] = False,
    version: Annotated[
        int | None,
        typer.Option(help="The version that parts make: 1, or the next one that there is none of."),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            help="Encode only this part, such as 3/16: a scheduler starts all of them, with one --version."
        ),
    ] = None,
    finish: Annotated[
        bool,
        typer.Option(
            "--finish",
            help="When all parts are done, build the index and make the version current.",
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
    from ..applications.index import index as call

    result = call(
        model, pictures, to, metadata=metadata, pool=pool, features=features, distance=distance,
        new_version=new_version, version=version,
        part=part, finish=finish, device=device,
    )  # fmt: skip
    answer(result, as_json)
