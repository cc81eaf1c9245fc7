"""``narrows flaws``: where pictures of parts or ground differ from normal ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["flaws"]

Normal = Annotated[
    str | None,
    typer.Option(metavar="PICTURES", help="Normal pictures, at least four; better a hundred."),
]
FalseAlarms = Annotated[
    float | None,
    typer.Option(help="Call at most this share of normal pictures anomalous. Default: 0.01."),
]
Quantile = Annotated[
    float | None, typer.Option(help="The threshold is this quantile of normal scores.")
]


@app.command()
def flaws(
    files: options.Files,
    normal: Normal = None,
    false_alarms: FalseAlarms = None,
    quantile: Quantile = None,
    limit: options.Limit = None,
    out: options.Out = Path("flaws"),
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Find flaws on pictures of parts, cloth or ground, and mark where; no model is needed.

    Each patch is compared with patches of normal pictures. How patches are cut is chosen on flaws
    painted on normal pictures; others of them, held out, set the threshold. Pictures keep their sizes.
    Where they lie in folders of which one is called good or normal, it is measured how well the
    others are found.

    Example: [bold]narrows flaws parts/test --normal parts/good -o out/[/]
    """
    from ..applications.flaws import flaws as call

    if normal is None:
        raise ValueError("say what is normal: --normal PICTURES")
    result = call(
        files, normal=normal, false_alarms=false_alarms, quantile=quantile, limit=limit, seed=seed
    )
    shown = f"{result}\nevery picture with its map is in {out / 'maps'}"
    answer(result, as_json, out, shown)
