"""The seam: a source in, an ASGI app out.

opened(source) ──► Session ──app.rooms──► FastAPI ──► Guard ──► whoever serves it

The rooms are imported when an app is made: they bring torch, and the page does not wait for that.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .guard import Guard
from .session import Session, opened

__all__ = ["studio"]


def studio(
    source: Any = None,
    *,
    token: str | None = None,
    hosts: Iterable[str] = (),
    read_only: bool = False,
    cache: Path | str | None = None,
    minutes: float = 0.0,
    watch: bool = False,
) -> Guard:
    """The studio of a model and its pictures, as an ASGI app.

    Args:
        source: what :func:`opened` takes, or a :class:`Session`.
        token: that every request has to know, in a cookie, or as a bearer; None lets everybody in who
            can reach it.
        hosts: names under which it is asked for, besides the loopback ones.
        read_only: refuse what changes anything.
        cache: a folder for what can be made again; None: Narrows' own.
        minutes: of a folder of pictures, how long a model of them is trained behind the page.
        watch: take in pictures that come into the folder of what is open; not where it is read-only.

    Raises:
        NoImages: there is no source of that name. What is wrong with one that is there is said on the
            page, and kept as ``session.failure``.
    """
    session = (
        source
        if isinstance(source, Session)
        else opened(source, read_only=read_only, cache=cache, minutes=minutes, watch=watch)
    )
    from .app import rooms

    guard = Guard(rooms(session), token=token, hosts=hosts, read_only=session.read_only)
    guard.session = session
    return guard
