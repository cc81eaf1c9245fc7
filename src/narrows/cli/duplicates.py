"""``narrows duplicates``: pictures that are there twice, and which one to keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["duplicates"]


@app.command()
def duplicates(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="COLLECTION|PICTURES",
            help="A folder or address that [bold]narrows index[/] wrote to, or pictures.",
        ),
    ],
    by: Annotated[
        str,
        typer.Option(
            help="pixels: pairs that are near by code or by thumbnail are aligned, and their "
            "pixels compared; finds crops too. codes: only the distance of codes counts."
        ),
    ] = "pixels",
    threshold: Annotated[
        float | None,
        typer.Option(
            help="The largest difference of duplicates: of pixels, from 0 to 1, or the distance of "
            "codes. Default: one that is made from altered copies of these very pictures."
        ),
    ] = None,
    where: options.Where = None,
    move_to: Annotated[
        Path | None,
        typer.Option(help="Move all but the keepers into this folder; nothing is deleted."),
    ] = None,
    out: options.Sheet = Path("duplicates"),
    model: Annotated[
        Path | None,
        typer.Option(
            help="The model: of a collection, if it has moved; of pictures, to compare their codes."
        ),
    ] = None,
    version: options.Version = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Find pictures that show the same, and suggest which one of each group to keep.

    Each picture is compared with those that are nearest by code or by thumbnail: one is aligned with
    the other, and the difference that is left decides. The keeper is the largest picture, of equals
    the largest file. Look at the sheet before you move anything: its last rows show pairs just below
    and just above the threshold.

    Example: [bold]narrows duplicates holiday-codes --move-to holiday-duplicates/[/]
    """
    from ..applications.duplicates import duplicates as call

    result = call(
        subject, by=by, threshold=threshold, where=where, model=model, version=version,
        device=device,
    )  # fmt: skip
    if move_to is not None:
        result = result.quarantine(move_to)
    answer(result, as_json, out)
