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
        str | None,
        typer.Argument(
            metavar="COLLECTION|PICTURES",
            help="A folder or address that [bold]narrows index[/] wrote to, or pictures.",
        ),
    ] = None,
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
    keep: Annotated[
        str,
        typer.Option(
            help="Which picture of a group stays: the largest (of equals the older one, then one without "
            '"(1)" or "copy" in its name), the oldest or the newest.'
        ),
    ] = "largest",
    turns: Annotated[
        bool, typer.Option(help="Find mirrored copies and such as are turned by 90°, too.")
    ] = True,
    where: options.Where = None,
    move_to: Annotated[
        Path | None,
        typer.Option(help="Move all but the keepers into this folder; nothing is deleted."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --move-to: only say what would be moved.")
    ] = False,
    undo: Annotated[
        Path | None,
        typer.Option(help="Bring back what was moved, by the moved.csv in the folder it is in."),
    ] = None,
    out: options.Sheet = Path("duplicates"),
    model: Annotated[
        str | None,
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
    the other, and the difference that is left decides. What is reached through a link, or changed since it
    was indexed, is never redundant. Look at the sheet before you move anything: its last rows show pairs
    just below and just above the threshold.

    Example: [bold]narrows duplicates holiday-codes --move-to holiday-duplicates/[/]
    """
    if undo is not None:
        from ..applications.quarantine import undo as back

        if subject is not None or move_to is not None:
            raise ValueError(
                "--undo goes by its list alone: leave COLLECTION|PICTURES and --move-to out"
            )
        answer(back(undo), as_json)
        return
    if subject is None:
        raise ValueError("say which pictures: a collection, or a folder, file or set")
    if dry_run and move_to is None:
        raise ValueError(
            "--dry-run goes with --move-to FOLDER; without that nothing is moved anyway"
        )
    from ..applications.duplicates import duplicates as call

    result = call(
        subject, by=by, threshold=threshold, keep=keep, turns=turns, where=where, model=model,
        version=version, device=device,
    )  # fmt: skip
    if move_to is not None:
        result = result.quarantine(move_to, dry_run=dry_run)
    answer(result, as_json, out)
