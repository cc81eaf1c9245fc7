"""``narrows train``: pictures in, a model on disk."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..defaults import RECIPE
from . import options
from .app import answer, app

__all__ = ["pair", "train"]

To = Annotated[
    Path | None,
    typer.Option("--to", "-o", help="Folder for the run. Default: runs/RECIPE-PICTURES."),
]
RecipeName = Annotated[
    str | None,
    typer.Option(
        help=f"A name from [bold]narrows recipes[/], or a recipe.toml. Default: {RECIPE}."
    ),
]
For = Annotated[
    str | None,
    typer.Option(
        "--for",
        help="A verb that the model is to be for: denoise, upscale, inpaint or restore. Chooses the recipe, and "
        "compares it at the end with what needs no model.",
    ),
]
Patches = Annotated[
    bool,
    typer.Option(
        "--patches", help="Train on pieces of the pictures, for pictures of any size: photographs."
    ),
]
CenterCrop = Annotated[
    int | None, typer.Option(help="Take the central square of this many pixels first.")
]
Epochs = Annotated[float | None, typer.Option(help="Passes over the pictures.")]
Minutes = Annotated[float | None, typer.Option(help="Time to train for, instead of epochs.")]
Mirror = Annotated[
    bool,
    typer.Option(
        "--mirror/--no-mirror",
        help="Whether recipes that mirror pictures may do so; not with text in them.",
    ),
]
CodeSize = Annotated[
    str | None,
    typer.Option(
        metavar="N|auto",
        help="How many numbers a code has; auto: what PCA needs for 95 % of what 256 explain.",
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a number of the recipe, such as batch_size=64. Repeatable."),
]
Validation = Annotated[
    float, typer.Option(help="Share of the training pictures kept for validation; 0: none.")
]
From = Annotated[
    str | None,
    typer.Option("--from", help="Begin with the weights of this model, and by its recipe."),
]
Patience = Annotated[
    int | None,
    typer.Option(
        help="Stop after this many validations without a better one; 0: never. Default: the recipe's, else 8 or a quarter of all; recipes of papers train to the end."
    ),
]
Precision = Annotated[str, typer.Option(help="auto, float32 or bfloat16.")]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with the run in --to, with more --epochs or --minutes also after its end.",
    ),
]
Often = Annotated[float, typer.Option(help="Write a checkpoint at least this often.")]
Board = Annotated[bool, typer.Option("--tensorboard", help="Also write TensorBoard's files.")]


@app.command()
def train(
    pictures: options.Pictures,
    to: To = None,
    recipe: RecipeName = None,
    for_: For = None,
    patches: Patches = False,
    from_: From = None,
    size: options.Size = None,
    gray: options.Gray = False,
    fit: options.Fit = "crop",
    center_crop: CenterCrop = None,
    epochs: Epochs = None,
    minutes: Minutes = None,
    patience: Patience = None,
    mirror: Mirror = True,
    code_size: CodeSize = None,
    set_: Changes = None,
    validation: Validation = 0.1,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: Precision = "auto",
    resume: Resume = False,
    checkpoint_seconds: Often = 60.0,
    tensorboard: Board = False,
    as_json: options.Json = False,
) -> None:
    """Train an autoencoder on pictures.

    Example: [bold]narrows train holiday/ --size 64 --minutes 5[/]
    """
    from ..applications.purpose import recipe_of_purpose
    from ..applications.train import run_folder
    from ..applications.train import train as call
    from ..processes import number
    from ..training import TensorBoard

    changes = dict(pair(text) for text in set_ or []) | ({} if mirror else {"mirror": "false"})
    folder = to or run_folder(
        recipe if for_ is None else recipe_of_purpose(for_, recipe), pictures, from_
    )
    result = call(
        pictures, recipe, for_=for_, patches=patches, to=folder, from_=from_,
        size=options.parsed_size(size), mode="gray" if gray else None,
        fit=fit, center_crop=center_crop, epochs=epochs, minutes=minutes, patience=patience,
        code_size=_size(code_size), changes=changes, validation=validation, seed=seed,
        device=device, precision=precision, resume=resume, checkpoint_seconds=checkpoint_seconds,
        report=["auto", TensorBoard(folder)] if tensorboard and number() == 0 else "auto", facts={"command": shlex.join(["narrows", *sys.argv[1:]])},
    )  # fmt: skip
    if number() > 0:  # the first of several processes says it
        return
    quoted, named = shlex.quote(str(folder)), shlex.quote(pictures)
    compared = "" if for_ is None else f"\n{result}\n"
    views = ""
    if (folder / "views.png").exists():
        views = f"           {folder / 'views.png'}: what it was trained on; --no-mirror, if mirrored ones are wrong\n"
    quality = f"  quality  {result.conclusion}\n" if result.conclusion else ""
    looked = "" if result.codes_only else f"{folder / 'reconstructions.png'} and "
    use = f"narrows {for_ or 'reconstruct'} {quoted} FILES… -o OUT/"
    if result.codes_only:
        use = f"narrows index {quoted} FOLDER --to CODES --distance cosine"
    text = (
        f"{compared}\nthe model is in {folder}\n{quality}"
        f"  look at  {looked}{folder / 'losses.png'}\n{views}"
        f"  numbers  narrows {'classify' if result.codes_only else 'evaluate'} {quoted} {named}\n"
        f"  use it   {use}"
    )
    answer(result, as_json, text=text)


def _size(text: str | None) -> int | str | None:
    if text is None or text == "auto":
        return text
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"--code-size takes a number or auto; we got {text!r}") from None


def pair(text: str, option: str = "--set") -> tuple[str, str]:
    """What stands before and behind the equals sign of an option.

    Raises:
        ValueError: there is none.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError(f"{option} takes NAME=VALUE, such as batch_size=64; we got {text!r}")
    return key.strip(), value.strip()
