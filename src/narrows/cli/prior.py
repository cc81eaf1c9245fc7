"""``narrows prior``: fit a prior to a model's codes, so that it can generate."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .app import answer, app

__all__ = ["divided", "prior", "some"]


@app.command()
def prior(
    model: options.Model,
    pictures: options.Pictures,
    kind: Annotated[
        str,
        typer.Option(
            help="gaussian, mixture, flow; autoregressive, for codes of entries; caption-flow, for "
            "[bold]narrows generate --text[/]."
        ),
    ] = "mixture",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A number of the prior, such as components=10. Repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option(help="Fit to at most so many pictures.")] = 20_000,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Fit a prior to the codes of pictures and store it beside the weights.

    Give the pictures of the training: it is fitted to those that the model was trained on, and
    judged on the others.

    Example: [bold]narrows prior runs/pca-vae-holiday holiday/ --kind flow[/]
    """
    from ..applications.prior import prior as call

    arguments = dict(options.number(text) for text in set_ or [])
    result = call(model, pictures, kind, arguments=arguments, limit=limit, seed=seed, device=device)
    more = ["--text", result.example] if result.words else ["--prior", kind, "-o", "generated.png"]
    command = shlex.join(["narrows", "generate", str(model), *more])
    text = f"{result}\nthe prior is in {result.file}\n  use it   {command}"
    answer(result, as_json, text=text)


def divided(folder: Path, images: Any) -> Any:
    """The parts of pictures as the training of the model in ``folder`` divided them."""
    from ..images import split
    from ..training import facts_of

    known = facts_of(folder if folder.is_dir() else folder.parent)
    share = float(known.get("validation", 0.1))
    return split(images, validation=share, seed=int(known.get("seed", 0)))


def some(source: Any, most: int, seed: int = 0) -> Any:
    """At most so many pictures of a source, drawn by the seed."""
    from ..images.views import Subset
    from ..randomness import permutation

    if most < 1:
        raise ValueError(f"--limit is at least 1; we got {most}")
    if len(source) <= most:
        return source
    return Subset(source, permutation(seed, "limit", len(source))[:most].sort().values)
