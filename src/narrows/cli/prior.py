"""``narrows prior``: fit a prior to a model's codes, so that it can generate."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from . import options
from .app import answer, app

__all__ = ["prior"]


@app.command()
def prior(
    model: options.Model,
    pictures: options.Pictures,
    kind: Annotated[
        str,
        typer.Option(
            help="gaussian, mixture, flow; autoregressive, for quantised codes; caption-flow, for "
            "[bold]narrows generate --text[/]."
        ),
    ] = "mixture",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A number of the prior, such as components=10. Repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option(help="Fit to at most this many pictures.")] = 20_000,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Fit a prior to the codes of pictures and store it beside the weights.

    Give the pictures of the training: it is fitted to those that the model was trained on, and
    evaluated on the others.

    Example: [bold]narrows prior runs/pca-vae-holiday holiday/ --kind flow[/]
    """
    from ..applications.prior import prior as call

    arguments = dict(options.number(text) for text in set_ or [])
    result = call(model, pictures, kind, arguments=arguments, limit=limit, seed=seed, device=device)
    more = ["--text", result.example] if result.words else ["--prior", kind, "-o", "generated.png"]
    command = shlex.join(["narrows", "generate", str(model), *more])
    text = f"{result}\nthe prior is in {result.file}\n  use it   {command}"
    answer(result, as_json, text=text)
