"""``narrows caption``: pictures out of a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import app, printed
from .generate import Files, Number, checked_out, drawn

__all__ = ["caption"]

KIND = "caption-flow"


@app.command()
def caption(
    model: options.Model,
    text: Annotated[str, typer.Argument(help="What the pictures are to show.")],
    n: Number = 16,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The PNG; with --files, a folder. Default: captioned.png, or captioned/.",
        ),
    ] = None,
    files: Files = False,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Draw pictures of a caption: several of the many that it fits.

    It knows the words of the captions that [bold]narrows prior --kind caption-flow[/] made of the
    pictures' labels: digits, clothing, drawn faces, sprites, or any column of a labels.csv.

    Example: [bold]narrows caption runs/conv-vae-sprites "a small heart at the top left" -n 16 -o sheet.png[/]
    """
    from ..applications import decoder
    from ..images import caption_words
    from ..priors import load_prior
    from ..training import load

    out = checked_out(out, files, "captioned")
    if not caption_words(text):
        raise ValueError(f"a caption has at least one word; we got {text!r}")
    loaded = load(model)
    options.place(loaded, device)
    prior = load_prior(loaded, model, KIND)
    document, said = drawn(loaded, decoder(loaded, seed), prior, n, seed, out, files, caption=text)
    printed({"caption": text, "prior": KIND, **document}, as_json, said)
