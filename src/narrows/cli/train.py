"""``narrows train``: pictures in, a model on disk."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed

if TYPE_CHECKING:
    from ..autoencoder import Autoencoder

__all__ = ["DEFAULT", "train"]

DEFAULT = "pca-vae"  # the recipe of who names none


@app.command()
def train(
    pictures: options.Pictures,
    to: Annotated[
        Path | None,
        typer.Option("--to", "-o", help="Folder for the run. Default: runs/RECIPE-PICTURES."),
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="A name from [bold]narrows recipes[/], or a recipe.toml.")
    ] = DEFAULT,
    size: options.Size = None,
    gray: options.Gray = False,
    fit: options.Fit = "crop",
    center_crop: Annotated[
        int | None, typer.Option(help="Take the central square of so many pixels first.")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the pictures.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Time to train for, instead of epochs.")
    ] = None,
    mirror: Annotated[
        bool,
        typer.Option(
            "--mirror/--no-mirror",
            help="Whether a mirrored picture is a picture too; not so for text. For recipes that mirror.",
        ),
    ] = True,
    code_size: Annotated[int | None, typer.Option(help="Units of the code.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change a number of the recipe, such as batch_size=64. Repeatable."
        ),
    ] = None,
    validation: Annotated[
        float, typer.Option(help="Share of the training pictures kept for validation; 0: none.")
    ] = 0.1,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --to.")] = False,
    checkpoint_seconds: Annotated[
        float, typer.Option(help="Write a checkpoint at least this often.")
    ] = 60.0,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write TensorBoard's files.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Train an autoencoder on pictures.

    Example: [bold]narrows train holiday/ --size 64 --minutes 5[/]
    """
    from ..images import split
    from ..recipes import adjusted
    from ..training import TensorBoard
    from ..training import fit as train_model
    from ..training.length import lasting

    images = options.pictures(pictures, size, gray, fit, center_crop)
    print(options.summary(images), file=sys.stderr)
    changes = dict(_pair(text) for text in set_ or [])
    if code_size is not None:
        changes["code_size"] = str(code_size)
    if not mirror:
        changes["mirror"] = "false"
    chosen = adjusted(recipe, images.shape, changes)
    chosen = lasting(chosen, epochs, minutes)
    folder = to or Path("runs") / f"{chosen.name}-{Path(pictures).resolve().stem or 'pictures'}"
    parts = split(images, validation=validation, seed=seed)
    command = "narrows " + " ".join(map(shlex.quote, sys.argv[1:]))
    facts = {
        "pictures": pictures,
        "trained_on": f"{len(parts.train):,} of {images.description}",
        "validation": validation,
        "command": command,
    }
    model = train_model(
        chosen,
        parts.train,
        validation=parts.validation,
        to=folder,
        resume=resume,
        seed=seed,
        device=device,
        precision=precision,
        checkpoint_seconds=checkpoint_seconds,
        report=["auto", TensorBoard(folder)] if tensorboard else "auto",
        facts=facts,
    )
    result = leave_pictures(model, parts, folder)
    result["skipped"] = [list(item) for item in getattr(images, "skipped", ())]
    quoted, named = shlex.quote(str(folder)), shlex.quote(pictures)
    text = (
        f"\nthe model is in {folder}\n"
        f"  look at  {folder / 'reconstructions.png'} and {folder / 'losses.png'}\n"
        f"  numbers  narrows evaluate {quoted} {named}\n"
        f"  use it   narrows reconstruct {quoted} FILES… -o OUT/"
    )
    printed(result, as_json, text)


def leave_pictures(model: Autoencoder, parts: Any, folder: Path) -> dict[str, Any]:
    """Loss curves, a grid of held-out reconstructions and the card at a run's end."""
    import torch

    from ..applications import reconstruct
    from ..figures import comparison, loss_curves, save
    from ..training import history_of, run_info, write_model_card

    name = "held-out" if parts.validation is not None else "training"
    shown = parts.validation if parts.validation is not None else parts.train
    some = shown.batch(torch.arange(min(1000, len(shown))))
    judged = reconstruct(model, some)
    few = judged.pictures[:12].numpy(), judged.reconstructions[:12].numpy()
    save(comparison(*few), folder / "reconstructions.png")
    save(loss_curves(history_of(folder)), folder / "losses.png")
    row = {
        "pictures": f"{len(some):,} {name}",
        "MSE per pixel": float(judged.mse.mean()),
        "PSNR (dB)": float(judged.psnr.mean()),
    }
    write_model_card(folder, [row], f"{name} pictures")
    return {**run_info(folder), "mse": row["MSE per pixel"], "psnr": row["PSNR (dB)"]}


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError(f"--set takes NAME=VALUE, such as batch_size=64; we got {text!r}")
    return key.strip(), value.strip()
