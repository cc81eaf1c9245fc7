"""``narrows morph``: from one picture to another through the codes between theirs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .app import answer, app

if TYPE_CHECKING:
    from ..results import Result

__all__ = ["morph"]


@app.command()
def morph(
    model: options.Model,
    files: Annotated[
        list[str], typer.Argument(help="Two or more pictures, in their order; one with --samples.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="A strip (.png), an animation (.webp, .gif), or a page with the decoder in it (.html).",
        ),
    ] = Path("morph.png"),
    frames: Annotated[
        int | None,
        typer.Option(help="How many, with both ends. Default: 9 for a strip, 60 for an animation."),
    ] = None,
    alpha: Annotated[
        list[float] | None,
        typer.Option(help="Only this share of the way, from 0 to 1. Repeatable."),
    ] = None,
    blend: Annotated[str, typer.Option(help="linear or spherical.")] = "linear",
    samples: Annotated[
        int | None,
        typer.Option(help="Instead: this many decodings from each picture's posterior."),
    ] = None,
    limit: options.Limit = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Go from picture to picture through the codes between them, beside a cross-fade of the pixels.

    Example: [bold]narrows morph runs/pca-vae-holiday a.jpg b.jpg -o morph.webp[/]
    """
    from ..applications.morph import morph as call
    from ..applications.morph import sample_posterior
    from ..figures import ANIMATED

    kinds = (".png",) if samples is not None else (".png", *ANIMATED, ".html")
    if out.suffix.lower() not in kinds:
        raise ValueError(f"-o ends in {', '.join(kinds)}; we got {str(out)!r}")
    result: Result
    if out.suffix.lower() == ".html":
        from ..applications.export import export

        if frames is not None or alpha or blend != "linear":
            raise ValueError(
                "a page goes every way under its slider: leave --frames, --alpha and --blend out"
            )
        result = export(model, "html", out, pictures=files, limit=limit, seed=seed)
        return answer(result, as_json)
    if samples is not None:
        result = sample_posterior(
            model, files, samples=samples, limit=limit, seed=seed, device=device
        )
    else:
        count = frames if frames is not None else 9 if out.suffix.lower() == ".png" else 60
        result = call(
            model, files, frames=count, alpha=alpha or None, blend=blend, limit=limit, device=device
        )
    answer(result, as_json, out)
