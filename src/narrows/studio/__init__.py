"""The studio: one local page on which a person without code does what the verbs do.

    a model · a collection · a run · a folder ──► Session ──► rooms (map, search, …) ──► ASGI app
                                                                 │
                                          web/src, built into static/ ──► the page

Each room is a file here, with its routes, and a file of the same name in ``web/src/rooms``. Nothing else
of Narrows imports this package; it imports public names only.
"""

<<<<<<< HEAD
from __future__ import annotations

import typing

from .session import Session, opened

if typing.TYPE_CHECKING:
    from .app import studio

__all__ = ["Session", "opened", "studio"]


def __getattr__(name: str) -> object:
    """The rooms are loaded when they are first used: the page does not wait for them."""
    if name != "studio":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .app import studio

    globals()[name] = studio
    return studio
=======
from .seam import studio
from .session import Session, opened

__all__ = ["Session", "opened", "studio"]
>>>>>>> lessons
