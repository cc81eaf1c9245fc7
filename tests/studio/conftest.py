"""A studio in process: a model and a collection of digits, the ASGI app around them, a client and a page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import HERE, TOKEN, Studio, of
from browsing import Browsing, browsing, serving
from reviewing import reviewing

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


@pytest.fixture(scope="session")
def reviewed(
    digits: nw.images.Images, model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """A studio of 96 files, into whose columns tests may write."""
    with reviewing(digits, model_folder, tmp_path_factory.mktemp("reviewed")) as made:
        yield made


# ---- a browser -----------------------------------------------------------------------------------

ARGUMENTS = (
    "--headless --no-sandbox --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="module")
def served(opened: Studio) -> Iterator[str]:
    """The address of a studio of the digits that uvicorn serves, with a token in it."""
    with serving(opened.session) as address:
        yield address


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
    with browsing(chromium, served) as made:
        yield made
