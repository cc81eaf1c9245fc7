"""``narrows info``: what is in a model's folder."""

from __future__ import annotations

from . import options
from .app import app, printed

__all__ = ["info"]


@app.command()
def info(model: options.Model, as_json: options.Json = False) -> None:
    """Say what a model is, how it was trained and how well.

    Example: [bold]narrows info runs/pca-vae-holiday[/]
    """
    from ..training import run_info

    document = run_info(model)
    told = {key: value for key, value in document.items() if key != "numbers"}
    width = max(map(len, told))
    lines = [f"{key.replace('_', ' '):<{width}}  {value}" for key, value in told.items()]
    printed(document, as_json, "\n".join(lines))
