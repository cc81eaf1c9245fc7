"""The studio: one local page on which a person without code does what the verbs do.

    a model · a collection · a run · a folder ──► Session ──► rooms (map, search, …) ──► ASGI app
                                                                 │
                                          web/src, built into static/ ──► the page

Each room is a file here, with its routes, and a file of the same name in ``web/src/rooms``. Nothing else
of Narrows imports this package; it imports public names only.
"""

from .seam import studio
from .session import Session, opened

__all__ = ["Session", "opened", "studio"]
