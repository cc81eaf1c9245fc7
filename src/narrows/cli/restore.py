"""``narrows restore``: an album of old photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["restore"]

OfModel = Annotated[
    Path | None,
    typer.Option(
        help="The folder that [bold]narrows train PICTURES --for restore --patches[/] wrote, or this "
        "verb. Default: one is trained now."
    ),
]
Clean = Annotated[
    list[str] | None,
    typer.Option(
        help="Clean pictures to train on: a file, a folder, or a named set; more than once if you like. "
        "Default: the album's own, which teach less."
    ),
]
MadeOld = Annotated[
    bool,
    typer.Option(
        "--made-old", help="The files are clean: age them first and score what comes back."
    ),
]
To = Annotated[
    Path | None,
    typer.Option(help="Folder of the model that is trained. Default: runs/restore-ALBUM."),
]


@app.command()
def restore(
    files: options.Files,
    model: OfModel = None,
    clean: Clean = None,
    out: options.Out = Path("restored"),
    made_old: MadeOld = False,
    minutes: Annotated[float, typer.Option(help="Minutes of training.", show_default=True)] = 10.0,
    gray: options.Gray = False,
    to: To = None,
    baselines: options.Baselines = True,
    limit: options.Limit = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Restore old photographs of any sizes: scratches, dust, folds, fading, sepia, grain, blur and JPEG.

    Writes each picture, the mask of what was hidden in it, and a sheet of before and after.

    Example: [bold]narrows restore album/ --clean holiday/ -o restored/[/]
    """
    from ..applications.restore import restore as call

    options.apart(out, files)
    if model is None and to is None:
        to = Path("runs") / f"restore-{Path(files[0]).resolve().stem or 'album'}"
    result = call(
        files, model, clean=clean or None, made_old=made_old, minutes=minutes, gray=gray,
        to=None if model is not None else to, baselines=baselines, limit=limit, seed=seed,
        device=device, report="quiet" if as_json else "auto",
    )  # fmt: skip
    answer(result, as_json, out)
