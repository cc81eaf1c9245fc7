"""A studio that is served, and pages of it in a browser."""

from __future__ import annotations

import asyncio
import os
import random
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from asking import TOKEN

from narrows.studio import Session, studio


class Browsing(NamedTuple):
    """A served studio and a way to open pages on it, which must ask nobody else and log no error."""

    address: str
    page: Callable[..., Any]
    wrong: list[str]


@contextmanager
def serving(session: Session) -> Iterator[str]:
    """The address of a studio that uvicorn serves for as long as this is open."""
    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0))
    app: Any = studio(session, token=TOKEN)
    if "STUDIO_DELAYS" in os.environ:
        app = _delayed(app, random.Random(os.environ["STUDIO_DELAYS"]))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True
    )
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/?token={TOKEN}"
    server.should_exit = True
    thread.join(10)


def _delayed(app: Any, draws: random.Random) -> Any:
    """The same app with answers that come in another order: each question waits for up to 0.4 seconds."""

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            await asyncio.sleep(0.4 * draws.random() ** 2)
        await app(scope, receive, send)

    return waits


@contextmanager
def browsing(chromium: Any, served: str) -> Iterator[Browsing]:
    """Pages of one address, as ``browse`` gives them."""
    wrong: list[str] = []
    contexts = []

    def page(width: int = 1280, height: int = 800, **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(8000)
        made = context.new_page()
        own = re.match(r"http://[^/]+/", served)[0]  # type: ignore[index]
        made.on(
            "console",
            lambda m: (
                m.type in ("error", "warning")
                and "status of 409" not in m.text  # rows have changed: the page asks anew
                and wrong.append(f"{m.text} ({m.location.get('url')})")
            ),
        )
        made.on("pageerror", lambda error: wrong.append(str(error)))
        made.on(
            "request",
            lambda asked: asked.url.startswith((own, "data:", "blob:")) or wrong.append(asked.url),
        )
        made.goto(served)
        made.get_by_role(
            "navigation", name="Rooms"
        ).wait_for()  # past the page that keeps the token
        return made

    yield Browsing(served, page, wrong)
    for context in contexts:
        context.close()
    assert wrong == [], wrong
