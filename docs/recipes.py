"""Writes docs/recipes.md, the page of all recipes, from the recipes: `python docs/recipes.py`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import torch

import narrows as nw

PAGE = Path(__file__).with_suffix(".md")
HEAD = """# Recipes

*Written by `python docs/recipes.py` from the recipes; do not edit it.*

A recipe is a model and its training as data. `narrows train PICTURES --recipe NAME` follows one,
`narrows recipes NAME` describes one, and `--set` changes a number of it. In Python each is a function
of `narrows.recipes`. Weights are counted at the size of pictures that stands beside them, which is the
document's own where it has one; every recipe takes pictures of other sizes.
"""
ANY = (3, 64, 64)  # for recipes that belong to no document


def page() -> str:
    """The whole of it."""
    pieces = [HEAD]
    for title, makers in nw.recipes.grouped().items():
        pieces.append(f"## {title}\n")
        pieces.append("| recipe | weights | pictures | model | training | source |")
        pieces.append("| --- | --: | --- | --- | --- | --- |")
        pieces += [_row(name, make) for name, make in makers.items()]
        pieces.append("")
        pieces += [_section(name, make) for name, make in makers.items()]
    return "\n".join(pieces).rstrip() + "\n"


def _row(name: str, make: Callable[..., nw.Recipe]) -> str:
    made = make(_shape(make))
    with torch.device("meta"):
        weights = sum(p.numel() for p in made.build().parameters())
    pictures = "×".join(map(str, made.shape))
    words = (nw.recipes.model_in_words(made), nw.recipes.training_in_words(made), made.source)
    return f"| [`{name}`](#{name}) | {weights:,} | {pictures} | {' | '.join(words)} |"


def _section(name: str, make: Callable[..., nw.Recipe]) -> str:
    """Name, call and docstring, without the arguments that are the same for all."""
    text, _, arguments = (inspect.getdoc(make) or "").partition("\nArgs:\n")
    own = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", arguments, re.M)
    told = [f"- `{key}`: {' '.join(said.split())}" for key, said in own if key != "shape"]
    blank = [""] if told else []
    return "\n".join([f"### {name}\n", text.strip().replace("``", "`"), "", *told, *blank])


def _shape(make: Callable[..., nw.Recipe]) -> tuple[int, ...]:
    default = inspect.signature(make).parameters["shape"].default
    return ANY if default is inspect.Parameter.empty else tuple(default)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(PAGE.parents[1])}")
