"""``narrows recipes``: the models that can be trained."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import app, printed

if TYPE_CHECKING:
    from ..training import Recipe

__all__ = ["recipes"]

SOURCE = 49  # columns left of 100


@app.command()
def recipes(
    name: Annotated[
        str | None, typer.Argument(help="A recipe to describe. Default: list them all.")
    ] = None,
    size: Annotated[
        str, typer.Option(help="Size of the pictures that the weights are counted for.")
    ] = "64",
    parts: Annotated[
        bool, typer.Option("--parts", help="List what [bold]narrows train --set[/] takes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List the recipes by document with their size and source, describe one, or list their parts.

    Example: [bold]narrows recipes kovenko-2020-vae[/]  or  [bold]narrows recipes --parts[/]
    """
    from ..recipes import grouped, recipe
    from ..recipes.named import settings
    from .options import parsed_size

    if parts:
        if name is not None:
            raise ValueError("--parts lists what every recipe takes; leave the name out")
        kinds = settings()
        printed(kinds, as_json, _settings_told(kinds))
        return

    shape = (3, *(parsed_size(size) or (64, 64)))
    if name is not None:
        make = recipe(name)
        row = _row(name, make, make(shape))
        printed(row, as_json, _told(row, inspect.getdoc(make) or ""))
        return
    rows = []
    lines = [f"weights are those for colour pictures of {shape[1]}×{shape[2]}"]
    for title, makers in grouped().items():
        lines += ["", title]
        for one, make in makers.items():
            row = _row(one, make, make(shape))
            rows.append({"document": title, **row})
            lines.append(f"  {one:35}{row['weights']:>12,}  {_short(row['source'])}".rstrip())
    lines += ["", "narrows recipes NAME describes one"]
    printed(rows, as_json, "\n".join(lines))


def _settings_told(kinds: dict[str, dict[str, dict[str, Any]]]) -> str:
    """For people: a line per part, its numbers with what they are unless told otherwise."""
    lines = [
        "narrows train --set NAME=VALUE changes a number of the recipe (batch_size=64) or of one of",
        "its parts (likelihood.variance=0.1), or takes another part: by its name (bottleneck=top-k),",
        "with its numbers (corruption='{part=\"patch\", size=8}'), several in a list (penalties).",
    ]
    for kind, known in kinds.items():
        lines += ["", kind]
        for name, numbers in known.items():
            shown = ", ".join(
                "=".join(filter(None, [key, "" if value == "needed" else str(value)]))
                for key, value in numbers.items()
            )
            lines.append(f"  {name:<24}{shown}".rstrip())
    return "\n".join(lines)


def _row(name: str, make: Callable[..., Recipe], made: Recipe) -> dict[str, Any]:
    import torch

    from ..recipes import model_in_words, training_in_words

    with torch.device("meta"):
        weights = sum(p.numel() for p in made.build().parameters())
    return {
        "name": name,
        "weights": weights,
        "about": (inspect.getdoc(make) or "").splitlines()[0],
        "source": made.source,
        "pictures": list(made.shape),
        "model": model_in_words(made),
        "training": training_in_words(made),
        "numbers": {
            key: parameter.default
            for key, parameter in inspect.signature(make).parameters.items()
            if key != "shape"
        },
    }


def _told(row: dict[str, Any], doc: str) -> str:
    """One recipe for people: its docstring, then what it comes to."""
    named = [f"{key} = {value}" for key, value in row["numbers"].items()]
    phases = row["training"].split("; then ")
    told = [
        f"{row['name']}  ({row['weights']:,} weights at {row['pictures'][1]}×{row['pictures'][2]})",
        "",
        doc.replace("``", ""),
        "",
        f"source    {row['source']}" if row["source"] else "",
        f"model     {row['model']}",
        *(f"{'training' if i == 0 else 'then':10}{phase}" for i, phase in enumerate(phases)),
        f"numbers   {', '.join(named)} (change one with --set NAME=VALUE)" if named else "",
    ]
    return "\n".join(line for i, line in enumerate(told) if line or i in (1, 3))


def _short(source: str) -> str:
    return source if len(source) <= SOURCE else source[: SOURCE - 1].rstrip() + "…"
