"""A folder in the browser: what is in it, the model behind, a switch of models under the hands, a lost connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import TOKEN, Studio, of
from browsing import browsing, serving
from reviewing import folder_of
from test_folder import trained
from test_page import PHONE, SIZES, WIDE, drawn, expect

import narrows as nw
from narrows.studio import studio


@pytest.fixture(scope="module")
def there(digits: nw.images.Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio of a folder of digits, with a file that cannot be read and a copy."""
    root = tmp_path_factory.mktemp("folder")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NARROWS_CACHE", str(root / "narrows"))
        patched.chdir(root)
        pictures = folder_of(digits, root / "Prüfling", 60)
        (pictures / "à la mer.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
        made = of(studio(pictures, cache=root / "cache"))
        yield made
        made.session.close()


@pytest.fixture
def page_of(chromium: Any, there: Studio) -> Iterator[Any]:
    with serving(there.session) as address, browsing(chromium, address) as made:
        yield made


@pytest.mark.parametrize("width, height", SIZES)
def test_what_is_here_is_one_click_away(page_of: Any, width: int, height: int) -> None:
    page = page_of.page(width, height)
    drawn(page)
    page.locator(".here summary").first.click()
    here = page.get_by_role("region", name="What is here")
    assert "67" in here.locator("dd").first.inner_text()
    here.get_by_text("which").first.click()
    here.get_by_text("à la mer.png").wait_for()
    box = here.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_another_model_takes_over_and_the_selection_stays(
    page_of: Any, there: Studio, tmp_path: Path
) -> None:
    run = trained(there.session.subject, tmp_path / "mine", 3)
    page = page_of.page(*WIDE)
    drawn(page)
    page.get_by_role("link", name="Search").click()
    page.locator(".tile .open").nth(3).click(modifiers=["Control"])
    page.locator(".tile .open").nth(5).click()
    page.get_by_text("48 nearest").wait_for()
    before = page.locator(".away").all_inner_texts()
    there.session.jobs.again("adopting", "a test", lambda told: there.session.adopt(run, told))
    page.locator(".toasts", has_text="The model mine is in use").wait_for()
    expect(page, f"document.querySelector('.away')?.innerText !== '{before[0]}'")
    page.get_by_text("1 selected").wait_for()
    assert page.locator(".terms .term").count() == 1
    page.get_by_role("link", name="Map").click()
    drawn(page)


def test_a_sketch_is_searched_for(page_of: Any) -> None:
    page = page_of.page(*WIDE)
    page.get_by_role("link", name="Search").click()
    page.get_by_role("button", name="Draw one").click()
    pad = page.locator(".pad")
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.15 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.85 * box["height"], steps=6)
    page.mouse.up()
    page.get_by_text("48 nearest").wait_for()
    assert page.locator(".terms .term").count() == 1
    first = page.evaluate("document.querySelector('.terms img').src")
    pad.focus()
    for key in ("ArrowLeft", "ArrowLeft", "Space"):
        page.keyboard.press(key)
    expect(page, f"document.querySelector('.terms img').src !== '{first}'")
    assert page.locator(".terms .term").count() == 1
    ink = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.reduce((a, b) => a + b, 0)"
    more = pad.evaluate(ink)
    page.get_by_role("button", name="Undo").click()
    assert 0 < pad.evaluate(ink) < more
    page.get_by_role("button", name="Clear").click()
    assert pad.evaluate(ink) == 0


@pytest.mark.slow
def test_a_finger_draws_on_a_phone(page_of: Any) -> None:
    page = page_of.page(*PHONE, has_touch=True, color_scheme="dark")
    page.get_by_role("link", name="Search").click()
    page.get_by_role("button", name="Draw one").tap()
    page.locator(".pad").tap()
    page.get_by_text("48 nearest").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


class Server:
    """A studio at one address, that can be stopped and started again."""

    def __init__(self, session: Any) -> None:
        self.session = session
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def start(self) -> None:
        import asyncio

        import uvicorn

        listening = socket.create_server(("127.0.0.1", self.port))
        app: Any = studio(self.session, token=TOKEN)
        config = uvicorn.Config(
            app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=lambda: asyncio.run(self.server.serve(sockets=[listening])), daemon=True
        )
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)


def test_a_lost_connection_is_said_and_the_page_goes_on(chromium: Any, opened: Studio) -> None:
    server = Server(opened.session)
    server.start()
    address = f"http://127.0.0.1:{server.port}/?token={TOKEN}"
    with browsing(chromium, address) as made:
        page = made.page(*WIDE)
        drawn(page)
        page.get_by_role("link", name="Search").click()
        page.locator(".tile .open").nth(3).click()
        page.get_by_text("48 nearest").wait_for()
        server.stop()
        lost = page.get_by_text("The connection to the studio is lost")
        lost.wait_for()
        page.locator(".tile .open").nth(7).click()
        page.locator(".toasts .error", has_text="does not answer").wait_for()
        server.start()
        lost.wait_for(state="hidden", timeout=15000)
        # what was asked meanwhile is asked again by itself
        page.get_by_text("48 nearest").wait_for()
        page.get_by_role("link", name="Map").click()
        drawn(page)
        # what a browser logs of a server that is not there; nothing else
        assert all("ERR_CONNECTION" in t or "WebSocket" in t or "net::" in t for t in made.wrong), (
            made.wrong
        )
        made.wrong.clear()
    server.stop()
