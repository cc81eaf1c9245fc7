"""``narrows reconstruct``: pictures through a model and back."""

from __future__ import annotations

from pathlib import Path

from . import options
from .app import answer, app

__all__ = ["reconstruct"]


@app.command()
def reconstruct(
    model: options.Model,
    files: options.Files,
    out: options.Out = Path("reconstructed"),
    limit: options.Limit = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Write each picture's reconstruction, and one sheet with original, reconstruction and error.

    Pictures are read as those of the training were.

    Example: [bold]narrows reconstruct runs/pca-vae-holiday a.jpg b.png -o out/[/]
    """
    from ..applications.reconstruct import reconstruct as call

    options.apart(out, files)
    result = call(model, files, limit=limit, device=device)
    answer(result, as_json, out)
