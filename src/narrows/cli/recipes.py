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
        bool,
        typer.Option(
            "--parts", help="List the parts that [bold]train --set[/] takes, with their arguments."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List the recipes by document with their size and source, or describe one.

    Example: [bold]narrows recipes kovenko-2020-vae[/]  or  [bold]narrows recipes --parts[/]
    """
    from ..recipes import grouped, recipe
    from .options import parsed_size

    if parts:
        found = _parts()
        printed(found, as_json, _parts_in_lines(found))
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


def _parts() -> list[dict[str, Any]]:
    """Every part by kind: its arguments with their defaults, and what it is in a line."""
    from ..parts import kinds, listed

    rows = []
    for kind in kinds():
        for name, make in listed(kind).items():
            arguments = {
                key: None if parameter.default is parameter.empty else parameter.default
                for key, parameter in inspect.signature(make).parameters.items()
                if parameter.kind is not parameter.VAR_KEYWORD
            }
            about = (inspect.getdoc(make) or "").splitlines()[:1]
            rows.append(
                {"kind": kind, "name": name, "arguments": arguments, "about": "".join(about)}
            )
    return rows


def _parts_in_lines(rows: list[dict[str, Any]]) -> str:
    lines: list[str] = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        told = (f"  {row['name']:22}{', '.join(row['arguments'])}".rstrip() for row in own)
        lines += [*([""] if lines else []), kind, *told]
    return "\n".join([*lines, "", "such as --set corruption=dropout-mask --set corruption.p=0.3"])


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
