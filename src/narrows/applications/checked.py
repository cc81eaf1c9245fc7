"""A file and whether it is whole: what every kind of check gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import NarrowsError

__all__ = ["Checked", "checked"]


@dataclass(frozen=True)
class Checked:
    """A file, whether it is whole, and what it holds or what is wrong with it."""

    file: str
    whole: bool
    about: str


def checked(file: str, look: Callable[[], str]) -> Checked:
    """What ``look`` says of a file; where it refuses the file, that sentence."""
    try:
        return Checked(file, True, look())
    except (NarrowsError, ValueError, OSError) as error:
        return Checked(file, False, " ".join(str(error).split()))
