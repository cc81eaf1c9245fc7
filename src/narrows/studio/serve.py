"""Serve a studio until Ctrl-C: a socket, an address to open, uvicorn.

the page is served at once ──a browser has it──► the rooms are loaded behind ──► the source is opened
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from typing import Any

import uvicorn

from ..errors import NarrowsError
from .guard import LOOPBACK, Guard
from .page import PAGE, EarlyPage
from .session import Session, opened

__all__ = ["PORT", "serve"]

if importlib.util.find_spec("fastapi") is None:  # it is imported later, behind the page
    raise ImportError("the rooms need FastAPI", name="fastapi")

PORT = 8642
KEPT_OPEN = 75  # seconds of an idle connection: one that closes just as a question comes loses it
PATIENCE = 1.0  # seconds that a browser is given to fetch the page before the rooms are loaded
MINUTES = 3.0  # for which a folder's first model is trained


def serve(
    source: Any = None,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    read_only: bool = False,
    browser: bool = True,
    minutes: float = MINUTES,
    watch: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Open a source and serve its studio.

    Args:
        source: as :func:`opened` takes it.
        host: where to listen; what is no loopback address can be reached from other machines.
        port: None tries ``PORT``, then any that is free.
        read_only: refuse what changes anything.
        browser: open the page.
        minutes: of a folder, how long a model of its pictures is trained behind; 0: none is.
        watch: take in pictures that come into the folder while the studio is open.
        say: gets each line for the terminal.

    Raises:
        BadFile, NoImages: of the source, also where that shows while it is being read.
        NarrowsError: nothing can listen there, or the page was not built.
    """
    if not (PAGE / "index.html").is_file():
        raise NarrowsError("the studio's page is not built: run `make studio` in the checkout")
    session = opened(source, read_only=read_only, minutes=minutes, watch=watch)
    listening = _listening(host, port)
    token = secrets.token_urlsafe(24)
    own = host in LOOPBACK
    names = () if own else ("*", host, socket.gethostname())
    page = EarlyPage()
    app = Guard(page, token=token, hosts=names, read_only=session.read_only)
    at = listening.getsockname()[1]
    shown = "127.0.0.1" if own else _reachable(host)
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{at}/?token={token}"
    say(_greeting(session))
    say(f"  {address}")
    if not own:
        say(
            f"note: {host} can be reached from other machines; whoever has this address with its token "
            "sees what is open here" + ("" if read_only else ", and may change it (--read-only)")
        )
    if session.kind == "pictures" and session.minutes:
        say(
            f"A model of these pictures is trained behind the page, for {minutes:g} minutes, into runs/ "
            "(--no-train: none is)"
        )
    if session.watch:
        say("Pictures that come into its folder are taken in as they come.")
    say("Ctrl-C ends it.")
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, ws_max_size=1 << 20,
        timeout_graceful_shutdown=2, timeout_keep_alive=KEPT_OPEN, lifespan="off",
    )  # fmt: skip
    if browser:
        threading.Timer(0.3, webbrowser.open, (address,)).start()
    server = uvicorn.Server(config)
    threading.Thread(target=_loaded, args=(session, page, server), daemon=True).start()
    try:
        server.run(sockets=[listening])
    finally:
        server.should_exit = True
        page.sent.set()
        session.close()
        if session.failure is None and session.jobs.going():
            # a thread in the middle of a map would keep the process for minutes; what is written is written whole
            sys.stdout.flush()
            os._exit(130)
    if session.failure is not None:
        raise session.failure


def _loaded(session: Session, page: EarlyPage, server: uvicorn.Server) -> None:
    """The rooms behind the page; what cannot be loaded or opened ends the studio."""
    page.sent.wait(PATIENCE)  # importing keeps this process busy, and the page would wait for it
    if server.should_exit:
        return
    try:
        from .app import rooms

        page.rooms = rooms(session)
        session.jobs.wait("opening", None)
    except Exception as error:
        session.failure = error
    if session.failure is not None:
        server.should_exit = True


def _greeting(session: Session) -> str:
    what = {
        "collection": "the collection", "model": "the model", "pictures": "the pictures", "run": "the run",
    }[session.kind]  # fmt: skip
    state = ", read-only" if session.read_only else ""
    return f"Narrows studio: {what} {session.title}{state}"


def _listening(host: str, port: int | None) -> socket.socket:
    """A socket that listens.

    Raises:
        NarrowsError: none can be had there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    tried = [port] if port is not None else [PORT, 0]
    for one in tried:
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, one))
            made.listen(128)
            return made
        except OSError as error:
            made.close()
            if one == tried[-1]:
                raise NarrowsError(
                    f"nothing can listen at {host}, port {one} ({error.strerror or error}): name another "
                    "--port, or --host"
                ) from error
    raise AssertionError("unreachable")


def _reachable(host: str) -> str:
    """A host as others name it: of all addresses this machine's name."""
    return socket.gethostname() if host in ("0.0.0.0", "::") else host
