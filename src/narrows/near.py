"""The names that somebody may have meant: the end of an error's sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = ["FEW", "meant", "nearest"]

FEW = 20  # names that a sentence still lists


def nearest(name: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Names that hold every word of ``name``, else the one that is spelt most like it.

    >>> nearest("beta-vae", ["pca-vae", "higgins-2017-beta-vae"])
    ['higgins-2017-beta-vae']
    >>> nearest("conv-va", ["conv-vae", "mlp-vae"])
    ['conv-vae']
    """
    known, words = list(names), _words(name)
    holding = [each for each in known if words and words <= _words(each)]
    if holding:
        return holding[:most]
    lowered = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower().replace("_", "-"), lowered, n=1)
    close = close or difflib.get_close_matches(name.lower().replace("-", "_"), lowered, n=1)
    return [lowered[each] for each in close]


def meant(name: str, names: Iterable[str], quoted: bool = True) -> str:
    """``; did you mean 'a' or 'b'?``, or nothing."""
    near = [repr(each) if quoted else each for each in nearest(name, names)]
    if not near:
        return ""
    *most, last = near
    return f"; did you mean {', '.join(most) + ' or ' if most else ''}{last}?"


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", name.lower())) - {""}
