"""``narrows segment``: learn the class of each pixel from masks, and find it in other pictures."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import App, answer, app

__all__ = ["segment"]

segment = App(
    no_args_is_help=True, help="Learn the class of each pixel from masks, and find it in pictures."
)
app.add_typer(segment, name="segment")

Masks = Annotated[
    Path | None,
    typer.Option(
        help="A folder with a gray or palette picture of class numbers for each picture, of the same "
        "name. Default for training: masks/ beside images/ in PICTURES."
    ),
]
Void = Annotated[int | None, typer.Option(help="The number in the masks that is no class.")]


@segment.command("train")
def train(
    pictures: Annotated[
        Path, typer.Argument(help="A folder with images/ and masks/; or pictures, with --masks.")
    ],
    to: Annotated[Path, typer.Option("--to", "-o", help="Folder for the run.")],
    masks: Masks = None,
    size: options.Size = None,
    names: Annotated[
        str | None, typer.Option(help="Names of the classes 0, 1, …, such as sky,road,car.")
    ] = None,
    void: Void = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the pictures.")] = None,
    balanced: Annotated[
        bool, typer.Option(help="Weigh rare classes up, by the median of all frequencies.")
    ] = True,
    validation: Annotated[
        float, typer.Option(help="Share of the pictures kept for validation.")
    ] = 0.15,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Train a SegNet on pictures and their masks.

    Without --size it takes pictures in their aspect, about 80x80 pixels; larger is better and slower.

    Example: [bold]narrows segment train street/ --to runs/street --void 11[/]
    """
    from ..applications.segment import train_segmentation

    result = train_segmentation(
        pictures,
        masks,
        size=options.parsed_size(size),
        names=[name.strip() for name in names.split(",")] if names else None,
        void=void, epochs=epochs, balanced=balanced, validation=validation, to=to, seed=seed,
        device=device, facts={"command": "narrows " + shlex.join(sys.argv[1:])},
    )  # fmt: skip
    use = f"  use it   narrows segment predict {shlex.quote(str(to))} FILES… -o OUT/"
    answer(result, as_json, to, f"{result}\n{use}")


@segment.command("predict")
def predict(
    model: options.Model,
    files: options.Files,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the masks.")] = Path(
        "segments"
    ),
    masks: Masks = None,
    void: Void = None,
    limit: options.Limit = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Write a mask for each picture, in its own size; with --masks, say how right they are.

    Example: [bold]narrows segment predict runs/street new/*.jpg -o out/[/]
    """
    from ..applications.segment import segment as call

    result = call(model, files, masks=masks, void=void, limit=limit, device=device)
    answer(result, as_json, out, f"{result} in {out}")
