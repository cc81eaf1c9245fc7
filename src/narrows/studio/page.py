"""The page itself, which is there at once; the rooms behind it load what computes meanwhile.

    / · /static ──► the page         anything else ──► waits for the rooms ──► answered by them

torch and FastAPI take seconds to be imported, the page takes none of that; it asks and shows that it waits.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["PAGE", "EarlyPage", "page_routes"]

PAGE = Path(__file__).parent / "static"
SCRIPT = "/static/main.js"  # with which a browser has all that it draws the page with
LOOKS = 0.02  # seconds between two looks at whether the rooms are there


def page_routes() -> list[BaseRoute]:
    """The page and what it is made of."""

    async def page(request: Request) -> FileResponse:
        return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})

    return [
        Route("/", page),
        Mount("/static", StaticFiles(directory=PAGE), name="static"),
    ]


class EarlyPage:
    """An ASGI app that is the page, and the rooms from when they are there.

    Attributes:
        rooms: what answers everything else; None before.
        sent: whether a browser has the page.
    """

    def __init__(self) -> None:
        self.rooms: ASGIApp | None = None
        self.sent = threading.Event()
        self._page = Starlette(routes=page_routes())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As every ASGI app."""
        path = scope.get("path", "")
        if scope["type"] == "http" and (path == "/" or path.startswith("/static/")):
            await self._page(scope, receive, send)
            if path == SCRIPT:
                self.sent.set()
            return
        while self.rooms is None:
            await asyncio.sleep(LOOKS)
        await self.rooms(scope, receive, send)
