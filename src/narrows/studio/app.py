"""All rooms of a studio as one app, without its guard.

Session ──routes of each room──► FastAPI

An error of the library is its sentence, without the addresses of this machine; any other is said on the
terminal, and the page hears that much.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Annotated, Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.websockets import WebSocketDisconnect

from ..errors import NarrowsError
from . import duplicates, label, latent, lesson, outliers, pictures, restore, search, share, train
from . import map as map_room
from .guard import Refused
from .jobs import FAILED
from .page import page_routes
from .session import Changed, Session
from .watch import watch_folder

__all__ = ["ROOMS", "rooms"]

ROOMS: tuple[ModuleType, ...] = (
    map_room,
    search,
    outliers,
    duplicates,
    label,
    latent,
    restore,
    train,
    share,
)
"""Each has a NAME, ``missing(session)``, the sentence why it cannot be used, and ``routes(session)``."""

LOOKS = 0.1  # seconds between two looks at what goes on
BEATS = 5.0  # seconds after which a page hears that the studio is still there


class Named(BaseModel):
    """What goes on, by the name that the state gives it."""

    name: Annotated[str, Field(max_length=100)]


def rooms(session: Session) -> FastAPI:
    """Everything of a studio but its guard, with what it opens being read."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        yield
        session.close()

    app = FastAPI(title="Narrows studio", docs_url=None, redoc_url=None, lifespan=life)
    app.state.session = session
    _errors(app, session)

    @app.get("/api/state")
    def state() -> dict[str, Any]:
        """What is open, which rooms can be used, and what goes on."""
        return _state(session)

    @app.post("/api/jobs/stop")
    def stop(asked: Named) -> dict[str, Any]:
        """End what goes on, where a person may; it ends where it says next how far it is."""
        return {"job": session.jobs.stop(asked.name).name}

    @app.websocket("/api/live")
    async def live(socket: WebSocket) -> None:
        """The state whenever it changes, and a beat in between."""
        await socket.accept()
        seen, quiet = -1, 0.0
        heard = asyncio.create_task(_until_gone(socket))
        try:
            while not heard.done():
                changes = session.jobs.changes
                if changes != seen or quiet >= BEATS:
                    seen, quiet = changes, 0.0
                    await socket.send_json(_state(session))
                quiet += LOOKS
                if quiet > BEATS / 2:
                    await run_in_threadpool(session.look)
                await asyncio.sleep(LOOKS)
        except (WebSocketDisconnect, RuntimeError):  # gone while it was being told
            pass
        finally:
            heard.cancel()

    for room in ROOMS:
        app.include_router(room.routes(session))
    app.include_router(pictures.routes(session))
    app.include_router(lesson.routes(session))

    app.router.routes.extend(page_routes())
    watch_folder(session)
    session.begin()
    return app


def _state(session: Session) -> dict[str, Any]:
    rooms = {room.NAME: session.said(room.missing(session)) for room in ROOMS}
    return {**session.document(), "rooms": rooms}


async def _until_gone(socket: WebSocket) -> None:
    """A page says nothing here; what it sends is dropped."""
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, RuntimeError, KeyError):
        pass


def _errors(app: FastAPI, session: Session) -> None:
    def told(status: int, error: Exception | str, **more: Any) -> JSONResponse:
        return JSONResponse({"message": session.said(error), **more}, status)

    @app.exception_handler(Changed)
    async def changed(request: Request, error: Changed) -> JSONResponse:
        return told(409, error)

    @app.exception_handler(NarrowsError)
    async def refused(request: Request, error: NarrowsError) -> JSONResponse:
        return told(422, error)

    @app.exception_handler(ValueError)
    async def wrong(request: Request, error: ValueError) -> JSONResponse:
        return told(400, error)

    @app.exception_handler(Refused)
    async def guarded(request: Request, error: Refused) -> JSONResponse:
        return told(error.status, error)

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(piece) for piece in first.get("loc", ())[1:]) or "the request"
        return told(422, f"{place[:80]}: {first.get('msg', 'it cannot be read')}")

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        what = "there is nothing of that name here" if error.status_code == 404 else error.detail
        return told(error.status_code, str(what))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        traceback.print_exception(error, file=sys.stderr)
        return told(500, FAILED)
