"""``narrows morph``: from one picture to another through the codes between theirs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .app import app, printed

__all__ = ["morph"]


@app.command()
def morph(
    model: options.Model,
    files: Annotated[
        list[str], typer.Argument(help="Two or more pictures, in their order; one with --samples.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A strip (.png) or an animation (.webp, .gif).")
    ] = Path("morph.png"),
    frames: Annotated[
        int | None,
        typer.Option(help="Both ends among them. Default: 9 for a strip, 60 for an animation."),
    ] = None,
    alpha: Annotated[
        list[float] | None,
        typer.Option(help="Only this share of the way, from 0 to 1. Repeatable."),
    ] = None,
    blend: Annotated[str, typer.Option(help="linear or spherical.")] = "linear",
    samples: Annotated[
        int | None,
        typer.Option(help="Instead: so many decodings of each picture's posterior."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many pictures of each.")] = None,
    fit: options.Fit = "crop",
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Mix the codes of pictures, and show the fade of their pixels beside it.

    Example: [bold]narrows morph runs/conv-vae-holiday a.jpg b.jpg -o morph.webp[/]
    """
    from ..figures import ANIMATED
    from ..training import load

    kinds = (".png",) if samples else (".png", *ANIMATED)
    if out.suffix.lower() not in kinds:
        raise ValueError(f"-o ends in {', '.join(kinds)}; we got {str(out)!r}")
    loaded = load(model)
    options.place(loaded, device)
    images = options.gathered(loaded, files, limit, fit)
    for name, reason in images.skipped:
        print(f"skipped {name}: {reason}", file=sys.stderr)
    if samples is not None:
        document, text = _decodings(loaded, images, samples, seed, out)
    else:
        document, text = _morph(loaded, images, frames, alpha, blend, out)
    document["skipped"] = [list(item) for item in images.skipped]
    printed({"file": str(out), "pictures": list(images.ids), **document}, as_json, text)


def _morph(
    model: Any, images: Any, frames: int | None, alphas: Any, blend: str, out: Path
) -> tuple[dict[str, Any], str]:
    import torch

    from ..applications import decoder
    from ..applications import morph as apply
    from ..figures import picture_rows, save, save_animation, side_by_side

    strip = out.suffix.lower() == ".png"
    pictures = images.batch(torch.arange(len(images)))
    with options.counting("decoding") as progress:
        found = apply(
            decoder(model),
            model.encode(pictures).z,
            pictures,
            frames=frames or (9 if strip else 60),
            alphas=alphas or None,
            blend=blend,
            progress=progress,
        )
    if strip:
        captions = [f"{alpha:.3g}" for alpha in found.alphas.tolist()]
        rows = [(f"codes, {blend}", found.frames), ("pixels", found.fade)]
        save(picture_rows(rows, captions, corner="α"), out)
    else:
        save_animation(side_by_side(found.frames, found.fade), out)
    document = {
        "frames": len(found.frames),
        "alphas": found.alphas.tolist(),
        "sharpness_half_way": found.sharpness,
        "fade_sharpness_half_way": found.fade_sharpness,
        "uneven": found.uneven,
        "fade_uneven": found.fade_uneven,
    }
    text = (
        f"{len(found.frames)} frames in {out}\n"
        f"{'':<9}{'sharpness half-way':>19}{'largest step / mean':>21}\n"
        f"{'codes':<9}{found.sharpness:>19.2f}{found.uneven:>21.2f}\n"
        f"{'pixels':<9}{found.fade_sharpness:>19.2f}{found.fade_uneven:>21.2f}\n"
        "(sharpness: energy of the edges beside that of the two ends)"
    )
    return document, text


def _decodings(
    model: Any, images: Any, samples: int, seed: int, out: Path
) -> tuple[dict[str, Any], str]:
    import torch

    from ..applications import decoder, decodings
    from ..figures import picture_rows, save

    pictures = images.batch(torch.arange(len(images)))
    found = decodings(model.encode, decoder(model), pictures, samples, seed=seed)
    shown = min(samples, 12)
    rows = [
        (id_, torch.stack([x, mean, *drawn[:shown]]))
        for id_, x, mean, drawn in zip(
            images.ids, pictures, found.means, found.samples.transpose(0, 1), strict=True
        )
    ]
    save(picture_rows(rows, ["original", "mean", *(f"draw {i + 1}" for i in range(shown))]), out)
    each = dict(zip(images.ids, found.deviation.tolist(), strict=True))
    mean = float(found.deviation.mean())
    text = (
        f"{samples} decodings of {len(images)} pictures in {out}\n"
        f"standard deviation of a pixel over them: {mean:.4f}"
    )
    return {"samples": samples, "deviation": each}, text
