"""Captions made from labels and factors: sentences in many wordings, drawn by a seed.

source ──attributes──► {"size": (N,), "shape": (N,), …} ──templates, synonyms──► N × wordings sentences

What is known are the factors of sprites and the labels of digits, of clothing and of drawn faces; of
any other set its main label. A column called ``caption`` stands for itself.
"""

from __future__ import annotations

import functools
import re
import string
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..randomness import generator
from .labels import class_names
from .source import Images
from .sprites import SHAPES, Sprites
from .views import Subset

__all__ = ["attributes", "caption_words", "captions", "worded"]

Array = np.ndarray[Any, Any]

OWN = "caption"
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ARTICLES = (
    "t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)  # fmt: skip
SIZES = ("small", "small", "medium", "medium", "large", "large")  # of the six scales of sprites
DIRECTIONS = (
    "down",
    "left",
    "up",
    "right",
)  # the tip of a heart, after none to three quarter turns

# of each kind of picture its attributes; one sentence is drawn, and in it a word for each attribute
TEMPLATES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("shape", "size", "vertical", "horizontal", "direction"): (
        "a {size} {shape} at the {vertical} {horizontal}",
        "a {size} {shape} in the {vertical} {horizontal}",
        "the {size} {shape} in the {vertical} {horizontal} corner",
        "{size} {shape}, {vertical} {horizontal}",
        "{vertical} {horizontal}: a {size} {shape}",
        "a {size} {shape} pointing {direction} at the {vertical} {horizontal}",
        "a {shape} at the {vertical} {horizontal}",
        "a {size} {shape} at the {vertical}",
        "a {size} {shape} on the {horizontal}",
        "a {size} {shape}",
        "a {shape}",
        "a {shape} pointing {direction}",
        "a {size} shape at the {vertical} {horizontal}",
    ),
    ("digit",): (
        "{digit}",
        "a {digit}",
        "the digit {digit}",
        "the number {digit}",
        "a handwritten {digit}",
        "a picture of a {digit}",
    ),
    ("article",): ("{article}", "a {article}", "one {article}", "a picture of a {article}"),
    ("hair", "eyes"): (
        "a face with {hair} hair and {eyes} eyes",
        "{hair} hair and {eyes} eyes",
        "{hair} hair, {eyes} eyes",
        "someone with {eyes} eyes and {hair} hair",
        "a face with {hair} hair",
        "{eyes} eyes",
    ),
    ("label",): ("{label}", "a {label}", "a picture of a {label}"),
}
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "small": ("small", "small", "little"),
    "large": ("large", "large", "big"),
    "top": ("top", "top", "upper"),
    "bottom": ("bottom", "bottom", "lower"),
    "trousers": ("pair of trousers",),
    "ankle boot": ("ankle boot", "boot"),
    **{name: (name, str(i)) for i, name in enumerate(DIGITS)},
}
UNSAID = ("direction",)  # what a full caption may leave out
ROLLS = 8  # numbers that a sentence is drawn by

_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_AN = re.compile(r"\ba (?=[aeiou8])(?!one\b)")


def caption_words(text: str) -> list[str]:
    """The words of a caption: small letters and numbers, hyphens within; no punctuation."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def attributes(source: Any) -> dict[str, Array]:
    """What is known of each of N pictures in words: attribute → (N,); an empty word is unknown.

    Of sprites ``shape``, ``size``, ``vertical``, ``horizontal`` and, of hearts, the ``direction`` of
    the tip; of MNIST and digits ``digit``; of Fashion-MNIST ``article``; of faces ``hair`` and
    ``eyes``; of any other pictures their main ``label``.

    Raises:
        ValueError: nothing is known of these pictures.
    """
    source, rows = _root(source)
    if isinstance(source, Sprites):
        return _of_sprites(source.factors(torch.arange(len(source)) if rows is None else rows))
    labels = {} if not isinstance(source, Images) else source.labels
    if rows is not None:
        labels = {name: column[rows.numpy()] for name, column in labels.items()}
    if not labels:
        raise ValueError(
            "captions are made of labels, and these pictures have none: put a labels.csv with a "
            "column caption, or with any label, into their folder"
        )
    if source.name == "sprites":
        shapes = np.array([SHAPES.index(shape) for shape in labels["shape"]])
        rest = [labels[name] for name in ("scale", "rotation", "x", "y")]
        return _of_sprites(torch.from_numpy(np.stack([shapes, *rest], 1).astype(np.int64)))
    main = next(iter(labels.values()))
    if source.name in ("mnist", "digits"):
        return {"digit": np.array(DIGITS)[main.astype(np.int64)]}
    if source.name == "fashion_mnist":
        return {"article": np.array(ARTICLES)[main.astype(np.int64)]}
    if {"hair", "eyes"} <= set(labels):
        return {name: class_names(labels[name]) for name in ("hair", "eyes")}
    return {"label": class_names(main)}


def captions(source: Any, wordings: int = 8, *, seed: int = 0) -> list[tuple[str, ...]]:
    """Sentences about each of N pictures, N tuples of as many; some say less than is known.

    Args:
        source: Images, Sprites, or some of them, of which something is known.
        wordings: sentences for each picture; they may come twice. Own captions are one each.
        seed: of what each sentence says, and in which words.

    Raises:
        ValueError: nothing is known of these pictures, or no wording is asked for.
    """
    if wordings < 1:
        raise ValueError(f"a picture has at least 1 wording; we got {wordings}")
    root, rows = _root(source)
    own = root.labels.get(OWN) if isinstance(root, Images) else None
    if own is not None:
        return [(text,) for text in class_names(own if rows is None else own[rows.numpy()])]
    values = attributes(source)
    n = len(next(iter(values.values())))
    drawn = generator(seed, "captions")
    rolls = torch.randint(1 << 30, (n, wordings, ROLLS), generator=drawn).tolist()
    columns = {name: column.tolist() for name, column in values.items()}
    return [
        tuple(worded({k: c[i] for k, c in columns.items()}, roll) for roll in rolls[i])
        for i in range(n)
    ]


def worded(values: Mapping[str, str], rolls: Sequence[int], *, full: bool = False) -> str:
    """One sentence of attributes as in ``attributes``; empty where none is known.

    Args:
        rolls: numbers from 0 on, the first chooses the sentence and the others its words.
        full: only sentences that leave nothing out (but the direction of a tip).
    """
    there = frozenset(name for name, value in values.items() if value)
    fitting = _fitting(frozenset(values), there, there - set(UNSAID) if full else frozenset())
    if not fitting:
        return ""
    template, more = fitting[rolls[0] % len(fitting)], rolls[1:]
    chosen = {}
    for name, roll in zip(sorted(_fields(template)), more, strict=False):
        words = SYNONYMS.get(values[name], (values[name],))
        chosen[name] = words[roll % len(words)]
    return _AN.sub("an ", template.format(**chosen))


@functools.cache
def _fitting(names: frozenset[str], there: frozenset[str], said: frozenset[str]) -> tuple[str, ...]:
    """The templates of these attributes that name only what is there, and all that has to be said."""
    return tuple(
        template
        for kind, templates in TEMPLATES.items()
        if names <= set(kind)
        for template in templates
        if said <= _fields(template) <= there
    )


@functools.cache
def _fields(template: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def _root(source: Any) -> tuple[Any, torch.Tensor | None]:
    """What a subset is of, and the positions there (None: all of it)."""
    return (source.source, source.indices) if isinstance(source, Subset) else (source, None)


def _of_sprites(steps: torch.Tensor) -> dict[str, Array]:
    """Factor steps (N, 5) in words."""
    shape, scale, turn, x, y = steps.numpy().T
    half = np.array(["top", "bottom"]), np.array(["left", "right"])
    direction = np.array(DIRECTIONS)[(turn + 5) // 10 % 4]
    direction[shape != SHAPES.index("heart")] = ""
    return {
        "shape": np.array(SHAPES)[shape],
        "size": np.array(SIZES)[scale],
        "vertical": half[0][(y >= 16).astype(int)],
        "horizontal": half[1][(x >= 16).astype(int)],
        "direction": direction,
    }
