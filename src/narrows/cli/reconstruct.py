"""``narrows reconstruct``: pictures through a model and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import app, printed

__all__ = ["reconstruct"]


@app.command()
def reconstruct(
    model: options.Model,
    files: Annotated[
        list[str], typer.Argument(help="Picture files, folders, arrays or named sets.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path(
        "reconstructed"
    ),
    limit: Annotated[int | None, typer.Option(help="At most so many pictures of each.")] = None,
    fit: options.Fit = "crop",
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Write each picture's reconstruction, and one sheet with original, reconstruction and error.

    Pictures are read at the size that the model was trained at.

    Example: [bold]narrows reconstruct runs/conv-vae-holiday a.jpg b.png -o out/[/]
    """
    from ..applications import reconstruct as apply
    from ..figures import comparison, save
    from ..training import load

    loaded = load(model)
    options.place(loaded, device)
    images = options.gathered(loaded, files, limit, fit)
    with options.counting("reconstructing") as progress:
        result = apply(loaded.reconstruct, images, progress=progress)
    names = options.output_names(images.ids, ("comparison.png",))
    for name, picture in zip(names, result.reconstructions, strict=True):
        save((picture.permute(1, 2, 0) * 255).round().byte().numpy(), out / name)
    first = slice(0, 12)
    sheet = out / "comparison.png"
    shown = result.pictures[first].numpy(), result.reconstructions[first].numpy()
    save(comparison(*shown), sheet)
    document = {
        "sheet": str(sheet),
        "mean_psnr": float(result.psnr.mean()),
        "mean_mse": float(result.mse.mean()),
        "pictures": [
            {"id": id_, "file": str(out / name), "mse": float(mse), "psnr": float(db)}
            for id_, name, mse, db in zip(images.ids, names, result.mse, result.psnr, strict=True)
        ],
        "skipped": [list(item) for item in images.skipped],
    }
    for name, reason in images.skipped:
        print(f"skipped {name}: {reason}", file=sys.stderr)
    text = (
        f"{len(names)} reconstructions in {out}, mean PSNR {result.psnr.mean():.2f} dB\n"
        f"look at {sheet}"
    )
    printed(document, as_json, text)
