"""A studio in process: a model and a collection of digits, the ASGI app around them, a client and a page."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from asking import HERE, TOKEN, Studio, of

import narrows as nw
from narrows.studio import studio


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory, digits: nw.images.Images) -> Path:
    """Principal components of digits as a model: it encodes and decodes as a trained one does."""
    folder = tmp_path_factory.mktemp("studio") / "model"
    recipe = nw.recipes.pca_vae((1, 8, 8), 6).with_(steps=0)
    nw.fit(recipe, digits.select(range(400)), to=folder, report="quiet")
    return folder


@pytest.fixture(scope="session")
def collection_folder(model_folder: Path, digits: nw.images.Images) -> Path:
    """A collection of 300 digits, with a label and a number for each."""
    some = digits.select(range(300))
    some.metadata = {
        "brightness": np.linspace(0, 1, 300).round(3),
        "odd": [i % 2 == 1 for i in range(300)],
    }
    to = model_folder.parent / "digits & more"
    nw.index(model_folder, some, to, progress=False)
    return to


@pytest.fixture(scope="session")
def opened(collection_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """The studio of the 300 digits, without a token."""
    found = of(studio(collection_folder, cache=tmp_path_factory.mktemp("cache")))
    yield found
    found.session.close()


@pytest.fixture(scope="session")
def guarded(collection_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """The same, as it is served: with a token, and read-only."""
    app = studio(
        collection_folder, token=TOKEN, read_only=True, cache=tmp_path_factory.mktemp("cache")
    )
    found = of(app, headers={"origin": HERE})
    yield found
    found.session.close()


# ---- a browser -----------------------------------------------------------------------------------

ARGUMENTS = (
    "--headless --no-sandbox --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


class Browsing(NamedTuple):
    """A served studio and a way to open pages on it, which must ask nobody else and log no error."""

    address: str
    page: Callable[..., Any]
    wrong: list[str]


@pytest.fixture(scope="module")
def served(opened: Studio) -> Iterator[str]:
    """The address of a studio of the digits that uvicorn serves, with a token in it."""
    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0))
    app = studio(opened.session, token=TOKEN)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True
    )
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/?token={TOKEN}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's browser, driven by Playwright, whose event loop runs in this thread while it is there."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright here: pip install 'narrows[dev]'"
    )
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium: Any, served: str) -> Iterator[Browsing]:
    """Pages of the served studio; at the end nothing may have gone wrong on any of them."""
    wrong: list[str] = []
    contexts = []

    def page(width: int = 1280, height: int = 800, **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(8000)
        made = context.new_page()
        own = re.match(r"http://[^/]+/", served)[0]  # type: ignore[index]
        made.on("console", lambda m: m.type in ("error", "warning") and wrong.append(m.text))
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
    assert wrong == []
