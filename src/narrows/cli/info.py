"""``narrows info``: what is in a model's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import app, printed

__all__ = ["info"]


Diagram = Annotated[
    Path | None,
    typer.Option(help="Also draw its levels, from the picture to the code and back, to this PNG."),
]


@app.command()
def info(model: options.Model, diagram: Diagram = None, as_json: options.Json = False) -> None:
    """Say what a model is, how it was trained and how well.

    Example: [bold]narrows info runs/pca-vae-holiday --diagram model.png[/]
    """
    from ..training import located, run_info

    folder = Path(located(model))
    document = run_info(folder)
    if diagram is not None:
        from ..figures import save
        from ..training.checkpoints import outline

        document["diagram"] = str(save(outline(folder).diagram(), diagram))
    told = {key: value for key, value in document.items() if key != "numbers"}
    width = max(map(len, told))
    lines = [f"{key.replace('_', ' '):<{width}}  {value}" for key, value in told.items()]
    printed(document, as_json, "\n".join(lines))
